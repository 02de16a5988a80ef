// SPDX-License-Identifier: Apache-2.0
//
// VectorIndex: finds the rows of one vector column that are nearest to a query. FlatIndex compares
// with every row, HnswIndex walks a graph; one conformance suite runs on both.
//
// Invariants:
//  1. Every row returned is below row_count(), has the vector, passes the filter, appears once, and
//     carries its exact distance.
//  2. Rows are in the order (distance, row).
//  3. A search changes nothing that another search could see.
//
// Thread-safety: immutable; searches may run at the same time on all threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "engine/distance/query_vector.h"
#include "engine/execution/cancellation.h"

namespace perigee::engine {

struct RowDistance {
  float distance = 0;
  uint32_t row = 0;

  friend bool operator==(const RowDistance&, const RowDistance&) = default;
};

/// The order of an index's results.
struct RowDistanceLess {
  bool operator()(const RowDistance& a, const RowDistance& b) const {
    return a.distance < b.distance || (a.distance == b.distance && a.row < b.row);
  }
};

/// Whether a row may be returned; called at most once per row in one search.
using RowFilter = absl::FunctionRef<bool(uint32_t row)>;

struct IndexSearchOptions {
  /// How many rows to return at most: an exact index returns the best k, an approximate one the
  /// candidates it kept, at most max(k, ef), of which the first k are its answer.
  uint32_t k = 10;
  /// Candidates that an approximate index keeps; an exact index ignores it.
  uint32_t ef = 128;
  /// nullptr: every row may be returned.
  const RowFilter* filter = nullptr;
  /// An approximate search gives up after this many distances.
  uint64_t distances_max = std::numeric_limits<uint64_t>::max();
  /// nullptr: nothing stops it. Otherwise polled every 256 distances.
  const Cancellation* cancellation = nullptr;
};

struct IndexSearchResult {
  std::vector<RowDistance> rows;
  uint64_t distances = 0;    ///< vectors compared
  uint64_t rows_tested = 0;  ///< calls of the filter
  /// Gave up at distances_max: rows is what was found until then.
  bool gave_up = false;
};

class VectorIndex {
 public:
  virtual ~VectorIndex() = default;

  /// "flat" or "hnsw".
  virtual std::string_view kind() const = 0;
  /// Rows of the column that the index was made for.
  virtual uint32_t row_count() const = 0;
  /// Rows that can be found: those with the vector.
  virtual uint32_t indexed_count() const = 0;
  /// Bytes that the index holds besides the vectors.
  virtual size_t memory_bytes() const = 0;
  /// The nearest rows. Fails only by `cancellation`: kDeadlineExceeded or kCancelled. Requires: the
  /// query was made for this column's element type, dimension and metric.
  virtual absl::StatusOr<IndexSearchResult> Search(const QueryVector& query,
                                                   const IndexSearchOptions& options) const = 0;
};

}  // namespace perigee::engine
