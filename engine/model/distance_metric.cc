// SPDX-License-Identifier: Apache-2.0
#include "perigee/model/distance_metric.h"

#include <string>

#include "absl/strings/ascii.h"
#include "storage/foundation/check.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee {

std::string_view DistanceMetricName(DistanceMetric metric) {
  switch (metric) {
    case DistanceMetric::kCosine:
      return "cosine";
    case DistanceMetric::kL2:
      return "l2";
    case DistanceMetric::kDot:
      return "dot";
  }
  return "unknown";
}

std::optional<DistanceMetric> ParseDistanceMetric(std::string_view name) {
  const std::string lower = absl::AsciiStrToLower(Absl(name));
  if (lower == "cosine") return DistanceMetric::kCosine;
  if (lower == "l2" || lower == "euclid" || lower == "euclidean") return DistanceMetric::kL2;
  if (lower == "dot" || lower == "ip") return DistanceMetric::kDot;
  return std::nullopt;
}

float ScoreOfDistance(DistanceMetric metric, float distance) {
  switch (metric) {
    case DistanceMetric::kCosine:
      return 1.0F - distance;
    case DistanceMetric::kL2:
    case DistanceMetric::kDot:
      return -distance;
  }
  PERIGEE_CHECK(false, "distance metric ", static_cast<int>(metric));
}

}  // namespace perigee
