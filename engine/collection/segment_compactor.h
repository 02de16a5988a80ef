// SPDX-License-Identifier: Apache-2.0
//
// Compaction: rewrites segments with many dead rows, merges small ones, and rebuilds indexes that
// are missing. The plan is a pure function; RewriteSegments carries one step of it out.
//
// Invariants:
//  1. Rows that died at or before the collection's applied LSN when the step began are left out;
//     later deaths are carried over when the new segment takes the place of its sources.
//  2. A bulk-loaded segment whose attach is not covered by the applied LSN is not touched.
//  3. A segment with features that allow this version to read it only is not touched (F6).
//  4. A step removes dead rows, lessens the number of segments or adds an index, so a quiet
//     collection comes to rest.
//
// Thread-safety: PlanRewrite is pure; RewriteSegments may run on every thread that holds the
// collection's rewrite claim.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/collection/engine_tuning.h"

namespace perigee::engine {

class CollectionCore;

/// What the plan looks at of one segment.
struct SegmentSize {
  uint64_t rows = 0;
  uint64_t dead_rows = 0;  ///< at or before the applied LSN
  /// It is large enough for a graph and has none, or a derived section of its file is damaged.
  bool index_missing = false;

  uint64_t live_rows() const { return rows - dead_rows; }
};

enum class RewriteGoal {
  kWorthwhile,  ///< background: more dead rows than tuning allows, or a full size class
  kComplete,    ///< Optimize: no dead rows, as few segments as compaction_rows_max allows
};

/// Positions in `segments` of those to rewrite into one; empty when the goal is reached.
std::vector<size_t> PlanRewrite(std::span<const SegmentSize> segments, const EngineTuning& tuning,
                                RewriteGoal goal);

/// One step. False when there was nothing to do. Requires: the caller holds the rewrite claim.
absl::StatusOr<bool> RewriteSegments(const std::shared_ptr<CollectionCore>& collection,
                                     RewriteGoal goal);

}  // namespace perigee::engine
