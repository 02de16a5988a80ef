// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_planner.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "perigee/model/limits.h"

namespace perigee::engine {
namespace {

// Below this many rows a walk cannot win, and nobody needs to hear of cost models.
constexpr uint64_t kScanRowsMax = 1'000;
// A walk may cost this many times what was estimated before it gives way; and never more than the
// scan that it was chosen over would have.
constexpr double kWalkCostSlack = 2.0;

std::string Milliseconds(double nanoseconds) {
  std::array<char, 64> text = {};  // StrFormat would end the process when memory is short
  std::snprintf(text.data(), text.size(), "%.2f ms", nanoseconds / 1e6);
  return text.data();
}

// Share of the rows that may be returned; absent when all may.
std::optional<double> Selectivity(const SegmentStatistics& statistics) {
  if (statistics.filtered) {
    // One more of each kind: a sample without a match does not prove that there is none.
    return (statistics.sample_matches + 1.0) / (statistics.sample_rows + 2.0);
  }
  if (statistics.live_rows < statistics.rows) {
    return static_cast<double>(statistics.live_rows) / static_cast<double>(statistics.rows);
  }
  return std::nullopt;
}

// What a row costs before it is compared.
double RowTestNs(const SegmentStatistics& statistics, const CostModel& costs) {
  return statistics.filtered ? costs.row_test_ns
                             : (statistics.live_rows < statistics.rows ? costs.live_test_ns : 0.0);
}

double ScanNs(const SegmentStatistics& statistics, double selectivity, const CostModel& costs) {
  const auto rows = static_cast<double>(statistics.rows);
  const double distance =
      costs.distance_fixed_ns +
      costs.sequential_ns_per_byte * static_cast<double>(statistics.vector_bytes);
  return rows * RowTestNs(statistics, costs) + rows * selectivity * distance;
}

// Distances of a walk that keeps `ef` results when a share `selectivity` of what it meets counts.
double WalkDistances(const SegmentStatistics& statistics, double selectivity, uint32_t ef,
                     const CostModel& costs) {
  const double met = costs.distances_per_candidate * ef * statistics.graph_m / selectivity;
  return std::min(met, static_cast<double>(*statistics.indexed_rows));
}

double DistanceOfWalkNs(const SegmentStatistics& statistics, const CostModel& costs) {
  return costs.distance_fixed_ns + costs.random_fixed_ns +
         costs.random_ns_per_byte * static_cast<double>(statistics.vector_bytes) +
         RowTestNs(statistics, costs);
}

QueryPlan Scan(std::optional<double> selectivity, std::string reason) {
  return {.strategy = SearchStrategy::kExactScan,
          .selectivity = selectivity,
          .reason = std::move(reason)};
}

}  // namespace

std::string_view SearchStrategyName(SearchStrategy strategy) {
  switch (strategy) {
    case SearchStrategy::kExactScan:
      return "exact_scan";
    case SearchStrategy::kGraph:
      return "graph";
    case SearchStrategy::kGraphFiltered:
      return "graph_filtered";
  }
  return "unknown";
}

uint32_t DefaultEf(uint32_t k, double recall) {
  const double at_default = std::max(1.5 * k, 128.0);
  // Twentyfold fewer misses take about six times the candidates; at 0.95 the factor is 1.
  const double misses = std::max(1.0 - recall, 1e-4);
  const double factor = std::clamp(std::pow(0.05 / misses, 0.6), 0.25, 16.0);
  const double ef = std::ceil(std::max(at_default * factor, static_cast<double>(k)));
  return static_cast<uint32_t>(std::min(ef, static_cast<double>(limits::kEfMax)));
}

uint32_t SampleRow(uint32_t i, uint32_t row_count) {
  // SplitMix64: rows at even steps would fall in with whatever repeats in the data.
  uint64_t value = (uint64_t{i} + 1) * 0x9E37'79B9'7F4A'7C15ULL;
  value = (value ^ (value >> 30U)) * 0xBF58'476D'1CE4'E5B9ULL;
  value = (value ^ (value >> 27U)) * 0x94D0'49BB'1331'11EBULL;
  return static_cast<uint32_t>((value ^ (value >> 31U)) % row_count);
}

bool PlanNeedsSample(const SegmentStatistics& statistics, const PlanRequest& request) {
  return statistics.filtered && !request.exact && (request.ef || request.recall < 1.0) &&
         statistics.indexed_rows && statistics.rows > kScanRowsMax;
}

QueryPlan PlanSegment(const SegmentStatistics& statistics, const PlanRequest& request,
                      const CostModel& costs) {
  const std::optional<double> selectivity = Selectivity(statistics);
  if (request.exact) {
    return Scan(selectivity, "exact was asked for");
  }
  if (!request.ef && request.recall >= 1.0) {
    return Scan(selectivity, "recall 1 is what only a scan can promise");
  }
  if (!statistics.indexed_rows) {
    return Scan(selectivity, "no index");
  }
  if (statistics.rows <= kScanRowsMax) {
    return Scan(selectivity, absl::StrCat("few rows: ", statistics.rows));
  }
  const uint32_t ef = std::clamp(request.ef ? *request.ef : DefaultEf(request.k, request.recall),
                                 std::max(request.k, 1U), limits::kEfMax);
  const double share = std::max(selectivity.value_or(1.0), 1e-9);
  if (share * static_cast<double>(statistics.rows) <= request.k) {
    return Scan(selectivity, "about as many rows match as are asked for");
  }
  const double scan_ns = ScanNs(statistics, share, costs);
  const double walk_distance_ns = DistanceOfWalkNs(statistics, costs);
  const double walk_ns = WalkDistances(statistics, share, ef, costs) * walk_distance_ns;
  const std::string comparison = absl::StrCat("estimated ", Milliseconds(walk_ns), " to walk, ",
                                              Milliseconds(scan_ns), " to scan");
  if (walk_ns >= scan_ns) {
    return Scan(selectivity, comparison);
  }
  QueryPlan plan;
  plan.strategy = selectivity ? SearchStrategy::kGraphFiltered : SearchStrategy::kGraph;
  plan.ef = ef;
  plan.distances_max = static_cast<uint64_t>(
      std::max(std::min(kWalkCostSlack * walk_ns, scan_ns) / walk_distance_ns, 1.0));
  plan.selectivity = selectivity;
  plan.reason = comparison;
  return plan;
}

}  // namespace perigee::engine
