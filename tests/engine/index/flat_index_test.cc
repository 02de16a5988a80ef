// SPDX-License-Identifier: Apache-2.0
#include "engine/index/flat_index.h"

#include <doctest/doctest.h>

#include <vector>

#include "tests/conformance/vector_index_conformance.h"

namespace perigee::engine {
namespace {

const tests::VectorIndexUnderTest kFlat = {.make = [](const tests::ClusteredVectors& vectors) {
  return std::make_unique<FlatIndex>(vectors.column());
}};

TEST_CASE("flat index keeps the contract of indexes") { tests::CheckVectorIndexConformance(kFlat); }

TEST_CASE("flat index searches on several threads" * doctest::test_suite("concurrency")) {
  tests::CheckVectorIndexThreads(kFlat);
}

TEST_CASE("flat index returns exactly the nearest k ties by row") {
  const std::vector<float> values = {3, 1, 2, 1, 9, 1};
  VectorColumn::Parts parts;
  parts.dimension = 1;
  parts.row_count = 6;
  parts.rows = ChunkedRows<std::byte>::Contiguous(reinterpret_cast<const std::byte*>(values.data()),
                                                  sizeof(float));
  const FlatIndex index{VectorColumn(parts)};
  CHECK(index.kind() == "flat");
  CHECK(index.memory_bytes() == 0);
  const VectorSchema schema = {.name = "",
                               .dimension = 1,
                               .metric = DistanceMetric::kL2,
                               .element = VectorElement::kFloat32,
                               .hnsw = {}};
  const auto query = QueryVector::Create(schema, std::vector<float>{0});
  REQUIRE(query.ok());
  const auto result = index.Search(*query, {.k = 4});
  REQUIRE(result.ok());
  const std::vector<RowDistance> expected = {{1, 1}, {1, 3}, {1, 5}, {2, 2}};
  CHECK(result->rows == expected);
  CHECK(result->distances == 6);
}

}  // namespace
}  // namespace perigee::engine
