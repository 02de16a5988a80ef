// SPDX-License-Identifier: Apache-2.0
//
// RowSource: rows that a segment can be built from. GrowingSegment, SealedSegment and MemoryRows
// (bulk load) are sources; SegmentBuilder reads any mixture of them.
//
// Invariants:
//  1. Rows below row_count() and everything said about them never change, except DeadLsn, which
//  goes
//     once from kNeverDead to an LSN.
//  2. What is returned points into the source and lives as long as it.
//
// Thread-safety: all methods may be called from every thread, also while rows are appended or
// marked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace perigee::engine {

class RowSource {
 public:
  virtual ~RowSource() = default;

  virtual uint32_t row_count() const = 0;
  virtual std::string_view EncodedId(uint32_t row) const = 0;
  /// LSN of the write that made the row; 0 for rows of a bulk load that is not published.
  virtual uint64_t Lsn(uint32_t row) const = 0;
  /// LSN of the write that ended the row, or kNeverDead (deletion_marks.h).
  virtual uint64_t DeadLsn(uint32_t row) const = 0;
  virtual std::span<const std::byte> EncodedPayload(uint32_t row) const = 0;
  /// Bit `ordinal` says whether the row has the vector of that place in the schema.
  virtual uint32_t PresenceBits(uint32_t row) const = 0;
  /// The vector as stored, in the element type of the schema. Requires: the row has it.
  virtual std::span<const std::byte> VectorBytes(uint32_t row, size_t ordinal) const = 0;
  /// The Euclidean norm of that vector, computed in double. Requires: the row has it.
  virtual double Norm(uint32_t row, size_t ordinal) const = 0;
};

}  // namespace perigee::engine
