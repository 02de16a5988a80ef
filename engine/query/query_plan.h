// SPDX-License-Identifier: Apache-2.0
//
// QueryPlan: how one segment is searched, and why. docs/decisions/0007 describes the strategies.
//
// Invariants: ef is 0 exactly for scans; a plan names the strategy that was chosen, a search that
// had to change it says so in its own result. Thread-safety: value types.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace perigee::engine {

enum class SearchStrategy : uint8_t {
  kExactScan = 1,      ///< test every row, compare with every match
  kGraph = 2,          ///< walk the graph; every node may be returned
  kGraphFiltered = 3,  ///< walk the graph through all nodes, return those that match
};

/// "exact_scan", "graph" or "graph_filtered".
std::string_view SearchStrategyName(SearchStrategy strategy);

struct QueryPlan {
  SearchStrategy strategy = SearchStrategy::kExactScan;
  /// Candidates kept during a walk; 0 for a scan.
  uint32_t ef = 0;
  /// A walk that has compared this often gives way to a scan.
  uint64_t distances_max = std::numeric_limits<uint64_t>::max();
  /// Estimated share of rows that may be returned; absent when every row may.
  std::optional<double> selectivity = {};
  /// What decided, for people.
  std::string reason = {};
};

}  // namespace perigee::engine
