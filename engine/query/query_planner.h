// SPDX-License-Identifier: Apache-2.0
//
// The whole choice of strategy for one segment, as a pure function of statistics, the request and a
// cost model in nanoseconds.
//
// Invariants:
//  1. The same input gives the same plan; nothing is read but the arguments.
//  2. A plan decides speed, never which rows match: every strategy ends with min(k, matching) rows,
//     by scanning when a walk found fewer.
//
// Thread-safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/query/query_plan.h"

namespace perigee::engine {

/// What is known of a segment before it is searched.
struct SegmentStatistics {
  uint64_t rows = 0;
  uint64_t live_rows = 0;
  /// Rows that the index can find; absent without an index that covers the segment.
  std::optional<uint64_t> indexed_rows = {};
  uint64_t vector_bytes = 0;  ///< bytes of one stored vector
  uint32_t graph_m = 16;
  /// The request has a filter, of which `sample_rows` rows were tested and `sample_matches` matched
  /// (live, with the vector, and satisfying the filter). Without a filter only deaths count.
  bool filtered = false;
  uint32_t sample_rows = 0;
  uint32_t sample_matches = 0;
};

/// What the caller asks for.
struct PlanRequest {
  uint32_t k = 10;  ///< rows wanted, offset included
  bool exact = false;
  std::optional<uint32_t> ef = {};
  double recall = 0.95;
};

/// What things cost; estimates of one machine that need to be right in proportion only.
struct CostModel {
  double distance_fixed_ns = 10;         ///< per distance: call, root, heap
  double sequential_ns_per_byte = 0.08;  ///< rows read in order
  double random_ns_per_byte = 0.12;      ///< rows read in the order of the graph, prefetched
  double random_fixed_ns = 25;           ///< per row of a walk: links, visited set, candidates
  double row_test_ns = 250;              ///< evaluating the filter on a payload
  double live_test_ns = 3;               ///< looking up whether a row is dead
  double distances_per_candidate = 1.0;  ///< per unit of ef and of m: what a walk compares
};

/// Rows that are tested to estimate a filter's selectivity.
inline constexpr uint32_t kSelectivitySampleRows = 256;

/// The effort of a walk for `k` results at `recall` without calibration: max(k + k / 2, 128) at
/// 0.95, more above, less below; at most limits::kEfMax.
uint32_t DefaultEf(uint32_t k, double recall);

/// The i-th of the rows to test, deterministic and spread evenly. Requires: row_count > 0.
uint32_t SampleRow(uint32_t i, uint32_t row_count);

/// Whether a sample of the filter could change the plan; without it none need be taken.
bool PlanNeedsSample(const SegmentStatistics& statistics, const PlanRequest& request);

QueryPlan PlanSegment(const SegmentStatistics& statistics, const PlanRequest& request,
                      const CostModel& costs = {});

}  // namespace perigee::engine
