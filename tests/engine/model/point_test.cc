// SPDX-License-Identifier: Apache-2.0
#include "perigee/model/point.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace perigee {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kSubnormal = std::numeric_limits<float>::denorm_min();

VectorSchema Vector(DistanceMetric metric, VectorElement element = VectorElement::kFloat32) {
  return {.name = "", .dimension = 2, .metric = metric, .element = element, .hnsw = {}};
}

void Refused(const std::vector<float>& values, const VectorSchema& schema) {
  CHECK(absl::IsInvalidArgument(ValidateVector("vector", values, schema)));
}

TEST_CASE("a vector has its dimension and finite values") {
  for (const auto metric : {DistanceMetric::kCosine, DistanceMetric::kL2, DistanceMetric::kDot}) {
    const VectorSchema schema = Vector(metric);
    CHECK(ValidateVector("vector", {1, -2}, schema).ok());
    Refused({}, schema);
    Refused({1}, schema);
    Refused({1, 2, 3}, schema);
    Refused({1, kInf}, schema);
    Refused({kNaN, 1}, schema);
  }
}

TEST_CASE("the message of a bad value names value and position") {
  const absl::Status status = ValidateVector("point 7", {1, kNaN}, Vector(DistanceMetric::kDot));
  CHECK(std::string(status.message()).find("point 7 has nan at position 1") == 0);
}

TEST_CASE("cosine needs a direction") {
  const VectorSchema cosine = Vector(DistanceMetric::kCosine);
  Refused({0, -0.0F}, cosine);
  Refused({kSubnormal, kSubnormal}, cosine);
  Refused({std::numeric_limits<float>::max(), std::numeric_limits<float>::max()}, cosine);
  CHECK(ValidateVector("vector", {std::numeric_limits<float>::min(), 0}, cosine).ok());
  CHECK(ValidateVector("vector", {std::numeric_limits<float>::max(), 0}, cosine).ok());
  for (const auto metric : {DistanceMetric::kL2, DistanceMetric::kDot}) {
    CHECK(ValidateVector("vector", {0, 0}, Vector(metric)).ok());
    CHECK(ValidateVector("vector", {kSubnormal, 0}, Vector(metric)).ok());
  }
}

TEST_CASE("f16 vectors are judged by what is stored") {
  const VectorSchema l2 = Vector(DistanceMetric::kL2, VectorElement::kFloat16);
  CHECK(ValidateVector("vector", {65'504, -65'504}, l2).ok());
  Refused({std::nextafter(65'504.0F, 1e6F), 0}, l2);
  const VectorSchema cosine = Vector(DistanceMetric::kCosine, VectorElement::kFloat16);
  // Half of the smallest f16 is a tie and rounds to the even zero; anything more does not.
  Refused({0x1p-25F, -0x1p-25F}, cosine);
  CHECK(ValidateVector("vector", {std::nextafter(0x1p-25F, 1.0F), 0}, cosine).ok());
  CHECK(ValidateVector("vector", {0.1F, 3}, cosine).ok());
}

TEST_CASE("a point has a valid id and payload and at least one vector of the schema") {
  CollectionSchema schema{.vectors = {Vector(DistanceMetric::kCosine)}};
  schema.vectors.push_back(Vector(DistanceMetric::kDot));
  schema.vectors[1].name = "title";
  const Point good{.id = 7, .vectors = {{"title", {0, 1}}}, .payload = {{"lang", "en"}}};
  CHECK(Validate(good, schema).ok());
  Point bad = good;
  bad.id = "";
  CHECK(absl::IsInvalidArgument(Validate(bad, schema)));
  bad = good;
  bad.vectors.clear();
  CHECK(absl::IsInvalidArgument(Validate(bad, schema)));
  bad = good;
  bad.vectors["titel"] = {1, 2};
  const absl::Status unknown = Validate(bad, schema);
  CHECK(absl::IsInvalidArgument(unknown));
  CHECK(std::string(unknown.message()).find("did you mean 'title'") != std::string::npos);
  bad = good;
  bad.vectors[""] = {0, 0};
  CHECK(absl::IsInvalidArgument(Validate(bad, schema)));
  bad = good;
  bad.payload.emplace_back("lang", "de");
  CHECK(absl::IsInvalidArgument(Validate(bad, schema)));
}

}  // namespace
}  // namespace perigee
