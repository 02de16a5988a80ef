// SPDX-License-Identifier: Apache-2.0
#include "engine/distance/query_vector.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "engine/distance/float16.h"

namespace perigee::engine {
namespace {

VectorSchema Schema(DistanceMetric metric, VectorElement element = VectorElement::kFloat32) {
  return {.name = "v", .dimension = 3, .metric = metric, .element = element, .hnsw = {}};
}

float Distance(const VectorSchema& schema, const std::vector<float>& query,
               const std::vector<float>& row) {
  const auto vector = QueryVector::Create(schema, query);
  REQUIRE(vector.ok());
  return vector->DistanceTo(reinterpret_cast<const std::byte*>(row.data()),
                            VectorNorm(row.data(), row.size()));
}

TEST_CASE("each metric by hand") {
  CHECK(Distance(Schema(DistanceMetric::kCosine), {1, 0, 0}, {0, 5, 0}) == 1.0F);
  CHECK(Distance(Schema(DistanceMetric::kCosine), {2, 0, 0}, {-5, 0, 0}) == 2.0F);
  CHECK(Distance(Schema(DistanceMetric::kCosine), {3, 4, 0}, {6, 8, 0}) == 0.0F);
  CHECK(Distance(Schema(DistanceMetric::kL2), {1, 2, 3}, {1, 5, 7}) == 5.0F);
  CHECK(Distance(Schema(DistanceMetric::kDot), {1, 2, 3}, {4, 5, 6}) == -32.0F);
}

TEST_CASE("f16 rows are compared as the values they hold") {
  const std::vector<uint16_t> row = {FloatToFloat16(1), FloatToFloat16(5), FloatToFloat16(7)};
  const VectorSchema schema = Schema(DistanceMetric::kL2, VectorElement::kFloat16);
  const auto vector = QueryVector::Create(schema, std::vector<float>{1, 2, 3});
  REQUIRE(vector.ok());
  CHECK(vector->DistanceTo(reinterpret_cast<const std::byte*>(row.data()), 0) == 5.0F);
}

TEST_CASE("results that overflow sort last whatever their sign") {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> huge = {3e38F, 3e38F, 3e38F};
  const std::vector<float> opposite = {-3e38F, -3e38F, -3e38F};
  CHECK(Distance(Schema(DistanceMetric::kDot), huge, huge) == infinity);
  CHECK(Distance(Schema(DistanceMetric::kDot), huge, opposite) == infinity);
  CHECK(Distance(Schema(DistanceMetric::kL2), huge, opposite) == infinity);
  CHECK(Distance(Schema(DistanceMetric::kCosine), huge, huge) == infinity);
}

TEST_CASE("queries that cannot be compared are refused") {
  const VectorSchema cosine = Schema(DistanceMetric::kCosine);
  const auto code = [](const VectorSchema& schema, const std::vector<float>& values) {
    return QueryVector::Create(schema, values).status().code();
  };
  CHECK(code(cosine, {1, 2}) == absl::StatusCode::kInvalidArgument);
  CHECK(code(cosine, {0, 0, 0}) == absl::StatusCode::kInvalidArgument);
  CHECK(code(cosine, {1, std::nanf(""), 0}) == absl::StatusCode::kInvalidArgument);
  CHECK(code(Schema(DistanceMetric::kL2), {1, std::numeric_limits<float>::infinity(), 0}) ==
        absl::StatusCode::kInvalidArgument);
  CHECK(code(Schema(DistanceMetric::kL2), {0, 0, 0}) == absl::StatusCode::kOk);
}

}  // namespace
}  // namespace perigee::engine
