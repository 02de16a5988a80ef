// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/distance/distance_kernel_levels.h"
#include "engine/distance/float16.h"

namespace perigee::engine {
namespace {

struct LoadFloat32 {
  static float At(const void* row, size_t i) {
    float value;
    std::memcpy(&value, static_cast<const std::byte*>(row) + i * sizeof(float), sizeof(float));
    return value;
  }
};

struct LoadFloat16 {
  static float At(const void* row, size_t i) {
    uint16_t half;
    std::memcpy(&half, static_cast<const std::byte*>(row) + i * sizeof(half), sizeof(half));
    return Float16ToFloat(half);
  }
};

float AddLanes(float* lanes) {
  for (size_t lane = 0; lane < 16; ++lane) {
    lanes[lane] = (lanes[lane] + lanes[lane + 16]) + (lanes[lane + 32] + lanes[lane + 48]);
  }
  for (size_t apart = 8; apart > 0; apart /= 2) {
    for (size_t lane = 0; lane < apart; ++lane) {
      lanes[lane] += lanes[lane + apart];
    }
  }
  return std::isnan(lanes[0]) ? std::numeric_limits<float>::quiet_NaN() : lanes[0];
}

template <typename Load>
float Dot(const float* query, const void* row, size_t dimension) {
  float lanes[kKernelLanes] = {};
  for (size_t i = 0; i < dimension; ++i) {
    float& lane = lanes[i % kKernelLanes];
    lane = std::fma(query[i], Load::At(row, i), lane);
  }
  return AddLanes(lanes);
}

template <typename Load>
float L2Squared(const float* query, const void* row, size_t dimension) {
  float lanes[kKernelLanes] = {};
  for (size_t i = 0; i < dimension; ++i) {
    float& lane = lanes[i % kKernelLanes];
    const float difference = query[i] - Load::At(row, i);
    lane = std::fma(difference, difference, lane);
  }
  return AddLanes(lanes);
}

}  // namespace

const DistanceKernels kScalarKernels = {
    .level = KernelLevel::kScalar,
    .dot_f32 = Dot<LoadFloat32>,
    .dot_f16 = Dot<LoadFloat16>,
    .l2_squared_f32 = L2Squared<LoadFloat32>,
    .l2_squared_f16 = L2Squared<LoadFloat16>,
};

}  // namespace perigee::engine
