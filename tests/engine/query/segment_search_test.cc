// SPDX-License-Identifier: Apache-2.0
//
// Goal: whatever the plan, a search gives exactly min(k, matching) hits, each of them a match with
// its exact distance, in order (invariants of segment_search.h). Method: filters of every
// selectivity, correlated with distance, against it and not at all, with dead rows, absent vectors
// and an id left out, compared with brute force; cost models that make each strategy win.
#include "engine/query/segment_search.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "engine/query/filter_binder.h"
#include "perigee/model/limits.h"
#include "perigee/model/point_id.h"
#include "tests/engine/query/test_segment_view.h"

namespace perigee::engine {
namespace {

using tests::ClusteredOptions;
using tests::ClusteredVectors;
using tests::TestSegmentView;

// A machine on which every walk looks better than a scan.
CostModel WalkingCosts() {
  return {.distance_fixed_ns = 0,
          .sequential_ns_per_byte = 1000,
          .random_ns_per_byte = 1e-6,
          .random_fixed_ns = 1e-6,
          .row_test_ns = 1e-6,
          .live_test_ns = 1e-6};
}

BoundFilter Bind(const Filter& filter, const VectorSchema& schema) {
  CollectionSchema collection;
  collection.vectors = {schema};
  auto bound = BindFilter(filter, collection);
  REQUIRE_MESSAGE(bound.ok(), bound.status().ToString());
  return *std::move(bound);
}

Filter BucketBelow(int64_t limit) { return {RangeCondition{.path = "bucket", .lt = limit}}; }

Filter ClusterIs(uint32_t cluster, bool negated = false) {
  Filter match{MatchCondition{.path = "cluster", .values = {static_cast<int64_t>(cluster)}}};
  return negated ? Filter{NotNode{{match}}} : match;
}

// One filter, and the same as a condition on rows.
struct FilterCase {
  std::string name;
  std::optional<Filter> filter;
  std::function<bool(uint32_t)> matches;
};

std::vector<FilterCase> FilterCases(const TestSegmentView& view, uint32_t query_cluster) {
  const auto bucket_below = [&view](uint32_t limit) {
    return [&view, limit](uint32_t row) { return view.bucket(row) < limit; };
  };
  // A cluster of another place: matches lie far from the query.
  const uint32_t far = (query_cluster + 7) % 20;
  const auto cluster_is = [&view](uint32_t cluster) {
    return [&view, cluster](uint32_t row) { return view.vectors().cluster(row) == cluster; };
  };
  std::vector<FilterCase> cases;
  cases.push_back({"none", std::nullopt, [](uint32_t) { return true; }});
  cases.push_back({"everything", Filter{}, [](uint32_t) { return true; }});
  cases.push_back({"0 percent", BucketBelow(0), [](uint32_t) { return false; }});
  const uint32_t one = 4;
  cases.push_back({"one row", Filter{HasIdCondition{{*PointId::Decode(view.EncodedId(one))}}},
                   [](uint32_t row) { return row == one; }});
  for (const uint32_t permille : {1U, 10U, 100U, 500U, 1000U}) {
    cases.push_back(
        {std::to_string(permille) + " permille", BucketBelow(permille), bucket_below(permille)});
  }
  cases.push_back({"correlated", ClusterIs(query_cluster), cluster_is(query_cluster)});
  cases.push_back({"anti-correlated", ClusterIs(far), cluster_is(far)});
  cases.push_back({"all but the query's cluster", ClusterIs(query_cluster, true),
                   [&view, query_cluster](uint32_t row) {
                     return view.vectors().cluster(row) != query_cluster;
                   }});
  return cases;
}

// Invariants 1 and 2, given what brute force finds.
void CheckHits(const SegmentSearchResult& result, const std::vector<SegmentHit>& expected,
               uint32_t k) {
  REQUIRE(result.hits.size() == std::min<size_t>(k, expected.size()));
  std::map<uint32_t, float> distance_of;
  for (const SegmentHit& hit : expected) {
    distance_of[hit.row] = hit.distance;
  }
  std::set<uint32_t> seen;
  for (size_t i = 0; i < result.hits.size(); ++i) {
    const SegmentHit& hit = result.hits[i];
    REQUIRE(distance_of.count(hit.row) == 1);
    CHECK(distance_of[hit.row] == hit.distance);
    CHECK(seen.insert(hit.row).second);
    CHECK(hit.lsn == uint64_t{hit.row} + 1000);
    if (i > 0) {
      CHECK(HitBefore(result.hits[i - 1], hit));
    }
    if (result.exact) {
      CHECK(hit.row == expected[i].row);
    }
  }
  CHECK(result.last_distance == (result.hits.empty() ? std::numeric_limits<float>::infinity()
                                                     : result.hits.back().distance));
  if (result.exhausted) {
    CHECK(expected.size() <= k);
  }
}

double Recall(const SegmentSearchResult& result, const std::vector<SegmentHit>& expected) {
  std::vector<uint32_t> wanted;
  std::vector<uint32_t> found;
  for (const SegmentHit& hit : expected) {
    wanted.push_back(hit.row);
  }
  for (const SegmentHit& hit : result.hits) {
    found.push_back(hit.row);
  }
  return tests::RecallAt(10, wanted, found);
}

// Every filter, k and cost model on one view. Returns how often each strategy gave the hits.
std::map<std::string, int> CheckCompleteness(const TestSegmentView& view) {
  std::map<std::string, int> strategies;
  std::map<std::string, double> recall_sum;
  std::map<std::string, int> recall_count;
  const VectorSchema& schema = view.vectors().schema();
  for (size_t q = 0; q < 8; ++q) {
    const std::vector<float>& query = view.vectors().queries()[q];
    for (const FilterCase& filter_case : FilterCases(view, view.vectors().query_cluster(q))) {
      CAPTURE(filter_case.name);
      std::optional<BoundFilter> bound;
      if (filter_case.filter) {
        bound = Bind(*filter_case.filter, schema);
      }
      const std::vector<SegmentHit> expected = view.Expected(query, filter_case.matches);
      for (const uint32_t k : {1U, 10U, 400U}) {
        for (const bool walking : {true, false}) {
          const auto result =
              SearchSegment(view, {.schema = &schema,
                                   .query = query,
                                   .k = k,
                                   .filter = bound ? &*bound : nullptr,
                                   .costs = walking ? WalkingCosts() : CostModel()});
          REQUIRE(result.ok());
          CheckHits(*result, expected, k);
          ++strategies[std::string(SearchStrategyName(result->strategy))];
          if (result->plan.strategy != result->strategy) {
            ++strategies["gave way"];
          }
          if (k == 10) {
            recall_sum[filter_case.name] += Recall(*result, expected);
            ++recall_count[filter_case.name];
          }
        }
      }
    }
  }
  for (const auto& entry : recall_sum) {
    CAPTURE(entry.first);
    CHECK(entry.second / recall_count[entry.first] >= 0.95);
  }
  return strategies;
}

TEST_CASE("exactly min of k and matching for every selectivity and correlation") {
  const ClusteredVectors vectors({.rows = 4000, .dimension = 24, .seed = 61});
  const TestSegmentView view(vectors, {});
  std::map<std::string, int> strategies = CheckCompleteness(view);
  CHECK(strategies["exact_scan"] > 0);
  CHECK(strategies["graph"] > 0);
  CHECK(strategies["graph_filtered"] > 0);
  CHECK(strategies["gave way"] > 0);
}

TEST_CASE("the same with dead rows and absent vectors") {
  const ClusteredVectors vectors({.rows = 4000, .dimension = 24, .seed = 62, .absent_every = 6});
  const TestSegmentView view(vectors, {.dead_every = 3});
  std::map<std::string, int> strategies = CheckCompleteness(view);
  CHECK(strategies["graph"] == 0);  // deaths alone need the filtered walk
  CHECK(strategies["graph_filtered"] > 0);
}

TEST_CASE("the same without a graph and with hardly a row alive") {
  const ClusteredVectors vectors({.rows = 1500, .dimension = 24, .seed = 63});
  CheckCompleteness(TestSegmentView(vectors, {.with_graph = false}));
  const TestSegmentView dead(vectors, {.dead_every = 1});
  CHECK(dead.live_count() == 0);
  CheckCompleteness(dead);
}

TEST_CASE("f16 and the other metrics") {
  for (const DistanceMetric metric : {DistanceMetric::kL2, DistanceMetric::kDot}) {
    const ClusteredVectors vectors({.rows = 1500,
                                    .dimension = 24,
                                    .seed = 64,
                                    .metric = metric,
                                    .element = VectorElement::kFloat16});
    const TestSegmentView view(vectors, {.dead_every = 9});
    for (size_t q = 0; q < 5; ++q) {
      const std::vector<float>& query = vectors.queries()[q];
      const auto expected = view.Expected(query, [](uint32_t) { return true; });
      for (const bool exact : {true, false}) {
        const auto result = SearchSegment(
            view,
            {.schema = &vectors.schema(), .query = query, .exact = exact, .costs = WalkingCosts()});
        REQUIRE(result.ok());
        CHECK(result->exact == exact);
        CheckHits(*result, expected, 10);
      }
    }
  }
}

TEST_CASE("the id left out does not count") {
  const ClusteredVectors vectors({.rows = 2000, .dimension = 24, .seed = 65});
  const TestSegmentView view(vectors, {.dead_every = 50});
  const std::vector<float>& query = vectors.queries()[0];
  const auto all = view.Expected(query, [](uint32_t) { return true; });
  // The nearest of all, one in the middle, the farthest, and an id that does not exist.
  const std::string missing = PointId(std::string("missing")).Encode();
  for (const std::string_view id :
       {all[0].encoded_id, all[5].encoded_id, all.back().encoded_id, std::string_view(missing)}) {
    std::vector<SegmentHit> expected;
    for (const SegmentHit& hit : all) {
      if (hit.encoded_id != id) {
        expected.push_back(hit);
      }
    }
    for (const uint32_t k : {1U, 10U, static_cast<uint32_t>(all.size())}) {
      for (const bool exact : {true, false}) {
        const auto result = SearchSegment(view, {.schema = &vectors.schema(),
                                                 .query = query,
                                                 .k = k,
                                                 .exact = exact,
                                                 .leave_out_id = id,
                                                 .costs = WalkingCosts()});
        REQUIRE(result.ok());
        CheckHits(*result, expected, k);
      }
    }
  }
}

TEST_CASE("the id left out costs no scan even if ef is just k") {
  const ClusteredVectors vectors({.rows = 2000, .dimension = 24, .seed = 65});
  const TestSegmentView view(vectors, {});
  const std::vector<float>& query = vectors.queries()[0];
  const std::string_view nearest =
      view.Expected(query, [](uint32_t) { return true; })[0].encoded_id;
  const auto result = SearchSegment(view, {.schema = &vectors.schema(),
                                           .query = query,
                                           .ef = 10,
                                           .leave_out_id = nearest,
                                           .costs = WalkingCosts()});
  REQUIRE(result.ok());
  CHECK(result->strategy == SearchStrategy::kGraph);
  CHECK(result->hits.size() == 10);
}

TEST_CASE("a walk that gave up is not believed") {
  const ClusteredVectors vectors({.rows = 2000, .dimension = 24, .seed = 76});
  const TestSegmentView view(vectors, {});
  // An estimate far too low: the walk must end after a few distances, with rows at hand.
  CostModel costs = WalkingCosts();
  costs.distances_per_candidate = 1e-3;
  for (size_t q = 0; q < 10; ++q) {
    const std::vector<float>& query = vectors.queries()[q];
    const auto result =
        SearchSegment(view, {.schema = &vectors.schema(), .query = query, .k = 1, .costs = costs});
    REQUIRE(result.ok());
    CHECK(result->plan.strategy == SearchStrategy::kGraph);
    CHECK(result->strategy == SearchStrategy::kExactScan);
    CHECK(result->exact);
    CHECK(result->distances > 2000);
    CheckHits(*result, view.Expected(query, [](uint32_t) { return true; }), 1);
  }
}

TEST_CASE("a scan breaks ties by encoded id also at the k-th place") {
  // Every vector exists a hundred times.
  const ClusteredVectors vectors({.rows = 1200, .dimension = 24, .seed = 66, .distinct = 12});
  const TestSegmentView view(vectors, {});
  const std::vector<float>& query = vectors.queries()[0];
  const auto expected = view.Expected(query, [](uint32_t) { return true; });
  REQUIRE(expected[0].distance == expected[50].distance);
  for (const uint32_t k : {1U, 7U, 50U, 130U, 1200U}) {
    const auto exact =
        SearchSegment(view, {.schema = &vectors.schema(), .query = query, .k = k, .exact = true});
    REQUIRE(exact.ok());
    CHECK(exact->exact);
    CHECK(exact->exhausted == (k == 1200));
    CheckHits(*exact, expected, k);
    const auto walked = SearchSegment(
        view, {.schema = &vectors.schema(), .query = query, .k = k, .costs = WalkingCosts()});
    REQUIRE(walked.ok());
    CheckHits(*walked, expected, k);
  }
}

TEST_CASE("several segments answer as their union would") {
  std::vector<std::unique_ptr<ClusteredVectors>> vectors;
  std::vector<std::unique_ptr<TestSegmentView>> owned;
  std::vector<const SegmentView*> views;
  for (uint64_t seed = 71; seed < 75; ++seed) {
    vectors.push_back(std::make_unique<ClusteredVectors>(
        ClusteredOptions{.rows = 1200, .dimension = 24, .seed = seed, .absent_every = 20}));
    owned.push_back(std::make_unique<TestSegmentView>(
        *vectors.back(), TestSegmentView::Options{.with_graph = seed % 2 == 0, .dead_every = 5}));
    views.push_back(owned.back().get());
  }
  const std::vector<float>& query = vectors[0]->queries()[0];
  std::vector<SegmentHit> expected;
  for (size_t segment = 0; segment < owned.size(); ++segment) {
    for (SegmentHit hit : owned[segment]->Expected(query, [](uint32_t) { return true; })) {
      hit.segment = segment;
      expected.push_back(hit);
    }
  }
  std::sort(expected.begin(), expected.end(), HitBefore);
  SearchRequest request = {.schema = &vectors[0]->schema(), .query = query, .k = 30, .exact = true};
  const auto exact = SearchSegments(views, request);
  REQUIRE(exact.ok());
  CHECK(exact->exact);
  REQUIRE(exact->hits.size() == 30);
  for (size_t i = 0; i < 30; ++i) {
    CHECK(exact->hits[i].distance == expected[i].distance);
    CHECK(exact->hits[i].encoded_id == expected[i].encoded_id);
  }
  CHECK(DescribeStrategies(exact->segments) == "exact_scan(4)");
  CHECK(DescribeStrategies({}) == "none");

  request.exact = false;
  request.costs = WalkingCosts();
  const auto mixed = SearchSegments(views, request);
  REQUIRE(mixed.ok());
  CHECK_FALSE(mixed->exact);
  CHECK(mixed->hits.size() == 30);
  CHECK(mixed->segments.size() == 4);
  CHECK(DescribeStrategies(mixed->segments) == "exact_scan(2) graph_filtered(2)");
  uint64_t distances = 0;
  for (const SegmentSearchResult& segment : mixed->segments) {
    CHECK(segment.hits.empty());
    distances += segment.distances;
  }
  CHECK(mixed->distances == distances);

  const auto none = SearchSegments({}, request);
  REQUIRE(none.ok());
  CHECK(none->hits.empty());
  CHECK(none->exact);
}

TEST_CASE("merging keeps the best of ordered lists") {
  const std::string a = "a";
  const std::string b = "b";
  const std::string c = "c";
  const std::vector<std::vector<SegmentHit>> lists = {
      {{.distance = 1, .encoded_id = b}, {.distance = 4, .encoded_id = b}},
      {},
      {{.distance = 1, .encoded_id = a, .segment = 2}, {.distance = 2, .encoded_id = c}}};
  const std::vector<SegmentHit> best = MergeHits(lists, 3);
  REQUIRE(best.size() == 3);
  CHECK(best[0].encoded_id == a);
  CHECK(best[0].segment == 2);
  CHECK(best[1].encoded_id == b);
  CHECK(best[2].encoded_id == c);
  CHECK(MergeHits(lists, 100).size() == 4);
  CHECK(MergeHits(lists, 0).empty());
}

// Sets a flag after some rows were looked at: a caller who cancels while a search runs.
class CancellingView final : public TestSegmentView {
 public:
  CancellingView(const ClusteredVectors& vectors, const Options& options, int rows_before)
      : TestSegmentView(vectors, options), rows_left_(rows_before) {}
  bool RowLive(uint32_t row) const override {
    if (--rows_left_ <= 0) {
      cancelled = true;
    }
    return TestSegmentView::RowLive(row);
  }
  mutable std::atomic<bool> cancelled{false};

 private:
  mutable std::atomic<int> rows_left_;
};

TEST_CASE("deadline and cancellation end a search before it and during it") {
  const ClusteredVectors vectors({.rows = 3000, .dimension = 24, .seed = 67});
  const TestSegmentView view(vectors, {});
  SearchRequest request = {.schema = &vectors.schema(), .query = vectors.queries()[0]};
  request.cancellation = Cancellation::After(std::chrono::milliseconds(0));
  const SegmentView* const views[] = {&view};
  CHECK(SearchSegment(view, request).status().code() == absl::StatusCode::kDeadlineExceeded);
  CHECK(SearchSegments(views, request).status().code() == absl::StatusCode::kDeadlineExceeded);
  for (const bool exact : {true, false}) {
    const CancellingView cancelling(vectors, {.dead_every = 4}, 300);
    request.exact = exact;
    request.ef = 2000;
    request.costs = WalkingCosts();
    request.cancellation = Cancellation::OnFlag(&cancelling.cancelled);
    CHECK(SearchSegment(cancelling, request).status().code() == absl::StatusCode::kCancelled);
  }
}

TEST_CASE("requests out of range are refused") {
  const ClusteredVectors vectors({.rows = 10, .dimension = 4, .seed = 68});
  const TestSegmentView view(vectors, {.with_graph = false});
  const SearchRequest good = {.schema = &vectors.schema(), .query = vectors.queries()[0]};
  CHECK(SearchSegment(view, good).ok());
  const auto code = [&](const std::function<void(SearchRequest&)>& change) {
    SearchRequest request = good;
    change(request);
    return SearchSegment(view, request).status().code();
  };
  constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
  CHECK(code([](SearchRequest& r) { r.k = limits::kResultsMax + 1; }) == kInvalid);
  CHECK(code([](SearchRequest& r) { r.k = limits::kResultsMax; }) == absl::StatusCode::kOk);
  CHECK(code([](SearchRequest& r) { r.k = 0; }) == absl::StatusCode::kOk);
  CHECK(code([](SearchRequest& r) { r.ef = 0; }) == kInvalid);
  CHECK(code([](SearchRequest& r) { r.ef = limits::kEfMax + 1; }) == kInvalid);
  CHECK(code([](SearchRequest& r) { r.recall = 0; }) == kInvalid);
  CHECK(code([](SearchRequest& r) { r.recall = 1.1; }) == kInvalid);
  CHECK(code([](SearchRequest& r) { r.recall = std::numeric_limits<double>::quiet_NaN(); }) ==
        kInvalid);
  CHECK(code([](SearchRequest& r) { r.query = r.query.first(3); }) == kInvalid);
}

TEST_CASE("explaining shows the plan that a search uses") {
  const ClusteredVectors vectors({.rows = 3000, .dimension = 24, .seed = 69});
  const TestSegmentView view(vectors, {.dead_every = 10, .name = "a-segment"});
  const BoundFilter filter = Bind(BucketBelow(500), vectors.schema());
  for (const bool exact : {true, false}) {
    const SearchRequest request = {.schema = &vectors.schema(),
                                   .query = vectors.queries()[0],
                                   .exact = exact,
                                   .filter = &filter,
                                   .costs = WalkingCosts()};
    const auto plan = ExplainSegment(view, request);
    const auto result = SearchSegment(view, request);
    REQUIRE(plan.ok());
    REQUIRE(result.ok());
    CHECK(plan->segment == "a-segment");
    CHECK(plan->rows == view.live_count());
    CHECK(plan->strategy == SearchStrategyName(result->plan.strategy));
    CHECK(plan->strategy == (exact ? "exact_scan" : "graph_filtered"));
    CHECK(plan->ef == result->plan.ef);
    CHECK(plan->selectivity == result->plan.selectivity);
    CHECK_FALSE(plan->reason.empty());
    if (!exact) {
      CHECK(*plan->selectivity == doctest::Approx(0.45).epsilon(0.3));
    }
  }
}

TEST_CASE("an index of another number of rows is not used") {
  class LongerView final : public TestSegmentView {
   public:
    using TestSegmentView::TestSegmentView;
    uint32_t row_count() const override { return TestSegmentView::row_count() - 1; }
  };
  const ClusteredVectors vectors({.rows = 3000, .dimension = 24, .seed = 70});
  const LongerView view(vectors, {});
  const auto result = SearchSegment(
      view, {.schema = &vectors.schema(), .query = vectors.queries()[0], .costs = WalkingCosts()});
  REQUIRE(result.ok());
  CHECK(result->exact);
  CHECK(result->plan.reason == "no index");
}

}  // namespace
}  // namespace perigee::engine
