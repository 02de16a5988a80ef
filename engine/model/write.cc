// SPDX-License-Identifier: Apache-2.0
#include "perigee/model/write.h"

#include "absl/container/flat_hash_set.h"
#include "engine/model/payload_measure.h"
#include "engine/model/utf8.h"
#include "engine/model/validation_error.h"
#include "perigee/model/limits.h"
#include "storage/foundation/status_macros.h"

namespace perigee {
namespace {

// Lengths, names and flags that stand beside an id, a vector and a payload in a log record.
constexpr size_t kPointOverheadBytes = 64;
constexpr size_t kVectorOverheadBytes = 16;

absl::Status CheckCount(const char* what, size_t count) {
  if (count == 0) return InvalidError(what, " names no points; give at least one");
  if (count > limits::kWriteBatchPointsMax) {
    return LimitError(what, " has ", count, " points; the limit is ", limits::kWriteBatchPointsMax,
                      "; split it");
  }
  return absl::OkStatus();
}

/// Upper bound of what a point takes in the log.
size_t LogBytes(const Point& point) {
  size_t bytes = kPointOverheadBytes + StoredBytes(point.payload);
  bytes += point.id.is_integer() ? sizeof(uint64_t) : point.id.string().size();
  for (const auto& [name, values] : point.vectors) {
    bytes += kVectorOverheadBytes + name.size() + values.size() * sizeof(float);
  }
  return bytes;
}

/// Ids of one batch, by encoding.
class IdSet {
 public:
  absl::Status Add(const PointId& id) {
    if (ids_.insert(id.Encode()).second) return absl::OkStatus();
    return InvalidError("point ", QuoteForMessage(id.ToString()),
                        " is in the batch twice; send it once");
  }

 private:
  absl::flat_hash_set<std::string> ids_;
};

}  // namespace

std::string_view UpsertModeName(UpsertMode mode) {
  switch (mode) {
    case UpsertMode::kUpsert:
      return "upsert";
    case UpsertMode::kInsert:
      return "insert";
    case UpsertMode::kUpdate:
      return "update";
  }
  return "unknown";
}

absl::Status Validate(const UpsertRequest& request, const CollectionSchema& schema) {
  if (UpsertModeName(request.mode) == "unknown") {
    return InvalidError("mode is ", static_cast<int>(request.mode),
                        "; upsert, insert and update are allowed");
  }
  PERIGEE_RETURN_IF_ERROR(CheckCount("upsert", request.points.size()));
  IdSet ids;
  size_t bytes = 0;
  for (const Point& point : request.points) {
    PERIGEE_RETURN_IF_ERROR(Validate(point, schema));
    PERIGEE_RETURN_IF_ERROR(ids.Add(point.id));
    bytes += LogBytes(point);
  }
  if (bytes > limits::kWriteBatchBytesMax) {
    return LimitError("upsert of ", request.points.size(), " points takes ", bytes,
                      " bytes in the log; the limit is ", limits::kWriteBatchBytesMax,
                      "; split it");
  }
  return absl::OkStatus();
}

absl::Status Validate(const DeleteRequest& request) {
  PERIGEE_RETURN_IF_ERROR(CheckCount("delete", request.ids.size()));
  IdSet ids;
  for (const PointId& id : request.ids) {
    PERIGEE_RETURN_IF_ERROR(Validate(id));
    PERIGEE_RETURN_IF_ERROR(ids.Add(id));
  }
  return absl::OkStatus();
}

}  // namespace perigee
