// SPDX-License-Identifier: Apache-2.0
#include "bench/harness/figures.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace perigee::bench {
namespace {

TEST_CASE("percentiles of sorted values") {
  CHECK(Percentile({}, 0.5) == 0);
  CHECK(Percentile({3}, 0.99) == 3);
  CHECK(Percentile({5, 1, 3, 2, 4}, 0.5) == 3);
  CHECK(Percentile({5, 1, 3, 2, 4}, 1) == 5);
  CHECK(Percentile({5, 1, 3, 2, 4}, 0) == 1);
}

TEST_CASE("figures have a ratio only beside a peer") {
  Figures figures;
  figures.Add({.name = "a", .value = 10, .unit = "us", .peer = "b", .peer_value = 5});
  figures.Add({.name = "c", .value = 1, .unit = "s"});
  const auto json = nlohmann::json::parse(figures.Json());
  CHECK(json["figures"][0]["ratio"] == 2);
  CHECK_FALSE(json["figures"][1].contains("ratio"));
  std::ostringstream table;
  figures.PrintTable(table);
  CHECK(table.str().find("ratio 2.000") != std::string::npos);
}

}  // namespace
}  // namespace perigee::bench
