// SPDX-License-Identifier: Apache-2.0
//
// SearchSegment and SearchSegments: plan, run and merge a nearest-neighbour search over segment
// views (N12). Pure functions of immutable inputs, so a call can be repeated, split and moved.
//
// Invariants:
//  1. A search gives exactly min(k, matching) hits, each once, with its exact distance. A row
//  matches
//     if it is live, has the vector, satisfies the filter and is not the one left out.
//  2. Hits are in the order (distance, encoded id); a scan picks the k-th of equal distances by id.
//  3. Merging the segments' answers equals searching their union, if each answer is exact.
//
// Thread-safety: functions without state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/execution/cancellation.h"
#include "engine/query/filter_binder.h"
#include "engine/query/query_plan.h"
#include "engine/query/query_planner.h"
#include "engine/query/segment_view.h"
#include "perigee/model/collection_schema.h"
#include "perigee/model/query.h"

namespace perigee::engine {

struct SearchRequest {
  /// The vector searched and its place in the collection's schema. Must outlive the call.
  const VectorSchema* schema = nullptr;
  size_t ordinal = 0;
  std::span<const float> query = {};
  /// Rows wanted, offset included; at most limits::kResultsMax.
  uint32_t k = 10;
  bool exact = false;
  std::optional<uint32_t> ef = {};
  double recall = 0.95;
  /// nullptr: every row satisfies it.
  const BoundFilter* filter = nullptr;
  /// A query by stored id leaves that point out.
  std::optional<std::string_view> leave_out_id = {};
  Cancellation cancellation = {};
  /// What the planner believes of the machine.
  CostModel costs = {};
};

struct SegmentHit {
  float distance = 0;
  uint32_t row = 0;
  /// Valid while the segment view lives.
  std::string_view encoded_id = {};
  uint64_t lsn = 0;
  size_t segment = 0;  ///< position of the view in SearchSegments' list; 0 from SearchSegment
};

/// The order of hits: (distance, encoded id).
bool HitBefore(const SegmentHit& a, const SegmentHit& b);

/// One segment's answer: the message of N12.
struct SegmentSearchResult {
  std::vector<SegmentHit> hits = {};
  /// The worst distance returned; +infinity when there is none.
  float last_distance = 0;
  /// Every match of the segment is known to be among the hits: asking for more gives no more.
  bool exhausted = false;
  /// Every match was compared.
  bool exact = false;
  /// What was planned, and what gave the hits: kExactScan when the walk had to give way.
  QueryPlan plan = {};
  SearchStrategy strategy = SearchStrategy::kExactScan;
  uint64_t distances = 0;
  uint64_t rows_tested = 0;
};

/// The answer over several segments.
struct MergedSearchResult {
  std::vector<SegmentHit> hits = {};
  bool exact = false;  ///< every segment's answer is
  std::vector<SegmentSearchResult> segments =
      {};  ///< without their hits; in the order of the views
  uint64_t distances = 0;
  uint64_t rows_tested = 0;
};

/// kInvalidArgument: dimension, finiteness or norm of the query, or limits; kDeadlineExceeded or
/// kCancelled.
absl::StatusOr<SegmentSearchResult> SearchSegment(const SegmentView& view,
                                                  const SearchRequest& request);

/// Searches each view and merges. Fails as SearchSegment does.
absl::StatusOr<MergedSearchResult> SearchSegments(std::span<const SegmentView* const> views,
                                                  const SearchRequest& request);

/// The k best of the segments' hits; each list must be in order.
std::vector<SegmentHit> MergeHits(std::span<const std::vector<SegmentHit>> lists, uint32_t k);

/// The plan that SearchSegment would run, without running it.
absl::StatusOr<SegmentPlan> ExplainSegment(const SegmentView& view, const SearchRequest& request);

/// Strategies with the number of segments that used them, e.g. "graph_filtered(2) exact_scan(1)";
/// "none" without segments.
std::string DescribeStrategies(std::span<const SegmentSearchResult> segments);

}  // namespace perigee::engine
