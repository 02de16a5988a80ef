// SPDX-License-Identifier: Apache-2.0
#include "engine/query/segment_search.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/index/top_k_heap.h"
#include "engine/query/filter_evaluator.h"
#include "perigee/model/limits.h"
#include "storage/foundation/check.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::engine {
namespace {

struct HitLess {
  bool operator()(const SegmentHit& a, const SegmentHit& b) const { return HitBefore(a, b); }
};

absl::Status CheckRequest(const SearchRequest& request) {
  PERIGEE_CHECK(request.schema != nullptr);
  if (request.k > limits::kResultsMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        "limit and offset ask for ", request.k, " results, allowed: up to ", limits::kResultsMax));
  }
  if (request.ef && (*request.ef == 0 || *request.ef > limits::kEfMax)) {
    return absl::InvalidArgumentError(
        absl::StrCat("ef is ", *request.ef, ", allowed: 1 to ", limits::kEfMax));
  }
  if (!(request.recall > 0.0 && request.recall <= 1.0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("recall is ", request.recall, ", allowed: above 0, at most 1"));
  }
  return absl::OkStatus();
}

// One search of one segment: which rows match, the plan, and the strategies.
class SegmentSearch {
 public:
  SegmentSearch(const SegmentView& view, const SearchRequest& request)
      : view_(view), request_(request), column_(view.Vectors(request.ordinal)) {
    const bool filtered = request.filter != nullptr && !request.filter->matches_everything();
    filter_ = filtered ? request.filter : nullptr;
    const VectorIndex* index = view.Index(request.ordinal);
    index_ = index != nullptr && index->row_count() == view.row_count() ? index : nullptr;
  }

  QueryPlan Plan() {
    SegmentStatistics statistics;
    statistics.rows = view_.row_count();
    statistics.live_rows = view_.live_count();
    if (index_ != nullptr) {
      statistics.indexed_rows = index_->indexed_count();
    }
    statistics.vector_bytes = column_.row_data_bytes();
    statistics.graph_m = request_.schema->hnsw.m;
    statistics.filtered = filter_ != nullptr;
    const PlanRequest wanted = {
        .k = request_.k, .exact = request_.exact, .ef = request_.ef, .recall = request_.recall};
    if (PlanNeedsSample(statistics, wanted)) {
      Sample(statistics);
    }
    return PlanSegment(statistics, wanted, request_.costs);
  }

  absl::StatusOr<SegmentSearchResult> Run(const QueryVector& query) {
    result_.plan = Plan();
    if (request_.k == 0) {
      result_.exact = true;
      return Finish({});
    }
    if (result_.plan.strategy != SearchStrategy::kExactScan) {
      PERIGEE_ASSIGN_OR_RETURN(const bool done, WalkGraph(query));
      if (done) {
        return std::move(result_);
      }
    }
    PERIGEE_RETURN_IF_ERROR(ScanRows(query));
    return std::move(result_);
  }

 private:
  void Sample(SegmentStatistics& statistics) {
    statistics.sample_rows = kSelectivitySampleRows;
    for (uint32_t i = 0; i < kSelectivitySampleRows; ++i) {
      const uint32_t row = SampleRow(i, view_.row_count());
      statistics.sample_matches += column_.Present(row) && RowMatches(row) ? 1U : 0U;
    }
  }

  // Whether a row that has the vector may be returned, but for the id left out.
  bool RowMatches(uint32_t row) {
    if (!view_.RowLive(row)) {
      return false;
    }
    if (filter_ == nullptr) {
      return true;
    }
    ++result_.rows_tested;
    return Matches(*filter_, {.encoded_id = view_.EncodedId(row),
                              .payload = view_.EncodedPayload(row),
                              .vector_presence_bits = view_.PresenceBits(row)});
  }

  bool LeftOut(std::string_view encoded_id) const {
    return request_.leave_out_id.has_value() && *request_.leave_out_id == encoded_id;
  }

  SegmentHit Hit(float distance, uint32_t row) const {
    return {.distance = distance, .row = row, .encoded_id = view_.EncodedId(row)};
  }

  // False when the walk found fewer rows than a scan might, and a scan has to decide.
  absl::StatusOr<bool> WalkGraph(const QueryVector& query) {
    // One more than asked for: the row left out may be among the best.
    const uint32_t k = request_.k + (request_.leave_out_id ? 1U : 0U);
    IndexSearchOptions options = {.k = k,
                                  .ef = result_.plan.ef,
                                  .distances_max = result_.plan.distances_max,
                                  .cancellation = &request_.cancellation};
    const auto matches = [this](uint32_t row) { return RowMatches(row); };
    const RowFilter row_filter = matches;
    if (result_.plan.strategy == SearchStrategy::kGraphFiltered) {
      options.filter = &row_filter;
    }
    PERIGEE_ASSIGN_OR_RETURN(const IndexSearchResult found, index_->Search(query, options));
    result_.distances += found.distances;
    if (found.gave_up) {
      return false;
    }
    TopKHeap<SegmentHit, HitLess> best(request_.k);
    for (const RowDistance& candidate : found.rows) {
      const SegmentHit hit = Hit(candidate.distance, candidate.row);
      if (!LeftOut(hit.encoded_id)) {
        best.Push(hit);
      }
    }
    if (best.size() < request_.k) {
      return false;
    }
    result_.strategy = result_.plan.strategy;
    Finish(best.TakeSorted());
    return true;
  }

  absl::Status ScanRows(const QueryVector& query) {
    CancellationPoll poll(request_.cancellation);
    TopKHeap<SegmentHit, HitLess> best(request_.k);
    uint64_t matching = 0;
    for (uint32_t row = 0; row < view_.row_count(); ++row) {
      PERIGEE_RETURN_IF_ERROR(poll.Poll());
      if (!column_.Present(row) || !RowMatches(row)) {
        continue;
      }
      ++result_.distances;
      const float distance = query.DistanceTo(column_.RowBytes(row), column_.Norm(row));
      // Most rows are too far: their ids need not be read.
      if (best.full() && distance > best.worst().distance) {
        ++matching;
        continue;
      }
      const SegmentHit hit = Hit(distance, row);
      if (!LeftOut(hit.encoded_id)) {
        ++matching;
        best.Push(hit);
      }
    }
    result_.strategy = SearchStrategy::kExactScan;
    result_.exact = true;
    result_.exhausted = matching <= request_.k;
    Finish(best.TakeSorted());
    return absl::OkStatus();
  }

  SegmentSearchResult& Finish(std::vector<SegmentHit> hits) {
    for (SegmentHit& hit : hits) {
      hit.lsn = view_.Lsn(hit.row);
    }
    result_.hits = std::move(hits);
    result_.last_distance = result_.hits.empty() ? std::numeric_limits<float>::infinity()
                                                 : result_.hits.back().distance;
    return result_;
  }

  const SegmentView& view_;
  const SearchRequest& request_;
  const VectorColumn& column_;
  const BoundFilter* filter_;
  const VectorIndex* index_;
  SegmentSearchResult result_;
};

}  // namespace

bool HitBefore(const SegmentHit& a, const SegmentHit& b) {
  return a.distance < b.distance || (a.distance == b.distance && a.encoded_id < b.encoded_id);
}

absl::StatusOr<SegmentSearchResult> SearchSegment(const SegmentView& view,
                                                  const SearchRequest& request) {
  PERIGEE_RETURN_IF_ERROR(CheckRequest(request));
  PERIGEE_ASSIGN_OR_RETURN(const QueryVector query,
                           QueryVector::Create(*request.schema, request.query));
  PERIGEE_RETURN_IF_ERROR(request.cancellation.Check());
  return SegmentSearch(view, request).Run(query);
}

absl::StatusOr<MergedSearchResult> SearchSegments(std::span<const SegmentView* const> views,
                                                  const SearchRequest& request) {
  PERIGEE_RETURN_IF_ERROR(CheckRequest(request));
  PERIGEE_ASSIGN_OR_RETURN(const QueryVector query,
                           QueryVector::Create(*request.schema, request.query));
  MergedSearchResult merged;
  merged.exact = true;
  std::vector<std::vector<SegmentHit>> lists;
  for (size_t segment = 0; segment < views.size(); ++segment) {
    PERIGEE_RETURN_IF_ERROR(request.cancellation.Check());
    PERIGEE_ASSIGN_OR_RETURN(SegmentSearchResult part,
                             SegmentSearch(*views[segment], request).Run(query));
    for (SegmentHit& hit : part.hits) {
      hit.segment = segment;
    }
    merged.exact = merged.exact && part.exact;
    merged.distances += part.distances;
    merged.rows_tested += part.rows_tested;
    lists.push_back(std::exchange(part.hits, {}));
    merged.segments.push_back(std::move(part));
  }
  merged.hits = MergeHits(lists, request.k);
  return merged;
}

std::vector<SegmentHit> MergeHits(std::span<const std::vector<SegmentHit>> lists, uint32_t k) {
  TopKHeap<SegmentHit, HitLess> best(k);
  for (const std::vector<SegmentHit>& list : lists) {
    for (const SegmentHit& hit : list) {
      if (!best.Accepts(hit)) {
        break;  // what follows in this list is no better
      }
      best.Push(hit);
    }
  }
  return best.TakeSorted();
}

absl::StatusOr<SegmentPlan> ExplainSegment(const SegmentView& view, const SearchRequest& request) {
  PERIGEE_RETURN_IF_ERROR(CheckRequest(request));
  const QueryPlan plan = SegmentSearch(view, request).Plan();
  return SegmentPlan{.segment = view.name(),
                     .rows = view.live_count(),
                     .strategy = std::string(SearchStrategyName(plan.strategy)),
                     .reason = plan.reason,
                     .selectivity = plan.selectivity,
                     .ef = plan.ef};
}

std::string DescribeStrategies(std::span<const SegmentSearchResult> segments) {
  std::map<std::string_view, size_t> counts;
  for (const SegmentSearchResult& segment : segments) {
    ++counts[SearchStrategyName(segment.strategy)];
  }
  std::string text;
  for (const auto& [name, count] : counts) {
    absl::StrAppend(&text, text.empty() ? "" : " ", Absl(name), "(", count, ")");
  }
  return text.empty() ? "none" : text;
}

}  // namespace perigee::engine
