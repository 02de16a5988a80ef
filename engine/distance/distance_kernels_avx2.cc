// SPDX-License-Identifier: Apache-2.0
#include "engine/distance/distance_kernel_levels.h"

#if PERIGEE_X86_KERNELS

#include <immintrin.h>

#include <algorithm>
#include <limits>
#include <utility>

#define PERIGEE_TARGET __attribute__((target("avx2,fma,f16c")))

namespace perigee::engine {
namespace {

constexpr size_t kWidth = 8;
constexpr size_t kRegisters = kKernelLanes / kWidth;

// Eight set lanes followed by eight clear ones: the mask of n lanes starts at 8 - n.
alignas(32) constexpr int32_t kMaskWindow[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

PERIGEE_TARGET inline __m256i FirstLanes(size_t count) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMaskWindow + kWidth - count));
}

struct RowFloat32 {
  using Element = float;
  PERIGEE_TARGET static __m256 Load(const Element* row) { return _mm256_loadu_ps(row); }
  PERIGEE_TARGET static __m256 LoadFirst(const Element* row, size_t count) {
    return _mm256_maskload_ps(row, FirstLanes(count));
  }
};

struct RowFloat16 {
  using Element = uint16_t;
  PERIGEE_TARGET static __m256 Load(const Element* row) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(row)));
  }
  PERIGEE_TARGET static __m256 LoadFirst(const Element* row, size_t count) {
    // There is no masked load of 16-bit lanes at this level.
    alignas(16) uint16_t lanes[kWidth] = {};
    __builtin_memcpy(lanes, row, count * sizeof(uint16_t));
    return _mm256_cvtph_ps(_mm_load_si128(reinterpret_cast<const __m128i*>(lanes)));
  }
};

template <bool kL2>
PERIGEE_TARGET inline __m256 Accumulate(__m256 query, __m256 row, __m256 sum) {
  if constexpr (kL2) {
    const __m256 difference = _mm256_sub_ps(query, row);
    return _mm256_fmadd_ps(difference, difference, sum);
  } else {
    return _mm256_fmadd_ps(query, row, sum);
  }
}

PERIGEE_TARGET inline float AddLanes(const __m256* sums) {
  const __m256 low =
      _mm256_add_ps(_mm256_add_ps(sums[0], sums[2]), _mm256_add_ps(sums[4], sums[6]));
  const __m256 high =
      _mm256_add_ps(_mm256_add_ps(sums[1], sums[3]), _mm256_add_ps(sums[5], sums[7]));
  const __m256 eight = _mm256_add_ps(low, high);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  const float one = _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  return one != one ? std::numeric_limits<float>::quiet_NaN() : one;
}

// One register of the last, incomplete block, of which `count` lanes are there: 0 to 8.
template <typename Row, bool kL2>
PERIGEE_TARGET inline __m256 AccumulateFirst(const float* query, const typename Row::Element* row,
                                             size_t count, __m256 sum) {
  if (count == 0) {
    return sum;
  }
  const __m256i mask = FirstLanes(count);
  const __m256 added =
      Accumulate<kL2>(_mm256_maskload_ps(query, mask), Row::LoadFirst(row, count), sum);
  // Adding the product of two zeros would turn a lane of -0 into +0: absent lanes keep their sum.
  return _mm256_blendv_ps(sum, added, _mm256_castsi256_ps(mask));
}

constexpr size_t LanesOfRegister(size_t lanes, size_t r) {
  return lanes <= r * kWidth ? 0 : std::min(lanes - r * kWidth, kWidth);
}

// The registers are named by compile-time indices: a loop over them would keep them in memory at
// lower levels of optimisation.
template <typename Row, bool kL2, size_t... kRegister>
PERIGEE_TARGET inline float Sum(const float* query, const typename Row::Element* row,
                                size_t dimension, std::index_sequence<kRegister...> /*registers*/) {
  __m256 sums[kRegisters] = {((void)kRegister, _mm256_setzero_ps())...};
  size_t i = 0;
  for (; i + kKernelLanes <= dimension; i += kKernelLanes) {
    ((sums[kRegister] = Accumulate<kL2>(_mm256_loadu_ps(query + i + kRegister * kWidth),
                                        Row::Load(row + i + kRegister * kWidth), sums[kRegister])),
     ...);
  }
  if (i < dimension) {
    ((sums[kRegister] =
          AccumulateFirst<Row, kL2>(query + i + kRegister * kWidth, row + i + kRegister * kWidth,
                                    LanesOfRegister(dimension - i, kRegister), sums[kRegister])),
     ...);
  }
  return AddLanes(sums);
}

template <typename Row, bool kL2>
PERIGEE_TARGET float Kernel(const float* query, const void* row, size_t dimension) {
  return Sum<Row, kL2>(query, static_cast<const typename Row::Element*>(row), dimension,
                       std::make_index_sequence<kRegisters>());
}

}  // namespace

const DistanceKernels kAvx2Kernels = {
    .level = KernelLevel::kAvx2,
    .dot_f32 = Kernel<RowFloat32, false>,
    .dot_f16 = Kernel<RowFloat16, false>,
    .l2_squared_f32 = Kernel<RowFloat32, true>,
    .l2_squared_f16 = Kernel<RowFloat16, true>,
};

}  // namespace perigee::engine

#endif  // PERIGEE_X86_KERNELS
