// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/collection_capability.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/wire/wire_filter.h"
#include "client/wire/wire_point.h"
#include "client/wire/wire_query.h"
#include "client/wire/wire_result.h"
#include "client/wire/wire_status.h"
#include "client/wire/wire_status_report.h"
#include "perigee/model/limits.h"
#include "server/rpc/result_pages.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"

namespace perigee::server {
namespace {

using Clock = std::chrono::steady_clock;

// A client that pulls pages: dropping the capability drops what is left.
template <typename Interface>
class PagesCapability final : public Interface::Server {
 public:
  explicit PagesCapability(std::vector<OwnedMessage> pages) : pages_(std::move(pages)) {}

  kj::Promise<void> next(typename Interface::Server::NextContext context) override {
    if (next_ == pages_.size()) {
      wire::EncodeStatus(absl::OutOfRangeError("there are no more pages"),
                         context.getResults().initResult().initStatus());
      return kj::READY_NOW;
    }
    const OwnedMessage page = std::move(pages_[next_++]);
    const auto root = page->template getRoot<typename Interface::Page>().asReader();
    context.initResults(root.totalSize()).initResult().setPage(root);
    return kj::READY_NOW;
  }

 private:
  std::vector<OwnedMessage> pages_;
  size_t next_ = 0;
};

void AttachRest(std::vector<OwnedMessage> rest, schema::QueryResult::Builder out) {
  if (!rest.empty()) {
    out.setRest(kj::heap<PagesCapability<schema::HitPages>>(std::move(rest)));
  }
}

template <typename Context>
void AnswerPoints(Context context, absl::StatusOr<ResultPages> pages) {
  if (!pages.ok()) {
    wire::EncodeStatus(pages.status(), context.getResults().initResult().initStatus());
    return;
  }
  const auto first = pages->first->getRoot<schema::PointPage>().asReader();
  auto result = context.initResults(first.totalSize()).initResult();
  result.setPage(first);
  if (!pages->rest.empty()) {
    result.getPage().setRest(kj::heap<PagesCapability<schema::PointPages>>(std::move(pages->rest)));
  }
}

template <typename Context>
void AnswerWrite(Context context, const absl::StatusOr<WriteResult>& written) {
  auto result = context.getResults().initResult();
  if (written.ok()) {
    wire::EncodeWriteResult(*written, result.initWritten());
  } else {
    wire::EncodeStatus(written.status(), result.initStatus());
  }
}

template <typename Context>
void AnswerStatus(Context context, const absl::Status& status) {
  wire::EncodeStatus(status, context.getResults().initStatus());
}

absl::StatusOr<Nothing> NothingOr(const absl::Status& status) {
  return status.ok() ? absl::StatusOr<Nothing>(Nothing{}) : absl::StatusOr<Nothing>(status);
}

// The time that a query may still take after it has waited for a thread.
absl::Status SpendWaiting(Clock::time_point received, Query& query) {
  const auto waited =
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - received).count();
  // Zero and too much are the model's to refuse.
  if (waited <= 0 || query.timeout_ms == 0 || query.timeout_ms > limits::kTimeoutMsMax) {
    return absl::OkStatus();
  }
  if (waited >= query.timeout_ms) {
    return absl::DeadlineExceededError(absl::StrCat("the query waited ", waited,
                                                    " ms for a thread; its timeout_ms is ",
                                                    query.timeout_ms, "; the server is busy"));
  }
  query.timeout_ms -= static_cast<uint32_t>(waited);
  return absl::OkStatus();
}

struct UnparsedUpsert {
  std::vector<wire::UnparsedPoint> points;
  UpsertMode mode = UpsertMode::kUpsert;
};

absl::StatusOr<std::vector<Query>> DecodeQueries(capnp::List<schema::Query>::Reader in) {
  PERIGEE_RETURN_IF_ERROR(wire::CheckCount("the batch", in.size(), limits::kQueryBatchMax));
  std::vector<Query> queries;
  for (kj::uint i = 0; i < in.size(); ++i) {
    absl::StatusOr<Query> query = wire::DecodeQuery(in[i]);
    if (!query.ok()) {
      return WithContext(query.status(), absl::StrCat("queries[", i, "]"));
    }
    queries.push_back(*std::move(query));
  }
  return queries;
}

template <typename Params>
absl::StatusOr<ScrollRequest> DecodeScroll(Params params) {
  ScrollRequest request;
  request.limit = params.getLimit();
  if (params.hasFilter()) {
    PERIGEE_ASSIGN_OR_RETURN(request.filter, wire::DecodeFilter(params.getFilter()));
  }
  PERIGEE_ASSIGN_OR_RETURN(request.cursor,
                           wire::CopyText("the cursor", params.getCursor(), wire::kNameBytesMax));
  if (params.hasWithPayload()) {
    PERIGEE_ASSIGN_OR_RETURN(request.with_payload, wire::DecodeSelector(params.getWithPayload()));
  }
  if (params.hasWithVectors()) {
    PERIGEE_ASSIGN_OR_RETURN(request.with_vectors, wire::DecodeSelector(params.getWithVectors()));
  }
  return request;
}

template <typename Params>
absl::StatusOr<GetRequest> DecodeGet(Params params) {
  GetRequest request;
  PERIGEE_ASSIGN_OR_RETURN(request.ids,
                           wire::DecodeIds(params.getIds(), limits::kWriteBatchPointsMax));
  if (params.hasWithPayload()) {
    PERIGEE_ASSIGN_OR_RETURN(request.with_payload, wire::DecodeSelector(params.getWithPayload()));
  }
  if (params.hasWithVectors()) {
    PERIGEE_ASSIGN_OR_RETURN(request.with_vectors, wire::DecodeSelector(params.getWithVectors()));
  }
  return request;
}

}  // namespace

kj::Promise<void> CollectionCapability::describe(DescribeContext context) {
  return service_.Serve(
      context, Lane::kRead, []() -> absl::StatusOr<Nothing> { return Nothing{}; },
      [collection = collection_](Nothing) { return collection.Describe(); },
      [context](absl::StatusOr<CollectionDescription> description) mutable {
        auto result = context.getResults().initResult();
        if (description.ok()) {
          wire::EncodeDescription(*description, result.initDescription());
        } else {
          wire::EncodeStatus(description.status(), result.initStatus());
        }
      });
}

kj::Promise<void> CollectionCapability::upsert(UpsertContext context) {
  return service_.Serve(
      context, Lane::kWrite,
      [&context]() -> absl::StatusOr<UnparsedUpsert> {
        UnparsedUpsert request;
        PERIGEE_ASSIGN_OR_RETURN(request.points, wire::DecodePoints(context.getParams().getPoints(),
                                                                    limits::kWriteBatchPointsMax));
        PERIGEE_ASSIGN_OR_RETURN(request.mode, wire::DecodeMode(context.getParams().getMode()));
        return request;
      },
      [collection = collection_](UnparsedUpsert unparsed) mutable -> absl::StatusOr<WriteResult> {
        UpsertRequest request = {.points = {}, .mode = unparsed.mode};
        PERIGEE_ASSIGN_OR_RETURN(request.points, wire::ParsePoints(std::move(unparsed.points)));
        if (CanaryActive("reply-before-commit") && request.mode == UpsertMode::kUpsert) {
          std::thread([collection, request = std::move(request)]() mutable {
            // So that a kill falls in between, on a fast machine too.
            absl::SleepFor(absl::Milliseconds(5));
            collection.Upsert(request).status().IgnoreError();
          }).detach();
          return WriteResult();
        }
        return collection.Upsert(request);
      },
      [context](absl::StatusOr<WriteResult> written) { AnswerWrite(context, written); });
}

kj::Promise<void> CollectionCapability::delete_(DeleteContext context) {
  return service_.Serve(
      context, Lane::kWrite,
      [&context]() -> absl::StatusOr<DeleteRequest> {
        DeleteRequest request;
        PERIGEE_ASSIGN_OR_RETURN(request.ids, wire::DecodeIds(context.getParams().getIds(),
                                                              limits::kWriteBatchPointsMax));
        return request;
      },
      [collection = collection_](const DeleteRequest& request) mutable {
        return collection.Delete(request);
      },
      [context](absl::StatusOr<WriteResult> written) { AnswerWrite(context, written); });
}

kj::Promise<void> CollectionCapability::get(GetContext context) {
  return service_.Serve(
      context, Lane::kRead, [&context]() { return DecodeGet(context.getParams()); },
      [collection = collection_](const GetRequest& request) -> absl::StatusOr<ResultPages> {
        PERIGEE_ASSIGN_OR_RETURN(GetResult found, collection.Get(request));
        return MakePointPages({.points = std::move(found.points),
                               .next_cursor = {},
                               .seq = found.seq,
                               .epoch = found.epoch});
      },
      [context](absl::StatusOr<ResultPages> pages) { AnswerPoints(context, std::move(pages)); });
}

kj::Promise<void> CollectionCapability::query(QueryContext context) {
  return service_.Serve(
      context, Lane::kRead,
      [&context]() { return wire::DecodeQuery(context.getParams().getQuery()); },
      [collection = collection_,
       received = Clock::now()](Query query) -> absl::StatusOr<ResultPages> {
        PERIGEE_RETURN_IF_ERROR(SpendWaiting(received, query));
        PERIGEE_ASSIGN_OR_RETURN(const QueryResult result, collection.Query(query));
        return MakeQueryPages(result);
      },
      [context](absl::StatusOr<ResultPages> pages) mutable {
        if (!pages.ok()) {
          wire::EncodeStatus(pages.status(), context.getResults().initResult().initStatus());
          return;
        }
        const auto first = pages->first->getRoot<schema::QueryResult>().asReader();
        auto result = context.initResults(first.totalSize()).initResult();
        result.setAnswer(first);
        AttachRest(std::move(pages->rest), result.getAnswer());
      });
}

kj::Promise<void> CollectionCapability::queryBatch(QueryBatchContext context) {
  return service_.Serve(
      context, Lane::kRead,
      [&context]() { return DecodeQueries(context.getParams().getQueries()); },
      [collection = collection_, received = Clock::now()](
          std::vector<Query> queries) -> absl::StatusOr<std::vector<ResultPages>> {
        for (Query& query : queries) {
          PERIGEE_RETURN_IF_ERROR(SpendWaiting(received, query));
        }
        PERIGEE_ASSIGN_OR_RETURN(const std::vector<QueryResult> results,
                                 collection.QueryBatch(queries));
        // The first pages share one message.
        std::vector<ResultPages> answers;
        size_t room = kPageBytes;
        for (const QueryResult& result : results) {
          answers.push_back(MakeQueryPages(result, room));
          room -= std::min(room, answers.back().first_bytes);
        }
        return answers;
      },
      [context](absl::StatusOr<std::vector<ResultPages>> answers) mutable {
        auto result = context.getResults().initResult();
        if (!answers.ok()) {
          wire::EncodeStatus(answers.status(), result.initStatus());
          return;
        }
        auto list = result.initAnswers(wire::WireCount(answers->size()));
        for (kj::uint i = 0; i < list.size(); ++i) {
          ResultPages& pages = (*answers)[i];
          list.setWithCaveats(i, pages.first->getRoot<schema::QueryResult>().asReader());
          AttachRest(std::move(pages.rest), list[i]);
        }
      });
}

kj::Promise<void> CollectionCapability::count(CountContext context) {
  return service_.Serve(
      context, Lane::kRead,
      [&context]() -> absl::StatusOr<CountRequest> {
        CountRequest request;
        if (context.getParams().hasFilter()) {
          PERIGEE_ASSIGN_OR_RETURN(request.filter,
                                   wire::DecodeFilter(context.getParams().getFilter()));
        }
        return request;
      },
      [collection = collection_](const CountRequest& request) { return collection.Count(request); },
      [context](absl::StatusOr<CountResult> counted) mutable {
        auto result = context.getResults().initResult();
        if (!counted.ok()) {
          wire::EncodeStatus(counted.status(), result.initStatus());
          return;
        }
        auto out = result.initCounted();
        out.setCount(counted->count);
        out.setFilterScanned(counted->filter_scanned);
        out.setSeq(counted->seq);
        out.setEpoch(counted->epoch);
      });
}

kj::Promise<void> CollectionCapability::scroll(ScrollContext context) {
  return service_.Serve(
      context, Lane::kRead, [&context]() { return DecodeScroll(context.getParams()); },
      [collection = collection_](const ScrollRequest& request) -> absl::StatusOr<ResultPages> {
        PERIGEE_ASSIGN_OR_RETURN(const ScrollResult found, collection.Scroll(request));
        return MakePointPages(found);
      },
      [context](absl::StatusOr<ResultPages> pages) { AnswerPoints(context, std::move(pages)); });
}

kj::Promise<void> CollectionCapability::explain(ExplainContext context) {
  return service_.Serve(
      context, Lane::kRead,
      [&context]() { return wire::DecodeQuery(context.getParams().getQuery()); },
      [collection = collection_](const Query& query) { return collection.Explain(query); },
      [context](absl::StatusOr<ExplainResult> plan) mutable {
        auto result = context.getResults().initResult();
        if (plan.ok()) {
          wire::EncodeExplainResult(*plan, result.initPlan());
        } else {
          wire::EncodeStatus(plan.status(), result.initStatus());
        }
      });
}

kj::Promise<void> CollectionCapability::flush(FlushContext context) {
  return service_.Serve(
      context, Lane::kAdministration, []() -> absl::StatusOr<Nothing> { return Nothing{}; },
      [collection = collection_](Nothing) mutable { return NothingOr(collection.Flush()); },
      [context](const absl::StatusOr<Nothing>& done) { AnswerStatus(context, done.status()); });
}

kj::Promise<void> CollectionCapability::optimize(OptimizeContext context) {
  return service_.Serve(
      context, Lane::kAdministration, []() -> absl::StatusOr<Nothing> { return Nothing{}; },
      [collection = collection_](Nothing) mutable { return NothingOr(collection.Optimize()); },
      [context](const absl::StatusOr<Nothing>& done) { AnswerStatus(context, done.status()); });
}

}  // namespace perigee::server
