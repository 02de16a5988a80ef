// SPDX-License-Identifier: Apache-2.0
//
// RowDecoder: turns a row of a segment into what a reply shows of it: the id, the selected part of
// the payload and the selected vectors.
//
// Invariants: vectors come back bit for bit as stored (an f16 vector as its rounded values);
// damaged bytes are kDataLoss naming segment and row, never a smaller point. Thread-safety:
// immutable; the schema and the selectors must outlive it.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "engine/collection/collection_snapshot.h"
#include "perigee/model/collection_schema.h"
#include "perigee/model/point.h"
#include "perigee/model/query.h"

namespace perigee::engine {

class RowDecoder {
 public:
  RowDecoder(const CollectionSchema& schema, const PayloadSelector& with_payload,
             const VectorSelector& with_vectors)
      : schema_(schema), with_payload_(with_payload), with_vectors_(with_vectors) {}

  absl::StatusOr<PointId> DecodeId(const RowPlace& place) const;
  /// Absent when the selector asks for none.
  absl::StatusOr<std::optional<Payload>> DecodePayload(const RowPlace& place) const;
  /// The selected vectors that the row has.
  NamedVectors DecodeVectors(const RowPlace& place) const;
  /// All three; an absent payload is an empty one.
  absl::StatusOr<Point> DecodePoint(const RowPlace& place) const;

 private:
  const CollectionSchema& schema_;
  const PayloadSelector& with_payload_;
  const VectorSelector& with_vectors_;
};

}  // namespace perigee::engine
