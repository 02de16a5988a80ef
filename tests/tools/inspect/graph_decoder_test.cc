// SPDX-License-Identifier: Apache-2.0
//
// Goal: a graph is taken exactly if every rule of hnsw_section.md holds. Method: the page's example
// and one change a rule, then every byte set to several values.
#include "tools/inspect/graph_decoder.h"

#include <doctest/doctest.h>

#include "tests/tools/inspect/page_example.h"

namespace perigee::tools::inspect {
namespace {

struct Fixture {
  Fixture() {
    schema.dimension = 8;
    schema.metric = Metric::kL2;
  }
  std::optional<Graph> Decode(const std::string& bytes) {
    uint64_t place = 0;
    return Graph::Decode(
        bytes, {.rows = 5, .schema = &schema, .has_vector = [](uint32_t row) { return row != 2; }},
        fault, place);
  }
  std::string With(size_t word, uint32_t value) const {
    std::string changed = example;
    for (size_t i = 0; i < 4; ++i) {
      changed[word * 4 + i] = static_cast<char>(value >> (8 * i) & 0xffU);
    }
    return changed;
  }
  VectorSchema schema;
  std::string example = tests::PlainExample("hnsw_section.md", "```hex");
  std::string fault;
};

TEST_CASE_FIXTURE(Fixture, "the example of the page") {
  const auto graph = Decode(example);
  REQUIRE_MESSAGE(graph.has_value(), fault);
  CHECK(graph->Neighbours(1) == std::vector<uint32_t>{0, 3, 4});
  CHECK(graph->Neighbours(2).empty());
  CHECK(graph->UpperNeighbours(0, 1) == std::vector<uint32_t>{1});
  CHECK(graph->RowOfUpper(1) == 3);
  CHECK(graph->LevelOfUpper(1) == 1);
  CHECK(graph->CountReachable() == graph->reachable_stored());
}

TEST_CASE_FIXTURE(Fixture, "each rule refuses") {
  const size_t level0 = 16;
  for (const auto& change : std::vector<std::pair<size_t, uint32_t>>{
           {0, 0},           {2, 6},           {3, 5},           {4, 1},
           {4, 129},         {5, 0},           {5, 4097},        {6, 5},
           {6, 2},           {7, 0},           {7, 0xffffffff},  {8, 2},
           {8, 0},           {9, 3},           {10, 6},          {11, 5},
           {11, 0},          {12, 7},          {13, 1},          {14, 1},
           {level0, 0},      {level0, 5},      {level0, 2},      {level0, 0xffffffff},
           {level0 + 2, 1},  {level0 + 8, 0},  {level0 + 9, 1},  {level0 + 20, 3},
           {level0 + 21, 2}, {level0 + 22, 1}, {level0 + 23, 3}, {level0 + 25, 0}}) {
    const size_t word = change.first;
    const uint32_t value = change.second;
    CAPTURE(word);
    CAPTURE(value);
    const auto graph = Decode(With(word, value));
    // A list may lose its only link, and name a further row; both are graphs.
    const bool harmless =
        (word == level0 && value == 0xffffffff) || (word == level0 + 2 && value == 1);
    if (!harmless) {
      CHECK_FALSE(graph.has_value());
    }
  }
  for (size_t size = 0; size < example.size(); ++size) {
    CHECK_FALSE(Decode(example.substr(0, size)).has_value());
  }
}

TEST_CASE_FIXTURE(Fixture, "whatever is taken can be walked") {
  size_t taken = 0;
  for (size_t place = 0; place < example.size(); ++place) {
    for (const int value : {0, 1, 2, 3, 4, 5, 127, 128, 254, 255}) {
      std::string changed = example;
      changed[place] = static_cast<char>(value);
      const auto graph = Decode(changed);
      if (!graph.has_value()) {
        continue;
      }
      ++taken;
      CHECK(graph->CountReachable() <= graph->nodes());
    }
  }
  CHECK(taken > 0);
}

}  // namespace
}  // namespace perigee::tools::inspect
