// SPDX-License-Identifier: Apache-2.0
#include "perigee/model/distance_metric.h"

#include <doctest/doctest.h>

namespace perigee {
namespace {

TEST_CASE("names of metrics are read back in any case and with the customary synonyms") {
  for (const auto metric : {DistanceMetric::kCosine, DistanceMetric::kL2, DistanceMetric::kDot}) {
    CHECK(ParseDistanceMetric(DistanceMetricName(metric)) == metric);
  }
  CHECK(ParseDistanceMetric("COSINE") == DistanceMetric::kCosine);
  CHECK(ParseDistanceMetric("Euclid") == DistanceMetric::kL2);
  CHECK(ParseDistanceMetric("euclidean") == DistanceMetric::kL2);
  CHECK(ParseDistanceMetric("ip") == DistanceMetric::kDot);
  CHECK_FALSE(ParseDistanceMetric("").has_value());
  CHECK_FALSE(ParseDistanceMetric("manhattan").has_value());
}

TEST_CASE("a smaller distance is a bigger score") {
  CHECK(ScoreOfDistance(DistanceMetric::kCosine, 0.25F) == 0.75F);
  CHECK(ScoreOfDistance(DistanceMetric::kL2, 3.0F) == -3.0F);
  CHECK(ScoreOfDistance(DistanceMetric::kDot, -7.0F) == 7.0F);
}

}  // namespace
}  // namespace perigee
