// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/collection_core.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "engine/collection/collection_description.h"
#include "engine/collection/collection_reader.h"
#include "engine/collection/collection_writer.h"
#include "engine/collection/segment_compactor.h"
#include "engine/collection/segment_publisher.h"
#include "engine/collection/segment_sealer.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/memory_boundary.h"
#include "storage/foundation/status_macros.h"

namespace perigee::engine {
namespace {

// Waits for work of another thread are cut into pieces, so that a storage failure, a drop or a
// close is noticed, none of which signals those waits.
constexpr absl::Duration kWaitPiece = absl::Milliseconds(50);

}  // namespace

std::shared_ptr<CollectionCore> CollectionCore::Make(
    std::shared_ptr<CollectionEnvironment> environment, CollectionIdentity identity,
    CollectionState::Options state) {
  state.identity.collection = identity.uuid;
  state.identity.schema = identity.schema;
  state.identity.epoch = environment->state.epoch();
  state.tuning = &environment->tuning;
  return std::shared_ptr<CollectionCore>(
      new CollectionCore(std::move(environment), std::move(identity), std::move(state)));
}

CollectionCore::CollectionCore(std::shared_ptr<CollectionEnvironment> environment,
                               CollectionIdentity identity, CollectionState::Options state)
    : environment_(std::move(environment)),
      identity_(std::move(identity)),
      state_(std::move(state)) {}

absl::Status CollectionCore::CheckUsable() const {
  PERIGEE_RETURN_IF_ERROR(environment_->state.CheckOpen());
  if (dropped()) {
    return absl::NotFoundError(absl::StrCat("collection '", name(), "' (", uuid().ToString(),
                                            ") was dropped; open the collection that you want"));
  }
  return absl::OkStatus();
}

absl::Status CollectionCore::CheckWritable() const {
  PERIGEE_RETURN_IF_ERROR(CheckUsable());
  if (state_.damaged()) {
    const MissingSegment& missing = state_.snapshot()->missing().front();
    return absl::Status(
        absl::StatusCode::kDataLoss,
        absl::StrCat("collection '", name(), "' takes no writes because segment ",
                     missing.uuid.ToString(), " cannot be read: ", missing.status.message()));
  }
  return absl::OkStatus();
}

absl::StatusOr<WriteResult> CollectionCore::Upsert(const UpsertRequest& request) {
  return CollectionWriter(shared_from_this()).Upsert(request);
}

absl::StatusOr<WriteResult> CollectionCore::Delete(const DeleteRequest& request) {
  return CollectionWriter(shared_from_this()).Delete(request);
}

absl::Status CollectionCore::WaitLoaded(uint32_t parts, const Cancellation& cancellation) const {
  PERIGEE_RETURN_IF_ERROR(CheckUsable());
  if (load_.Has(parts)) [[likely]] {
    return absl::OkStatus();
  }
  const absl::Status waited = load_.Wait(parts, cancellation);
  // Why a wait was cut short: closed, dropped, or out of time.
  PERIGEE_RETURN_IF_ERROR(CheckUsable());
  return waited.ok()
             ? waited
             : WithContext(waited, absl::StrCat("collection '", name(), "' is ", load_.InWords()));
}

absl::StatusOr<std::shared_ptr<const CollectionSnapshot>> CollectionCore::Snapshot(
    uint32_t parts) const {
  PERIGEE_RETURN_IF_ERROR(WaitLoaded(parts));
  return state_.snapshot();
}

absl::StatusOr<CollectionReader> CollectionCore::ReaderFor(
    std::span<const perigee::Query> queries) const {
  const Cancellation::Clock::time_point begin = Cancellation::Clock::now();
  uint32_t parts = kIdsLoaded | kVectorsLoaded;
  std::chrono::milliseconds patience = std::chrono::milliseconds::max();
  for (const perigee::Query& query : queries) {
    const bool reads_payload =
        query.filter.has_value() || query.with_payload.kind != PayloadSelector::Kind::kNone;
    parts |= reads_payload ? kPayloadLoaded : 0U;
    patience = std::min(patience, std::chrono::milliseconds(query.timeout_ms));
  }
  PERIGEE_RETURN_IF_ERROR(
      WaitLoaded(parts, queries.empty() ? Cancellation::OnFlag(&stop_requested_)
                                        : Cancellation(begin + patience, &stop_requested_)));
  return CollectionReader(state_.snapshot(), &stop_requested_, begin);
}

absl::StatusOr<GetResult> CollectionCore::Get(const GetRequest& request) const {
  return WithinMemory([&]() -> absl::StatusOr<GetResult> {
    const uint32_t payload =
        request.with_payload.kind == PayloadSelector::Kind::kNone ? 0U : kPayloadLoaded;
    // Which vectors a row has is part of the vectors.
    const uint32_t vectors =
        request.with_vectors.kind == VectorSelector::Kind::kNone ? 0U : kVectorsLoaded;
    PERIGEE_ASSIGN_OR_RETURN(auto snapshot, Snapshot(kIdsLoaded | payload | vectors));
    return CollectionReader(std::move(snapshot), &stop_requested_).Get(request);
  });
}

absl::StatusOr<QueryResult> CollectionCore::Query(const perigee::Query& query) const {
  return WithinMemory([&]() -> absl::StatusOr<QueryResult> {
    PERIGEE_ASSIGN_OR_RETURN(const CollectionReader reader, ReaderFor(std::span(&query, 1)));
    return reader.Query(query);
  });
}

absl::StatusOr<std::vector<QueryResult>> CollectionCore::QueryBatch(
    std::span<const perigee::Query> queries) const {
  return WithinMemory([&]() -> absl::StatusOr<std::vector<QueryResult>> {
    PERIGEE_ASSIGN_OR_RETURN(const CollectionReader reader, ReaderFor(queries));
    return reader.QueryBatch(queries);
  });
}

absl::StatusOr<CountResult> CollectionCore::Count(const CountRequest& request) const {
  return WithinMemory([&]() -> absl::StatusOr<CountResult> {
    // How many rows there are and which of them died is known from the start.
    PERIGEE_ASSIGN_OR_RETURN(auto snapshot,
                             Snapshot(request.filter.has_value() ? kSourceLoaded : 0U));
    return CollectionReader(std::move(snapshot), &stop_requested_).Count(request);
  });
}

absl::StatusOr<ScrollResult> CollectionCore::Scroll(const ScrollRequest& request) const {
  return WithinMemory([&]() -> absl::StatusOr<ScrollResult> {
    PERIGEE_ASSIGN_OR_RETURN(auto snapshot, Snapshot(kSourceLoaded));
    return CollectionReader(std::move(snapshot), &stop_requested_).Scroll(request);
  });
}

absl::StatusOr<ExplainResult> CollectionCore::Explain(const perigee::Query& query) const {
  return WithinMemory([&]() -> absl::StatusOr<ExplainResult> {
    PERIGEE_ASSIGN_OR_RETURN(const CollectionReader reader, ReaderFor(std::span(&query, 1)));
    return reader.Explain(query);
  });
}

absl::StatusOr<CollectionDescription> CollectionCore::Describe() const {
  return WithinMemory([&]() -> absl::StatusOr<CollectionDescription> {
    PERIGEE_ASSIGN_OR_RETURN(auto snapshot, Snapshot(0));
    return DescribeCollection(identity_, *snapshot, state_.sizes(), load_);
  });
}

absl::Status CollectionCore::Flush() {
  PERIGEE_ASSIGN_OR_RETURN(const WorkPermit permit, environment_->state.BeginWork());
  // Whether a segment is damaged must be known before more is published (collection_state.h).
  PERIGEE_RETURN_IF_ERROR(WaitLoaded(kSourceLoaded));
  PERIGEE_RETURN_IF_ERROR(CheckWritable());
  PERIGEE_RETURN_IF_ERROR(SealTo(state_.Freeze()));
  if (!state_.HasUnsealed()) {
    return absl::OkStatus();
  }
  // Deaths in sealed segments and attached segments need an edit, but no new file of rows.
  SegmentChange checkpoint;
  checkpoint.collection = shared_from_this();
  return environment_->publisher->Publish(checkpoint);
}

absl::Status CollectionCore::SealTo(uint64_t horizon_lsn) {
  while (!state_.WaitSealedTo(horizon_lsn, absl::ZeroDuration())) {
    PERIGEE_RETURN_IF_ERROR(environment_->state.CheckWritable());
    PERIGEE_RETURN_IF_ERROR(CheckUsable());
    if (!ClaimSeal()) {
      state_.WaitSealedTo(horizon_lsn, kWaitPiece);
      continue;
    }
    const absl::Cleanup release = [this] { ReleaseSeal(); };
    PERIGEE_RETURN_IF_ERROR(SealOldestFrozen(shared_from_this()));
  }
  return absl::OkStatus();
}

absl::Status CollectionCore::Optimize() {
  PERIGEE_RETURN_IF_ERROR(Flush());
  PERIGEE_ASSIGN_OR_RETURN(const WorkPermit permit, environment_->state.BeginWork());
  PERIGEE_RETURN_IF_ERROR(WaitLoaded(kAllLoaded));
  while (!ClaimRewrite()) {
    PERIGEE_RETURN_IF_ERROR(environment_->state.CheckWritable());
    PERIGEE_RETURN_IF_ERROR(CheckUsable());
    absl::SleepFor(kWaitPiece);
  }
  const absl::Cleanup release = [this] { ReleaseRewrite(); };
  bool again = true;
  while (again) {
    PERIGEE_RETURN_IF_ERROR(CheckUsable());
    PERIGEE_ASSIGN_OR_RETURN(again, RewriteSegments(shared_from_this(), RewriteGoal::kComplete));
  }
  return absl::OkStatus();
}

void CollectionCore::Touch() {
  if (state_.BeginGroup()) {
    environment_->touched.push_back(shared_from_this());
  }
}

void CollectionCore::MarkDropped() {
  dropped_.store(true);
  RequestStop();
}

void CollectionCore::RequestStop() {
  stop_requested_.store(true);
  state_.Wake();
  load_.Wake();
}

}  // namespace perigee::engine
