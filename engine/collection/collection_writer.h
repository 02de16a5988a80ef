// SPDX-License-Identifier: Apache-2.0
//
// CollectionWriter: turns write requests into log operations: validates and encodes on the caller's
// thread, waits for room, commits through the queue.
//
// Invariants:
//  1. Everything that can be refused without knowing stored points is refused before the operation
//     enters the queue; the rest in its Resolve (D4).
//  2. When a call returns ok the write is durable and visible to every read that starts later.
//
// Thread-safety: all methods may be called from every thread.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "perigee/model/collection_schema.h"
#include "perigee/model/write.h"
#include "storage/encoding/uuid.h"

namespace perigee::engine {

class CollectionCore;

/// Validates `request` and encodes it as an UpsertRecord; kInvalidArgument names what is wrong.
absl::StatusOr<std::string> EncodeUpsertRequest(const UpsertRequest& request,
                                                const storage::Uuid& collection,
                                                const CollectionSchema& schema);

/// One valid point as it is stored: the pieces that a RowImage points to.
class StoredPoint {
 public:
  /// Requires: Validate(point, schema) is ok.
  StoredPoint(const Point& point, const CollectionSchema& schema);
  /// Valid while this object lives and `point` is unchanged.
  struct RowImage Image() const;
  /// Bytes of the row, for limits.
  size_t bytes() const;

 private:
  const Point* point_;
  const CollectionSchema* schema_;
  std::string encoded_id_;
  std::string payload_;
  std::vector<std::vector<uint16_t>> halves_;  // per vector of the schema; f16 only
};

class CollectionWriter {
 public:
  explicit CollectionWriter(std::shared_ptr<CollectionCore> collection)
      : collection_(std::move(collection)) {}

  absl::StatusOr<WriteResult> Upsert(const UpsertRequest& request) const;
  absl::StatusOr<WriteResult> Delete(const DeleteRequest& request) const;

 private:
  absl::Status WaitForRoom() const;
  absl::Status WaitForLog() const;

  std::shared_ptr<CollectionCore> collection_;
};

}  // namespace perigee::engine
