// SPDX-License-Identifier: Apache-2.0
//
// Figures: what a benchmark reports, each a value beside a peer's of the same run, as a table and
// as the JSON {"machine": …, "figures": [{"name", "value", "unit", "peer", "peer_value",
// "ratio"}]}.
//
// Invariants: a ratio is given only when both values come from the same run.
// Thread-safety: one thread at a time.
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace perigee::bench {

struct Figure {
  std::string name = {};
  double value = 0;
  std::string unit = {};
  std::string peer = {};
  std::optional<double> peer_value = {};
};

/// The value at `share` (0 to 1) of the sorted values; 0 for none.
double Percentile(std::vector<double> values, double share);

class Figures {
 public:
  void Add(Figure figure) { figures_.push_back(std::move(figure)); }
  void PrintTable(std::ostream& out) const;
  std::string Json() const;

 private:
  std::vector<Figure> figures_;
};

}  // namespace perigee::bench
