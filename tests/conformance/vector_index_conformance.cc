// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/vector_index_conformance.h"

#include <doctest/doctest.h>

#include <atomic>
#include <limits>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "engine/index/flat_index.h"
#include "tests/support/test_seed.h"

namespace perigee::tests {
namespace {

using engine::Cancellation;
using engine::IndexSearchOptions;
using engine::IndexSearchResult;
using engine::QueryVector;
using engine::RowDistance;
using engine::RowFilter;
using engine::VectorIndex;

QueryVector MakeQuery(const ClusteredVectors& vectors, size_t query) {
  auto made = QueryVector::Create(vectors.schema(), vectors.queries()[query]);
  REQUIRE(made.ok());
  return *made;
}

IndexSearchResult Search(const VectorIndex& index, const QueryVector& query,
                         const IndexSearchOptions& options) {
  auto result = index.Search(query, options);
  REQUIRE(result.ok());
  return *std::move(result);
}

std::vector<uint32_t> Rows(const IndexSearchResult& result) {
  std::vector<uint32_t> rows;
  for (const RowDistance& found : result.rows) {
    rows.push_back(found.row);
  }
  return rows;
}

// Invariants 1 and 2 of VectorIndex.
void CheckRows(const ClusteredVectors& vectors, const QueryVector& query,
               const IndexSearchResult& result) {
  std::set<uint32_t> seen;
  for (size_t i = 0; i < result.rows.size(); ++i) {
    const RowDistance& found = result.rows[i];
    REQUIRE(found.row < vectors.row_count());
    CHECK(vectors.column().Present(found.row));
    CHECK(seen.insert(found.row).second);
    CHECK(found.distance ==
          query.DistanceTo(vectors.column().RowBytes(found.row), vectors.column().Norm(found.row)));
    if (i > 0) {
      CHECK(engine::RowDistanceLess()(result.rows[i - 1], found));
    }
  }
  CHECK(result.distances >= result.rows.size());
}

void CheckAllMetricsAndElements(const VectorIndexUnderTest& under_test) {
  for (const DistanceMetric metric :
       {DistanceMetric::kCosine, DistanceMetric::kL2, DistanceMetric::kDot}) {
    for (const VectorElement element : {VectorElement::kFloat32, VectorElement::kFloat16}) {
      CAPTURE(std::string(DistanceMetricName(metric)));
      CAPTURE(std::string(VectorElementName(element)));
      const ClusteredVectors vectors({.rows = 600,
                                      .dimension = 24,
                                      .seed = 11,
                                      .metric = metric,
                                      .element = element,
                                      .absent_every = 7});
      const auto index = under_test.make(vectors);
      CHECK(index->row_count() == 600);
      CHECK(index->indexed_count() == vectors.column().CountPresent());
      CHECK(index->indexed_count() < 600);
      for (size_t q = 0; q < 10; ++q) {
        const QueryVector query = MakeQuery(vectors, q);
        const IndexSearchResult result = Search(*index, query, {.k = 10, .ef = 50});
        CHECK(result.rows.size() >= 10);
        CheckRows(vectors, query, result);
      }
    }
  }
}

void CheckFilters(const VectorIndexUnderTest& under_test) {
  const ClusteredVectors vectors({.rows = 1500, .seed = 12, .absent_every = 10});
  const auto index = under_test.make(vectors);
  const QueryVector query = MakeQuery(vectors, 0);
  for (const uint32_t every : {1U, 2U, 50U, 700U, 100'000U}) {
    CAPTURE(every);
    std::multiset<uint32_t> tested;
    const auto matches = [&](uint32_t row) {
      tested.insert(row);
      return row % every == 3 % every;
    };
    const RowFilter filter = matches;
    const IndexSearchResult result = Search(*index, query, {.k = 10, .ef = 64, .filter = &filter});
    CheckRows(vectors, query, result);
    CHECK(result.rows_tested == tested.size());
    for (const RowDistance& found : result.rows) {
      CHECK(found.row % every == 3 % every);
    }
    for (const uint32_t row : tested) {
      CHECK(tested.count(row) == 1);
      CHECK(vectors.column().Present(row));
    }
  }
  const auto none = [](uint32_t) { return false; };
  const RowFilter filter = none;
  CHECK(Search(*index, query, {.k = 10, .filter = &filter}).rows.empty());
}

void CheckSmallCounts(const VectorIndexUnderTest& under_test) {
  for (const uint32_t rows : {0U, 1U, 2U, 3U, 40U}) {
    CAPTURE(rows);
    const ClusteredVectors vectors({.rows = rows, .seed = 13});
    const auto index = under_test.make(vectors);
    const QueryVector query = MakeQuery(vectors, 0);
    CHECK(Search(*index, query, {.k = 0}).rows.empty());
    CHECK(Search(*index, query, {.k = 100, .ef = 1}).rows.size() == rows);
    CHECK(Search(*index, query, {.k = 1, .ef = 200}).rows.size() >= std::min(rows, 1U));
  }
  const ClusteredVectors absent({.rows = 30, .seed = 13, .absent_every = 1});
  const auto index = under_test.make(absent);
  CHECK(index->indexed_count() == 0);
  CHECK(Search(*index, MakeQuery(absent, 0), {.k = 5}).rows.empty());
}

void CheckRecall(const VectorIndexUnderTest& under_test) {
  const uint64_t seed = TestSeed(14);
  CAPTURE(seed);
  const ClusteredVectors vectors({.rows = 4000, .dimension = 48, .seed = seed});
  const auto index = under_test.make(vectors);
  const engine::FlatIndex flat(vectors.column());
  double sum = 0;
  for (size_t q = 0; q < vectors.queries().size(); ++q) {
    const QueryVector query = MakeQuery(vectors, q);
    sum += RecallAt(10, Rows(Search(flat, query, {.k = 10})),
                    Rows(Search(*index, query, {.k = 10, .ef = 128})));
  }
  CHECK(sum / static_cast<double>(vectors.queries().size()) >= under_test.recall_min);
}

void CheckStops(const VectorIndexUnderTest& under_test) {
  const ClusteredVectors vectors({.rows = 2000, .seed = 15});
  const auto index = under_test.make(vectors);
  const QueryVector query = MakeQuery(vectors, 0);
  std::atomic<bool> cancelled{true};
  const Cancellation flag = Cancellation::OnFlag(&cancelled);
  CHECK(index->Search(query, {.k = 10, .ef = 2000, .cancellation = &flag}).status().code() ==
        absl::StatusCode::kCancelled);
  const Cancellation late = Cancellation::After(std::chrono::milliseconds(0));
  CHECK(index->Search(query, {.k = 10, .ef = 2000, .cancellation = &late}).status().code() ==
        absl::StatusCode::kDeadlineExceeded);
  // An index that failed once still answers.
  CHECK(Search(*index, query, {.k = 10}).rows.size() >= 10);
}

}  // namespace

void CheckVectorIndexThreads(const VectorIndexUnderTest& under_test) {
  const ClusteredVectors vectors({.rows = 1000, .seed = 16});
  const auto index = under_test.make(vectors);
  std::vector<std::vector<uint32_t>> expected;
  for (size_t q = 0; q < 20; ++q) {
    expected.push_back(Rows(Search(*index, MakeQuery(vectors, q), {.k = 10, .ef = 40})));
  }
  std::atomic<uint64_t> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int repeat = 0; repeat < 30; ++repeat) {
        for (size_t q = 0; q < expected.size(); ++q) {
          const auto query = QueryVector::Create(vectors.schema(), vectors.queries()[q]);
          const auto result = index->Search(*query, {.k = 10, .ef = 40});
          wrong += result.ok() && Rows(*result) == expected[q] ? 0 : 1;
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK(wrong == 0);
}

void CheckVectorIndexConformance(const VectorIndexUnderTest& under_test) {
  SUBCASE("every metric and element") { CheckAllMetricsAndElements(under_test); }
  SUBCASE("filters") { CheckFilters(under_test); }
  SUBCASE("few rows, no rows, no vectors") { CheckSmallCounts(under_test); }
  SUBCASE("recall") { CheckRecall(under_test); }
  SUBCASE("deadline and cancellation") { CheckStops(under_test); }
}

}  // namespace perigee::tests
