// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_planner.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "perigee/model/limits.h"

namespace perigee::engine {
namespace {

// A sealed segment of a hundred thousand vectors of 384 f32.
SegmentStatistics Large() {
  return {.rows = 100'000,
          .live_rows = 100'000,
          .indexed_rows = 100'000,
          .vector_bytes = 1536,
          .graph_m = 16};
}

SegmentStatistics Filtered(uint32_t matches_of_256) {
  SegmentStatistics statistics = Large();
  statistics.filtered = true;
  statistics.sample_rows = 256;
  statistics.sample_matches = matches_of_256;
  return statistics;
}

SegmentStatistics With(void (*change)(SegmentStatistics&)) {
  SegmentStatistics statistics = Large();
  change(statistics);
  return statistics;
}

struct PlanCase {
  const char* name;
  SegmentStatistics statistics;
  PlanRequest request;
  SearchStrategy strategy;
};

TEST_CASE("which strategy by statistics and request") {
  constexpr SearchStrategy kScan = SearchStrategy::kExactScan;
  constexpr SearchStrategy kWalk = SearchStrategy::kGraph;
  constexpr SearchStrategy kFiltered = SearchStrategy::kGraphFiltered;
  const std::vector<PlanCase> cases = {
      {"a large segment", Large(), {}, kWalk},
      {"exact", Large(), {.exact = true}, kScan},
      {"recall 1", Large(), {.recall = 1.0}, kScan},
      {"recall 1 but with ef", Large(), {.ef = 100, .recall = 1.0}, kWalk},
      {"high recall", Large(), {.recall = 0.99}, kWalk},
      {"no index", With([](SegmentStatistics& s) { s.indexed_rows.reset(); }), {}, kScan},
      {"few rows", With([](SegmentStatistics& s) { s.rows = s.live_rows = 900; }), {}, kScan},
      {"no rows", With([](SegmentStatistics& s) { s.rows = s.live_rows = 0; }), {}, kScan},
      {"more asked for than there are", Large(), {.k = 16'384, .ef = 65'536}, kScan},
      {"as many as there are",
       With([](SegmentStatistics& s) { s.rows = s.live_rows = 5'000; }),
       {.k = 5'000},
       kScan},
      {"some dead", With([](SegmentStatistics& s) { s.live_rows = 70'000; }), {}, kFiltered},
      {"nearly all dead", With([](SegmentStatistics& s) { s.live_rows = 50; }), {}, kScan},
      {"all dead", With([](SegmentStatistics& s) { s.live_rows = 0; }), {}, kScan},
      {"filter that matches all", Filtered(256), {}, kFiltered},
      {"filter that matches half", Filtered(128), {}, kFiltered},
      {"filter that matches a tenth", Filtered(26), {}, kFiltered},
      {"filter that matches one in a hundred", Filtered(2), {}, kScan},
      {"filter without a match in the sample", Filtered(0), {}, kScan},
      {"filter and exact", Filtered(256), {.exact = true}, kScan},
  };
  for (const PlanCase& plan_case : cases) {
    CAPTURE(plan_case.name);
    const QueryPlan plan = PlanSegment(plan_case.statistics, plan_case.request);
    CHECK(plan.strategy == plan_case.strategy);
    CHECK((plan.ef == 0) == (plan.strategy == kScan));
    CHECK_FALSE(plan.reason.empty());
    if (plan.strategy != kScan) {
      CHECK(plan.ef >= plan_case.request.k);
      // A walk gives way before it has cost more than the scan that it replaces.
      CHECK(plan.distances_max > 0);
      CHECK(plan.distances_max < 2 * plan_case.statistics.rows);
    }
    CHECK(plan.selectivity.has_value() ==
          (plan_case.statistics.filtered ||
           plan_case.statistics.live_rows < plan_case.statistics.rows));
  }
}

TEST_CASE("a walk may cost twice its estimate but never more than the scan it replaces") {
  const CostModel costs = {.distance_fixed_ns = 0,
                           .sequential_ns_per_byte = 1,
                           .random_ns_per_byte = 1,
                           .random_fixed_ns = 0,
                           .distances_per_candidate = 1};
  const SegmentStatistics statistics = {.rows = 10'000,
                                        .live_rows = 10'000,
                                        .indexed_rows = 10'000,
                                        .vector_bytes = 100,
                                        .graph_m = 16};
  CHECK(PlanSegment(statistics, {.ef = 100}, costs).distances_max == 3'200);
  CHECK(PlanSegment(statistics, {.ef = 500}, costs).distances_max == 10'000);
  CHECK(PlanSegment(statistics, {.ef = 625}, costs).strategy == SearchStrategy::kExactScan);
}

TEST_CASE("effort follows k and recall") {
  CHECK(DefaultEf(10, 0.95) == 128);
  CHECK(DefaultEf(1, 0.95) == 128);
  CHECK(DefaultEf(100, 0.95) == 150);
  CHECK(DefaultEf(16'384, 0.95) == 24'576);
  CHECK(DefaultEf(10, 0.99) > 2 * 128);
  CHECK(DefaultEf(10, 0.999) > 8 * 128);
  CHECK(DefaultEf(10, 0.9) < 128);
  CHECK(DefaultEf(10, 1e-9) == 32);
  CHECK(DefaultEf(limits::kResultsMax, 1.0) == limits::kEfMax);
  for (const double recall : {0.01, 0.5, 0.9, 0.99, 0.9999}) {
    for (const uint32_t k : {1U, 10U, 1000U, limits::kResultsMax}) {
      CHECK(DefaultEf(k, recall) >= k);
      CHECK(DefaultEf(k, recall) <= limits::kEfMax);
      CHECK(DefaultEf(k, recall) <= DefaultEf(k, std::min(1.0, recall * 1.01)));
    }
  }
}

TEST_CASE("ef is taken as given but never below k") {
  CHECK(PlanSegment(Large(), {.ef = 40}).ef == 40);
  CHECK(PlanSegment(Large(), {.k = 100, .ef = 40}).ef == 100);
}

TEST_CASE("selectivity never claims certainty from a sample") {
  CHECK(*PlanSegment(Filtered(0), {}).selectivity > 0);
  CHECK(*PlanSegment(Filtered(256), {}).selectivity < 1);
  CHECK(*PlanSegment(Filtered(128), {}).selectivity == doctest::Approx(0.5));
}

TEST_CASE("a sample is taken only when it can matter") {
  CHECK(PlanNeedsSample(Filtered(0), {}));
  CHECK_FALSE(PlanNeedsSample(Large(), {}));
  CHECK_FALSE(PlanNeedsSample(Filtered(0), {.exact = true}));
  CHECK_FALSE(PlanNeedsSample(Filtered(0), {.recall = 1.0}));
  CHECK(PlanNeedsSample(Filtered(0), {.ef = 64, .recall = 1.0}));
  SegmentStatistics small = Filtered(0);
  small.rows = small.live_rows = 100;
  CHECK_FALSE(PlanNeedsSample(small, {}));
  SegmentStatistics unindexed = Filtered(0);
  unindexed.indexed_rows.reset();
  CHECK_FALSE(PlanNeedsSample(unindexed, {}));
}

TEST_CASE("sampled rows are the same every time in range and fall in with no period") {
  std::set<uint32_t> rows;
  uint32_t even = 0;
  for (uint32_t i = 0; i < kSelectivitySampleRows; ++i) {
    CHECK(SampleRow(i, 1) == 0);
    const uint32_t row = SampleRow(i, 256'000);
    CHECK(row == SampleRow(i, 256'000));
    CHECK(row < 256'000);
    rows.insert(row);
    even += row % 2 == 0 ? 1U : 0U;
  }
  CHECK(rows.size() > 250);
  CHECK(even > 96);
  CHECK(even < 160);
}

TEST_CASE("names of strategies") {
  CHECK(SearchStrategyName(SearchStrategy::kExactScan) == "exact_scan");
  CHECK(SearchStrategyName(SearchStrategy::kGraph) == "graph");
  CHECK(SearchStrategyName(SearchStrategy::kGraphFiltered) == "graph_filtered");
}

}  // namespace
}  // namespace perigee::engine
