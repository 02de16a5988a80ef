// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/collection_writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "engine/collection/collection_core.h"
#include "engine/collection/engine_operation.h"
#include "engine/distance/float16.h"
#include "engine/payload/payload_codec.h"
#include "perigee/model/limits.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"

namespace perigee::engine {
namespace {

constexpr absl::Duration kRoomWaitPiece = absl::Milliseconds(100);
constexpr absl::Duration kLogWaitPiece = absl::Milliseconds(5);

}  // namespace

StoredPoint::StoredPoint(const Point& point, const CollectionSchema& schema)
    : point_(&point),
      schema_(&schema),
      encoded_id_(point.id.Encode()),
      payload_(EncodePayload(point.payload)),
      halves_(schema.vectors.size()) {
  for (size_t ordinal = 0; ordinal < schema.vectors.size(); ++ordinal) {
    const auto values = point.vectors.find(schema.vectors[ordinal].name);
    if (values == point.vectors.end() ||
        schema.vectors[ordinal].element != VectorElement::kFloat16) {
      continue;
    }
    halves_[ordinal].reserve(values->second.size());
    for (const float value : values->second) {
      halves_[ordinal].push_back(FloatToFloat16(value));
    }
  }
}

RowImage StoredPoint::Image() const {
  RowImage image;
  image.encoded_id = encoded_id_;
  image.payload = storage::AsBytes(payload_);
  for (size_t ordinal = 0; ordinal < schema_->vectors.size(); ++ordinal) {
    const auto values = point_->vectors.find(schema_->vectors[ordinal].name);
    if (values == point_->vectors.end()) {
      continue;
    }
    image.presence_bits |= 1U << ordinal;
    image.vectors[ordinal] = halves_[ordinal].empty()
                                 ? std::as_bytes(std::span<const float>(values->second))
                                 : std::as_bytes(std::span<const uint16_t>(halves_[ordinal]));
  }
  return image;
}

size_t StoredPoint::bytes() const {
  size_t bytes = encoded_id_.size() + payload_.size();
  for (const VectorSchema& vector : schema_->vectors) {
    bytes += point_->vectors.contains(vector.name) ? StoredVectorBytes(vector) : 0;
  }
  return bytes;
}

absl::StatusOr<std::string> EncodeUpsertRequest(const UpsertRequest& request,
                                                const storage::Uuid& collection,
                                                const CollectionSchema& schema) {
  PERIGEE_RETURN_IF_ERROR(Validate(request, schema));
  UpsertRecord record;
  record.collection = collection;
  std::vector<StoredPoint> points;
  points.reserve(request.points.size());  // images point into the elements
  size_t bytes = 0;
  for (const Point& point : request.points) {
    points.emplace_back(point, schema);
    record.rows.push_back(points.back().Image());
    bytes += points.back().bytes() + 64;  // 64 bytes bound the lengths around the pieces
    if (bytes > limits::kWriteBatchBytesMax) {
      return ErrorWithReason(
          ErrorReason::kLimit,
          absl::StrCat("the batch takes more than ", limits::kWriteBatchBytesMax,
                       " bytes at point ", point.id.ToString(), " (number ", points.size(), " of ",
                       request.points.size(), "); send it as several smaller batches"));
    }
  }
  return EncodeRecord(record);
}

absl::StatusOr<WriteResult> CollectionWriter::Upsert(const UpsertRequest& request) const {
  CollectionEnvironment& environment = collection_->environment();
  PERIGEE_ASSIGN_OR_RETURN(const WorkPermit permit, environment.state.BeginWork());
  PERIGEE_RETURN_IF_ERROR(collection_->WaitLoaded(kIdsLoaded));
  PERIGEE_RETURN_IF_ERROR(collection_->CheckWritable());
  PERIGEE_ASSIGN_OR_RETURN(std::string payload, EncodeUpsertRequest(request, collection_->uuid(),
                                                                    collection_->schema()));
  PERIGEE_RETURN_IF_ERROR(environment.check_space());
  PERIGEE_RETURN_IF_ERROR(WaitForRoom());
  PERIGEE_RETURN_IF_ERROR(WaitForLog());
  PERIGEE_ASSIGN_OR_RETURN(const std::unique_ptr<UpsertOperation> operation,
                           UpsertOperation::Make(collection_, std::move(payload), request.mode));
  PERIGEE_ASSIGN_OR_RETURN(const uint64_t lsn, environment.queue->Commit(*operation));
  return WriteResult{
      .seq = lsn, .epoch = environment.state.epoch(), .affected = request.points.size()};
}

absl::StatusOr<WriteResult> CollectionWriter::Delete(const DeleteRequest& request) const {
  CollectionEnvironment& environment = collection_->environment();
  PERIGEE_ASSIGN_OR_RETURN(const WorkPermit permit, environment.state.BeginWork());
  PERIGEE_RETURN_IF_ERROR(collection_->WaitLoaded(kIdsLoaded));
  PERIGEE_RETURN_IF_ERROR(collection_->CheckWritable());
  PERIGEE_RETURN_IF_ERROR(Validate(request));
  PERIGEE_RETURN_IF_ERROR(WaitForLog());
  std::vector<std::string> ids;
  ids.reserve(request.ids.size());
  DeleteRecord record;
  record.collection = collection_->uuid();
  for (const PointId& id : request.ids) {
    ids.push_back(id.Encode());
    record.encoded_ids.emplace_back(ids.back());
  }
  PERIGEE_ASSIGN_OR_RETURN(const std::unique_ptr<DeleteOperation> operation,
                           DeleteOperation::Make(collection_, EncodeRecord(record)));
  PERIGEE_ASSIGN_OR_RETURN(const uint64_t lsn, environment.queue->Commit(*operation));
  return WriteResult{
      .seq = lsn, .epoch = environment.state.epoch(), .affected = operation->existed()};
}

absl::Status CollectionWriter::WaitForRoom() const {
  CollectionEnvironment& environment = collection_->environment();
  const EngineTuning& tuning = environment.tuning;
  const absl::Time deadline = absl::Now() + tuning.room_wait_max;
  do {
    // In pieces, because a storage failure does not wake the wait.
    if (collection_->state().WaitForRoom(tuning.frozen_segments_max,
                                         std::min(tuning.room_wait_max, kRoomWaitPiece),
                                         collection_->stop_requested())) {
      return absl::OkStatus();
    }
    PERIGEE_RETURN_IF_ERROR(environment.state.CheckWritable());
    PERIGEE_RETURN_IF_ERROR(collection_->CheckUsable());
  } while (absl::Now() < deadline);
  return ErrorWithReason(
      ErrorReason::kOverloaded,
      absl::StrCat("collection '", collection_->name(), "' has ",
                   collection_->state().frozen_count(), " segments waiting to be sealed (limit ",
                   tuning.frozen_segments_max,
                   "); retry later, or call Flush when maintenance_threads is 0"));
}

absl::Status CollectionWriter::WaitForLog() const {
  CollectionEnvironment& environment = collection_->environment();
  const absl::Time deadline = absl::Now() + environment.tuning.room_wait_max;
  while (environment.log_full()) {
    if (absl::Now() >= deadline) {
      return ErrorWithReason(
          ErrorReason::kOverloaded,
          "the log has twice the size of log_bytes_max, and nothing could be sealed to shorten it; "
          "retry later, call Flush when maintenance_threads is 0, and look at status for a "
          "collection that is damaged: it keeps the log until it is restored or dropped");
    }
    environment.wake_maintenance();
    absl::SleepFor(kLogWaitPiece);
    PERIGEE_RETURN_IF_ERROR(environment.state.CheckWritable());
    PERIGEE_RETURN_IF_ERROR(collection_->CheckUsable());
  }
  return absl::OkStatus();
}

}  // namespace perigee::engine
