// SPDX-License-Identifier: Apache-2.0
//
// The best-first walk over an HNSW graph: down the upper levels to a good start, then over level 0
// with `ef` candidates. A filter decides what may be returned, never where the walk may go, so the
// matching rows stay connected however few they are.
//
// Invariants:
//  1. A row is compared at most once on level 0, and tested by the filter at most once.
//  2. The walk ends when no candidate is nearer than the worst of ef results, when the graph is
//  used
//     up, or at distances_max.
//
// Thread-safety: a function without state; the visited set belongs to the call.
#pragma once

#include "absl/status/statusor.h"
#include "engine/distance/query_vector.h"
#include "engine/index/hnsw/hnsw_graph.h"
#include "engine/index/hnsw/visited_set_pool.h"
#include "engine/index/vector_index.h"
#include "engine/vectors/vector_column.h"

namespace perigee::engine {

/// Where a walk takes place. All references outlive the call.
struct HnswSearchSpace {
  const HnswGraph& graph;
  const VectorColumn& column;
  const QueryVector& query;
};

/// Up to max(k, ef) rows by (distance, row). `visited` must be empty and cover the graph's rows.
absl::StatusOr<IndexSearchResult> SearchHnswGraph(const HnswSearchSpace& space,
                                                  const IndexSearchOptions& options,
                                                  VisitedSet& visited);

}  // namespace perigee::engine
