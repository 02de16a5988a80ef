// SPDX-License-Identifier: Apache-2.0
#include "engine/index/hnsw/hnsw_search.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <set>
#include <string_view>
#include <vector>

#include "engine/index/flat_index.h"
#include "engine/index/hnsw/hnswlib_builder.h"
#include "tests/support/clustered_vectors.h"

namespace perigee::engine {
namespace {

class Fixture {
 public:
  explicit Fixture(const tests::ClusteredOptions& options) : vectors_(options) {
    const auto id = [&](uint32_t row) { return std::string_view(vectors_.encoded_id(row)); };
    auto section = BuildHnswSection(
        {.column = &vectors_.column(), .schema = &vectors_.schema(), .encoded_id = id});
    REQUIRE(section.ok());
    section_ = *std::move(section);
    auto graph = HnswGraph::Open(section_, vectors_.row_count());
    REQUIRE(graph.ok());
    graph_.push_back(*graph);
  }

  IndexSearchResult Search(size_t query, const IndexSearchOptions& options) const {
    const auto made = QueryVector::Create(vectors_.schema(), vectors_.queries()[query]);
    REQUIRE(made.ok());
    VisitedSet visited(vectors_.row_count());
    visited.Clear();
    auto result = SearchHnswGraph(
        {.graph = graph_.front(), .column = vectors_.column(), .query = *made}, options, visited);
    REQUIRE(result.ok());
    return *std::move(result);
  }

  std::vector<RowDistance> Nearest(size_t query, uint32_t k) const {
    const auto made = QueryVector::Create(vectors_.schema(), vectors_.queries()[query]);
    return FlatIndex(vectors_.column()).Search(*made, {.k = k})->rows;
  }

  const tests::ClusteredVectors& vectors() const { return vectors_; }

 private:
  tests::ClusteredVectors vectors_;
  std::vector<std::byte> section_;
  std::vector<HnswGraph> graph_;  // exactly one
};

TEST_CASE("effort belongs to the query: more of it finds more") {
  const Fixture fixture(
      {.rows = 3000, .dimension = 32, .seed = 51, .hnsw = {.m = 6, .ef_construction = 40}});
  double previous = 0;
  uint64_t distances = 0;
  for (const uint32_t ef : {10U, 40U, 200U}) {
    double recall = 0;
    uint64_t compared = 0;
    for (size_t query = 0; query < 50; ++query) {
      const IndexSearchResult result = fixture.Search(query, {.k = 10, .ef = ef});
      CHECK(result.rows.size() == ef);
      compared += result.distances;
      std::set<uint32_t> first;
      for (size_t i = 0; i < 10; ++i) {
        first.insert(result.rows[i].row);
      }
      for (const RowDistance& expected : fixture.Nearest(query, 10)) {
        recall += first.count(expected.row) > 0 ? 0.002 : 0;
      }
    }
    CHECK(recall >= previous);
    CHECK(compared > distances);
    previous = recall;
    distances = compared;
  }
  CHECK(previous > 0.98);
}

TEST_CASE("a filter that lets all pass finds what no filter finds at every effort") {
  const Fixture fixture({.rows = 2000, .dimension = 24, .seed = 52});
  const auto all = [](uint32_t) { return true; };
  const RowFilter filter = all;
  // Below and above the size at which the sorted list gives way to heaps.
  for (const uint32_t ef : {1U, 16U, 300U, 1024U, 1025U, 1999U}) {
    CAPTURE(ef);
    for (size_t query = 0; query < 10; ++query) {
      const IndexSearchResult plain = fixture.Search(query, {.k = 1, .ef = ef});
      const IndexSearchResult filtered =
          fixture.Search(query, {.k = 1, .ef = ef, .filter = &filter});
      CHECK(plain.rows == filtered.rows);
      CHECK(plain.distances == filtered.distances);
      CHECK(filtered.rows_tested > 0);
      CHECK(plain.rows_tested == 0);
    }
  }
}

TEST_CASE("with room for every node a walk is exact over what it can reach") {
  const Fixture fixture({.rows = 1200, .dimension = 16, .seed = 53, .absent_every = 5});
  for (size_t query = 0; query < 5; ++query) {
    const std::vector<RowDistance> all = fixture.Nearest(query, 1200);
    CHECK(fixture.Search(query, {.k = 1200, .ef = 1}).rows == all);
    CHECK(fixture.Search(query, {.k = 1, .ef = std::numeric_limits<uint32_t>::max()}).rows == all);
  }
}

TEST_CASE("matches far away and few are found through rows that do not match") {
  const Fixture fixture({.rows = 3000, .dimension = 32, .seed = 54});
  for (size_t query = 0; query < 20; ++query) {
    // The farthest five rows: what a walk meets last.
    const std::vector<RowDistance> order = fixture.Nearest(query, 3000);
    std::set<uint32_t> wanted;
    for (size_t i = order.size() - 5; i < order.size(); ++i) {
      wanted.insert(order[i].row);
    }
    const auto matches = [&](uint32_t row) { return wanted.count(row) > 0; };
    const RowFilter filter = matches;
    const IndexSearchResult result = fixture.Search(query, {.k = 5, .ef = 32, .filter = &filter});
    CHECK(result.rows == std::vector<RowDistance>(order.end() - 5, order.end()));
    CHECK_FALSE(result.gave_up);
  }
}

TEST_CASE("a walk gives up at its limit of distances") {
  const Fixture fixture({.rows = 3000, .dimension = 16, .seed = 55});
  const auto none = [](uint32_t) { return false; };
  const RowFilter filter = none;
  const IndexSearchResult result =
      fixture.Search(0, {.k = 10, .ef = 64, .filter = &filter, .distances_max = 500});
  CHECK(result.gave_up);
  CHECK(result.distances >= 500);
  CHECK(result.distances < 500 + 2 * 128);
  CHECK_FALSE(fixture.Search(0, {.k = 10, .ef = 64}).gave_up);
}

TEST_CASE("every instruction level walks the same way") {
  const Fixture fixture({.rows = 1000, .dimension = 50, .seed = 56});
  const IndexSearchResult best = fixture.Search(3, {.k = 10, .ef = 64});
  for (const KernelLevel level : {KernelLevel::kScalar, KernelLevel::kAvx2}) {
    if (KernelsOfLevel(level) != nullptr) {
      OverrideKernelLevel(level);
      const IndexSearchResult other = fixture.Search(3, {.k = 10, .ef = 64});
      OverrideKernelLevel(std::nullopt);
      CHECK(other.rows == best.rows);
      CHECK(other.distances == best.distances);
    }
  }
}

}  // namespace
}  // namespace perigee::engine
