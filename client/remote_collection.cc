// SPDX-License-Identifier: Apache-2.0
#include "perigee/client/remote_collection.h"

#include <capnp/message.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/rpc_thread.h"
#include "client/wire/frame_guard.h"
#include "client/wire/wire_bounds.h"
#include "client/wire/wire_filter.h"
#include "client/wire/wire_point.h"
#include "client/wire/wire_query.h"
#include "client/wire/wire_result.h"
#include "client/wire/wire_status.h"
#include "client/wire/wire_status_report.h"
#include "perigee/model/limits.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"

namespace perigee::client {
namespace {

using CallKind = RpcThread::CallKind;
using schema::Collection;

// The server ends a query at its own timeout; the client waits a little longer for that answer.
constexpr uint32_t kAnswerGraceMs = 2'000;
// A request travels with a few words of the RPC protocol.
constexpr uint64_t kRequestBytesMax = wire::kAuthenticatedLimits.message_bytes_max - (64U << 10U);

// Parameters are made on the caller's thread; the connection's thread copies them (K10).
absl::Status CheckRequestSize(capnp::MallocMessageBuilder& message) {
  const uint64_t bytes = uint64_t{message.sizeInWords()} * sizeof(capnp::word);
  if (bytes <= kRequestBytesMax) {
    return absl::OkStatus();
  }
  return ErrorWithReason(ErrorReason::kLimit,
                         absl::StrCat("the request takes ", bytes, " bytes; the limit is ",
                                      kRequestBytesMax, "; split it"));
}

absl::Status StatusOfReply(schema::Status::Reader status) {
  return status.getCode() == 0 ? absl::OkStatus() : wire::DecodeStatus(status);
}

absl::Status ReadWrite(Collection::Write::Reader result, WriteResult& written) {
  if (!result.isWritten()) {
    return wire::DecodeStatus(result.getStatus());
  }
  PERIGEE_ASSIGN_OR_RETURN(written, wire::DecodeWriteResult(result.getWritten()));
  return absl::OkStatus();
}

kj::Promise<absl::Status> PullHits(schema::HitPages::Client pages,
                                   std::vector<wire::UnparsedHit>& hits) {
  return pages.nextRequest().send().then(
      [pages, &hits](auto&& response) mutable -> kj::Promise<absl::Status> {
        const auto result = response.getResult();
        if (!result.isPage()) {
          return wire::DecodeStatus(result.getStatus());
        }
        const auto page = result.getPage();
        if (absl::Status status = wire::DecodeHits(page.getHits(), hits); !status.ok()) {
          return status;
        }
        return page.getLast() ? kj::Promise<absl::Status>(absl::OkStatus())
                              : PullHits(kj::mv(pages), hits);
      });
}

// Takes the first page of an answer and pulls the others.
kj::Promise<absl::Status> PullAnswer(schema::QueryResult::Reader in,
                                     wire::UnparsedQueryResult& out) {
  absl::StatusOr<wire::UnparsedQueryResult> first = wire::DecodeQueryResult(in);
  if (!first.ok()) {
    return first.status();
  }
  out = *std::move(first);
  if (!in.hasRest()) {
    return absl::OkStatus();
  }
  return PullHits(in.getRest(), out.hits);
}

// A reply of get or scroll, before its payloads are parsed.
struct PointsReply {
  std::vector<wire::UnparsedPoint> points;
  uint64_t seq = 0;
  uint64_t epoch = 0;
  std::string next_cursor;
};

absl::Status AppendPoints(wire::PointListReader in, std::vector<wire::UnparsedPoint>& points) {
  PERIGEE_ASSIGN_OR_RETURN(std::vector<wire::UnparsedPoint> page,
                           wire::DecodePoints(in, limits::kScrollLimitMax));
  PERIGEE_RETURN_IF_ERROR(
      wire::CheckCount("the answer", points.size() + page.size(), limits::kScrollLimitMax));
  std::move(page.begin(), page.end(), std::back_inserter(points));
  return absl::OkStatus();
}

kj::Promise<absl::Status> PullPoints(schema::PointPages::Client pages,
                                     std::vector<wire::UnparsedPoint>& points) {
  return pages.nextRequest().send().then(
      [pages, &points](auto&& response) mutable -> kj::Promise<absl::Status> {
        const auto result = response.getResult();
        if (!result.isPage()) {
          return wire::DecodeStatus(result.getStatus());
        }
        const auto page = result.getPage();
        if (absl::Status status = AppendPoints(page.getPoints(), points); !status.ok()) {
          return status;
        }
        return page.getLast() ? kj::Promise<absl::Status>(absl::OkStatus())
                              : PullPoints(kj::mv(pages), points);
      });
}

kj::Promise<absl::Status> PullReply(Collection::Points::Reader result, PointsReply& reply) {
  if (!result.isPage()) {
    return wire::DecodeStatus(result.getStatus());
  }
  const schema::PointPage::Reader page = result.getPage();
  reply = PointsReply();
  reply.seq = page.getSeq();
  reply.epoch = page.getEpoch();
  reply.next_cursor = std::string(page.getNextCursor().begin(), page.getNextCursor().size());
  if (absl::Status status = AppendPoints(page.getPoints(), reply.points); !status.ok()) {
    return status;
  }
  if (!page.hasRest()) {
    return absl::OkStatus();
  }
  return PullPoints(page.getRest(), reply.points);
}

}  // namespace

RemoteCollection::RemoteCollection(std::shared_ptr<RpcThread> thread, std::string name,
                                   CollectionSchema schema)
    : thread_(std::move(thread)), name_(std::move(name)), schema_(std::move(schema)) {}

absl::StatusOr<WriteResult> RemoteCollection::Upsert(const UpsertRequest& request) {
  PERIGEE_RETURN_IF_ERROR(
      wire::CheckCount("upsert", request.points.size(), limits::kWriteBatchPointsMax));
  capnp::MallocMessageBuilder message;
  auto params = message.initRoot<Collection::UpsertParams>();
  auto points = params.initPoints(wire::WireCount(request.points.size()));
  for (size_t i = 0; i < request.points.size(); ++i) {
    const absl::StatusOr<std::string> payload = wire::PayloadText(request.points[i].payload);
    if (!payload.ok()) {
      return WithContext(payload.status(), absl::StrCat("points[", i, "]"));
    }
    wire::EncodePoint(request.points[i], *payload, points[wire::WireCount(i)]);
  }
  params.setMode(wire::EncodeMode(request.mode));
  PERIGEE_RETURN_IF_ERROR(CheckRequestSize(message));
  const Collection::UpsertParams::Reader reader = params.asReader();
  WriteResult written;
  PERIGEE_RETURN_IF_ERROR(thread_->CallCollection(
      {.kind = CallKind::kWrite, .timeout_ms = thread_->call_timeout_ms(), .what = "upsert"}, name_,
      [&reader, &written](Collection::Client collection) {
        auto call = collection.upsertRequest(reader.totalSize());
        call.setPoints(reader.getPoints());
        call.setMode(reader.getMode());
        return call.send().then(
            [&written](auto&& response) { return ReadWrite(response.getResult(), written); });
      }));
  return written;
}

absl::StatusOr<WriteResult> RemoteCollection::Delete(const DeleteRequest& request) {
  PERIGEE_RETURN_IF_ERROR(
      wire::CheckCount("delete", request.ids.size(), limits::kWriteBatchPointsMax));
  WriteResult written;
  PERIGEE_RETURN_IF_ERROR(thread_->CallCollection(
      {.kind = CallKind::kWrite, .timeout_ms = thread_->call_timeout_ms(), .what = "delete"}, name_,
      [&request, &written](Collection::Client collection) {
        auto call = collection.deleteRequest();
        wire::EncodeIds(request.ids, call.initIds(wire::WireCount(request.ids.size())));
        return call.send().then(
            [&written](auto&& response) { return ReadWrite(response.getResult(), written); });
      }));
  return written;
}

absl::StatusOr<GetResult> RemoteCollection::Get(const GetRequest& request) const {
  PERIGEE_RETURN_IF_ERROR(Validate(request, schema_));
  PointsReply reply;
  PERIGEE_RETURN_IF_ERROR(thread_->CallCollection(
      {.timeout_ms = thread_->call_timeout_ms(), .what = "get"}, name_,
      [&request, &reply](Collection::Client collection) {
        auto call = collection.getRequest();
        wire::EncodeIds(request.ids, call.initIds(wire::WireCount(request.ids.size())));
        wire::EncodeSelector(request.with_payload, call.initWithPayload());
        wire::EncodeSelector(request.with_vectors, call.initWithVectors());
        return call.send().then(
            [&reply](auto&& response) { return PullReply(response.getResult(), reply); });
      }));
  GetResult result = {.points = {}, .seq = reply.seq, .epoch = reply.epoch};
  PERIGEE_ASSIGN_OR_RETURN(result.points, wire::ParsePoints(std::move(reply.points)));
  return result;
}

absl::StatusOr<QueryResult> RemoteCollection::Query(const perigee::Query& query) const {
  PERIGEE_RETURN_IF_ERROR(Validate(query, schema_));
  capnp::MallocMessageBuilder message;
  auto params = message.initRoot<schema::Query>();
  PERIGEE_RETURN_IF_ERROR(wire::EncodeQuery(query, params));
  const schema::Query::Reader reader = params.asReader();
  wire::UnparsedQueryResult answer;
  PERIGEE_RETURN_IF_ERROR(thread_->CallCollection(
      {.timeout_ms = query.timeout_ms + kAnswerGraceMs, .what = "query"}, name_,
      [&reader, &answer](Collection::Client collection) {
        auto call = collection.queryRequest(reader.totalSize());
        call.setQuery(reader);
        return call.send().then([&answer](auto&& response) -> kj::Promise<absl::Status> {
          const auto result = response.getResult();
          if (!result.isAnswer()) {
            return wire::DecodeStatus(result.getStatus());
          }
          return PullAnswer(result.getAnswer(), answer);
        });
      }));
  return wire::ParseQueryResult(std::move(answer));
}

absl::StatusOr<std::vector<QueryResult>> RemoteCollection::QueryBatch(
    std::span<const perigee::Query> queries) const {
  PERIGEE_RETURN_IF_ERROR(wire::CheckCount("the batch", queries.size(), limits::kQueryBatchMax));
  capnp::MallocMessageBuilder message;
  auto params = message.initRoot<Collection::QueryBatchParams>();
  auto list = params.initQueries(wire::WireCount(queries.size()));
  uint32_t timeout_ms = 0;
  for (size_t i = 0; i < queries.size(); ++i) {
    if (absl::Status status = Validate(queries[i], schema_); !status.ok()) {
      return WithContext(status, absl::StrCat("queries[", i, "]"));
    }
    PERIGEE_RETURN_IF_ERROR(wire::EncodeQuery(queries[i], list[wire::WireCount(i)]));
    timeout_ms += queries[i].timeout_ms;
  }
  PERIGEE_RETURN_IF_ERROR(CheckRequestSize(message));
  const Collection::QueryBatchParams::Reader reader = params.asReader();
  std::vector<wire::UnparsedQueryResult> answers;
  PERIGEE_RETURN_IF_ERROR(thread_->CallCollection(
      {.timeout_ms = timeout_ms + kAnswerGraceMs, .what = "query_batch"}, name_,
      [&reader, &answers](Collection::Client collection) {
        auto call = collection.queryBatchRequest(reader.totalSize());
        call.setQueries(reader.getQueries());
        return call.send().then([&answers](auto&& response) -> kj::Promise<absl::Status> {
          const auto result = response.getResult();
          if (!result.isAnswers()) {
            return wire::DecodeStatus(result.getStatus());
          }
          answers.clear();
          answers.resize(result.getAnswers().size());
          kj::Promise<absl::Status> all = absl::OkStatus();
          // One after the other; the response stays until the last page has arrived.
          for (kj::uint i = 0; i < result.getAnswers().size(); ++i) {
            const schema::QueryResult::Reader in = result.getAnswers()[i];
            all = all.then([in, &answer = answers[i]](
                               const absl::Status& status) -> kj::Promise<absl::Status> {
              return status.ok() ? PullAnswer(in, answer) : kj::Promise<absl::Status>(status);
            });
          }
          return all.attach(kj::mv(response));
        });
      }));
  std::vector<QueryResult> results;
  for (wire::UnparsedQueryResult& answer : answers) {
    PERIGEE_ASSIGN_OR_RETURN(QueryResult result, wire::ParseQueryResult(std::move(answer)));
    results.push_back(std::move(result));
  }
  return results;
}

absl::StatusOr<CountResult> RemoteCollection::Count(const CountRequest& request) const {
  PERIGEE_RETURN_IF_ERROR(Validate(request));
  CountResult counted;
  PERIGEE_RETURN_IF_ERROR(thread_->CallCollection(
      {.timeout_ms = thread_->call_timeout_ms(), .what = "count"}, name_,
      [&request, &counted](Collection::Client collection) -> kj::Promise<absl::Status> {
        auto call = collection.countRequest();
        if (request.filter.has_value()) {
          const absl::Status encoded = wire::EncodeFilter(*request.filter, call.initFilter());
          if (!encoded.ok()) {
            return encoded;
          }
        }
        return call.send().then([&counted](auto&& response) -> absl::Status {
          const auto result = response.getResult();
          if (!result.isCounted()) {
            return wire::DecodeStatus(result.getStatus());
          }
          const auto reply = result.getCounted();
          counted = {.count = reply.getCount(),
                     .filter_scanned = reply.getFilterScanned(),
                     .seq = reply.getSeq(),
                     .epoch = reply.getEpoch()};
          return absl::OkStatus();
        });
      }));
  return counted;
}

absl::StatusOr<ScrollResult> RemoteCollection::Scroll(const ScrollRequest& request) const {
  PERIGEE_RETURN_IF_ERROR(Validate(request, schema_));
  PointsReply reply;
  PERIGEE_RETURN_IF_ERROR(thread_->CallCollection(
      {.timeout_ms = thread_->call_timeout_ms(), .what = "scroll"}, name_,
      [&request, &reply](Collection::Client collection) -> kj::Promise<absl::Status> {
        auto call = collection.scrollRequest();
        call.setLimit(request.limit);
        if (request.filter.has_value()) {
          const absl::Status encoded = wire::EncodeFilter(*request.filter, call.initFilter());
          if (!encoded.ok()) {
            return encoded;
          }
        }
        call.setCursor(wire::WireText(request.cursor));
        wire::EncodeSelector(request.with_payload, call.initWithPayload());
        wire::EncodeSelector(request.with_vectors, call.initWithVectors());
        return call.send().then(
            [&reply](auto&& response) { return PullReply(response.getResult(), reply); });
      }));
  ScrollResult result = {.points = {},
                         .next_cursor = std::move(reply.next_cursor),
                         .seq = reply.seq,
                         .epoch = reply.epoch};
  PERIGEE_ASSIGN_OR_RETURN(result.points, wire::ParsePoints(std::move(reply.points)));
  return result;
}

absl::StatusOr<ExplainResult> RemoteCollection::Explain(const perigee::Query& query) const {
  PERIGEE_RETURN_IF_ERROR(Validate(query, schema_));
  ExplainResult plan;
  PERIGEE_RETURN_IF_ERROR(thread_->CallCollection(
      {.timeout_ms = thread_->call_timeout_ms(), .what = "explain"}, name_,
      [&query, &plan](Collection::Client collection) -> kj::Promise<absl::Status> {
        auto call = collection.explainRequest();
        const absl::Status encoded = wire::EncodeQuery(query, call.initQuery());
        if (!encoded.ok()) {
          return encoded;
        }
        return call.send().then([&plan](auto&& response) -> absl::Status {
          const auto result = response.getResult();
          if (!result.isPlan()) {
            return wire::DecodeStatus(result.getStatus());
          }
          PERIGEE_ASSIGN_OR_RETURN(plan, wire::DecodeExplainResult(result.getPlan()));
          return absl::OkStatus();
        });
      }));
  return plan;
}

absl::StatusOr<CollectionDescription> RemoteCollection::Describe() const {
  CollectionDescription description;
  PERIGEE_RETURN_IF_ERROR(thread_->CallCollection(
      {.timeout_ms = thread_->call_timeout_ms(), .what = "describe"}, name_,
      [&description](Collection::Client collection) {
        return collection.describeRequest().send().then([&description](
                                                            auto&& response) -> absl::Status {
          const auto result = response.getResult();
          if (!result.isDescription()) {
            return wire::DecodeStatus(result.getStatus());
          }
          PERIGEE_ASSIGN_OR_RETURN(description, wire::DecodeDescription(result.getDescription()));
          return absl::OkStatus();
        });
      }));
  return description;
}

absl::Status RemoteCollection::Flush() {
  return thread_->CallCollection(
      {.timeout_ms = thread_->call_timeout_ms(), .what = "flush"}, name_,
      [](Collection::Client collection) {
        return collection.flushRequest().send().then(
            [](auto&& response) { return StatusOfReply(response.getStatus()); });
      });
}

absl::Status RemoteCollection::Optimize() {
  return thread_->CallCollection(
      {.timeout_ms = thread_->call_timeout_ms(), .what = "optimize"}, name_,
      [](Collection::Client collection) {
        return collection.optimizeRequest().send().then(
            [](auto&& response) { return StatusOfReply(response.getStatus()); });
      });
}

}  // namespace perigee::client
