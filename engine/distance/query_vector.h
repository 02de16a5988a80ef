// SPDX-License-Identifier: Apache-2.0
//
// QueryVector: a query made ready for comparing: its values, metric, f64 norm and the kernel for
// the element type of the rows. The one place that turns a kernel's result into a distance.
//
// Invariants:
//  1. cosine: 1 - dot / (|query| * |row|), l2: the root of the squared sum, dot: -dot; the last
//  step
//     in f64, then rounded to f32.
//  2. A distance is never NaN, -infinity or -0: a result that is not finite is +infinity, sorted
//     last, and a zero is +0, so equal distances have equal bits.
//
// Thread-safety: immutable after creation.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/distance/distance_kernels.h"
#include "perigee/model/collection_schema.h"

namespace perigee::engine {

class QueryVector {
 public:
  /// Copies `values`. kInvalidArgument when the dimension differs from the schema's, a value is not
  /// finite, or the norm is 0 under cosine.
  static absl::StatusOr<QueryVector> Create(const VectorSchema& schema,
                                            std::span<const float> values);

  /// The distance to a row of the schema's element type. `row_norm` matters under cosine only.
  float DistanceTo(const std::byte* row, double row_norm) const {
    const float raw = kernel_(values_.data(), row, values_.size());
    double distance = 0;
    switch (metric_) {
      case DistanceMetric::kCosine:
        distance = 1.0 - static_cast<double>(raw) / (norm_ * row_norm);
        break;
      case DistanceMetric::kL2:
        distance = std::sqrt(static_cast<double>(raw));
        break;
      case DistanceMetric::kDot:
        distance = -static_cast<double>(raw);
        break;
    }
    // Adding zero makes -0 into +0.
    const float rounded = static_cast<float>(distance) + 0.0F;
    return std::isfinite(rounded) ? rounded : std::numeric_limits<float>::infinity();
  }

  std::span<const float> values() const { return values_; }
  double norm() const { return norm_; }
  DistanceMetric metric() const { return metric_; }
  VectorElement element() const { return element_; }

 private:
  QueryVector() = default;

  std::vector<float> values_;
  double norm_ = 0;
  DistanceMetric metric_ = DistanceMetric::kCosine;
  VectorElement element_ = VectorElement::kFloat32;
  DistanceKernel kernel_ = nullptr;
};

}  // namespace perigee::engine
