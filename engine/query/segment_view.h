// SPDX-License-Identifier: Apache-2.0
//
// SegmentView: what a plan needs of one segment at one snapshot. Defined here and filled in by
// engine/collection, so that planner and search never see a collection.
//
// Invariants:
//  1. A view shows rows 0 to row_count() - 1; which of them are live is fixed by the snapshot, so
//     every call gives the same answer for as long as the view lives.
//  2. At most one live row has a given encoded id.
//  3. Views and spans returned stay valid while the view lives.
//
// Thread-safety: immutable as seen from here; all threads may use a view at the same time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/index/vector_index.h"
#include "engine/vectors/vector_column.h"

namespace perigee::engine {

class SegmentView {
 public:
  virtual ~SegmentView() = default;

  /// The segment's uuid, or "growing".
  virtual const std::string& name() const = 0;
  virtual uint32_t row_count() const = 0;
  /// The row is not dead at the snapshot.
  virtual bool RowLive(uint32_t row) const = 0;
  /// Live rows; exact.
  virtual uint64_t live_count() const = 0;
  virtual std::string_view EncodedId(uint32_t row) const = 0;
  /// The write that made the row.
  virtual uint64_t Lsn(uint32_t row) const = 0;
  virtual std::span<const std::byte> EncodedPayload(uint32_t row) const = 0;
  /// One bit per ordinal of the schema's vectors.
  virtual uint32_t PresenceBits(uint32_t row) const = 0;
  /// The vectors of that ordinal; has at least row_count() rows.
  virtual const VectorColumn& Vectors(size_t ordinal) const = 0;
  /// nullptr: there is none (yet), or it was damaged. Used only if it covers row_count() rows.
  virtual const VectorIndex* Index(size_t ordinal) const = 0;
};

}  // namespace perigee::engine
