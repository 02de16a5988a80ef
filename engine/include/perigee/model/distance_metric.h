// SPDX-License-Identifier: Apache-2.0
//
// DistanceMetric: how two vectors are compared.
//
// Invariants: cosine: score = cos, distance = 1 - cos; dot: score = dot, distance = -dot; l2:
// distance is Euclidean (not squared), score = -distance. Bigger scores and smaller distances are
// better. Thread-safety: a value type.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace perigee {

/// Values stand in files and on the wire.
enum class DistanceMetric : uint8_t { kCosine = 1, kL2 = 2, kDot = 3 };

/// "cosine", "l2" or "dot".
std::string_view DistanceMetricName(DistanceMetric metric);
/// Case-insensitive; also "euclid" and "euclidean" for l2, "ip" for dot.
std::optional<DistanceMetric> ParseDistanceMetric(std::string_view name);
/// The score that belongs to a distance under `metric`.
float ScoreOfDistance(DistanceMetric metric, float distance);

}  // namespace perigee
