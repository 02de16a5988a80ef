// SPDX-License-Identifier: Apache-2.0
#include "engine/distance/distance_kernel_levels.h"

#if PERIGEE_X86_KERNELS

#include <immintrin.h>

#include <limits>
#include <utility>

#define PERIGEE_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx2,fma,f16c")))

namespace perigee::engine {
namespace {

constexpr size_t kWidth = 16;
constexpr size_t kRegisters = kKernelLanes / kWidth;

// The forms without a mask make g++ 12 warn of uninitialized values inside its own header.
constexpr __mmask16 kAll = 0xFFFF;
constexpr __mmask8 kAllQuads = 0xFF;

struct RowFloat32 {
  using Element = float;
  PERIGEE_TARGET static __m512 Load(const Element* row) { return _mm512_loadu_ps(row); }
  PERIGEE_TARGET static __m512 LoadFirst(const Element* row, __mmask16 mask) {
    return _mm512_maskz_loadu_ps(mask, row);
  }
};

struct RowFloat16 {
  using Element = uint16_t;
  PERIGEE_TARGET static __m512 Load(const Element* row) {
    return _mm512_maskz_cvtph_ps(kAll, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row)));
  }
  PERIGEE_TARGET static __m512 LoadFirst(const Element* row, __mmask16 mask) {
    return _mm512_maskz_cvtph_ps(kAll, _mm256_maskz_loadu_epi16(mask, row));
  }
};

template <bool kL2>
PERIGEE_TARGET inline __m512 Accumulate(__m512 query, __m512 row, __m512 sum) {
  if constexpr (kL2) {
    const __m512 difference = _mm512_sub_ps(query, row);
    return _mm512_fmadd_ps(difference, difference, sum);
  } else {
    return _mm512_fmadd_ps(query, row, sum);
  }
}

PERIGEE_TARGET inline float AddLanes(const __m512* sums) {
  const __m512 sixteen =
      _mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3]));
  const __m512d doubles = _mm512_castps_pd(sixteen);
  const __m256 low = _mm256_castpd_ps(_mm512_maskz_extractf64x4_pd(kAllQuads, doubles, 0));
  const __m256 high = _mm256_castpd_ps(_mm512_maskz_extractf64x4_pd(kAllQuads, doubles, 1));
  const __m256 eight = _mm256_add_ps(low, high);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  const float one = _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  return one != one ? std::numeric_limits<float>::quiet_NaN() : one;
}

// The registers are named by compile-time indices: a loop over them would keep them in memory at
// lower levels of optimisation.
template <typename Row, bool kL2, size_t... kRegister>
PERIGEE_TARGET inline float Sum(const float* query, const typename Row::Element* row,
                                size_t dimension, std::index_sequence<kRegister...> /*registers*/) {
  __m512 sums[kRegisters] = {((void)kRegister, _mm512_setzero_ps())...};
  size_t i = 0;
  for (; i + kKernelLanes <= dimension; i += kKernelLanes) {
    ((sums[kRegister] = Accumulate<kL2>(_mm512_loadu_ps(query + i + kRegister * kWidth),
                                        Row::Load(row + i + kRegister * kWidth), sums[kRegister])),
     ...);
  }
  if (i < dimension) {
    const uint64_t lanes = (uint64_t{1} << (dimension - i)) - 1;
    // Adding the product of two zeros would turn a lane of -0 into +0: absent lanes keep their sum.
    ((sums[kRegister] = _mm512_mask_mov_ps(
          sums[kRegister], static_cast<__mmask16>(lanes >> (kRegister * kWidth)),
          Accumulate<kL2>(
              _mm512_maskz_loadu_ps(static_cast<__mmask16>(lanes >> (kRegister * kWidth)),
                                    query + i + kRegister * kWidth),
              Row::LoadFirst(row + i + kRegister * kWidth,
                             static_cast<__mmask16>(lanes >> (kRegister * kWidth))),
              sums[kRegister]))),
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

const DistanceKernels kAvx512Kernels = {
    .level = KernelLevel::kAvx512,
    .dot_f32 = Kernel<RowFloat32, false>,
    .dot_f16 = Kernel<RowFloat16, false>,
    .l2_squared_f32 = Kernel<RowFloat32, true>,
    .l2_squared_f16 = Kernel<RowFloat16, true>,
};

}  // namespace perigee::engine

#endif  // PERIGEE_X86_KERNELS
