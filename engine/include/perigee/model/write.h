// SPDX-License-Identifier: Apache-2.0
//
// Requests and replies of the write calls: Upsert and Delete.
//
// Invariants: a batch is atomic: all of it is durable and visible, or nothing is. The same id twice
// in a batch is refused. Deleting a missing id is fine; the reply counts the points that existed.
// Thread-safety: value types.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "perigee/model/point.h"

namespace perigee {

enum class UpsertMode : uint8_t {
  kUpsert = 1,  ///< replaces the whole point or creates it
  kInsert = 2,  ///< kAlreadyExists naming the id if one exists; nothing is written
  kUpdate = 3,  ///< kNotFound naming the id if one is missing; nothing is written
};

/// "upsert", "insert" or "update".
std::string_view UpsertModeName(UpsertMode mode);

struct UpsertRequest {
  std::vector<Point> points = {};
  UpsertMode mode = UpsertMode::kUpsert;
};

struct DeleteRequest {
  std::vector<PointId> ids = {};
};

struct WriteResult {
  uint64_t seq = 0;       ///< position of this write in the log
  uint64_t epoch = 0;     ///< (epoch, seq) is unique for ever
  uint64_t affected = 0;  ///< points written, or points that existed and were deleted
  std::string durability = "durable";
};

absl::Status Validate(const UpsertRequest& request, const CollectionSchema& schema);
absl::Status Validate(const DeleteRequest& request);

}  // namespace perigee
