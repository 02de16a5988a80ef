// SPDX-License-Identifier: Apache-2.0
//
// IEEE 754 binary16 to and from f32 by integer arithmetic, for storing f16 vectors and for the
// scalar kernels.
//
// Invariants:
//  1. Float16ToFloat is exact and has the bits of the F16C instruction; NaNs come out quiet.
//  2. FloatToFloat16 rounds to nearest, ties to even; beyond the range it gives infinity.
// Thread-safety: pure functions.
#pragma once

#include <bit>
#include <cstdint>

namespace perigee::engine {

constexpr float Float16ToFloat(uint16_t half) {
  const uint32_t sign = (uint32_t{half} & 0x8000U) << 16U;
  const uint32_t exponent = (uint32_t{half} >> 10U) & 0x1FU;
  const uint32_t mantissa = uint32_t{half} & 0x3FFU;
  if (exponent == 0x1FU) {
    const uint32_t quiet = mantissa == 0 ? 0U : 0x0040'0000U;
    return std::bit_cast<float>(sign | 0x7F80'0000U | quiet | (mantissa << 13U));
  }
  if (exponent == 0) {
    // Subnormal halves are normal floats: mantissa * 2^-24 is exact.
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
    return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | sign);
  }
  return std::bit_cast<float>(sign | ((exponent + 112U) << 23U) | (mantissa << 13U));
}

constexpr uint16_t FloatToFloat16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>((bits >> 16U) & 0x8000U);
  const uint32_t magnitude = bits & 0x7FFF'FFFFU;
  if (magnitude > 0x7F80'0000U) {
    return static_cast<uint16_t>(sign | 0x7E00U | ((magnitude >> 13U) & 0x3FFU));
  }
  // 65520 lies halfway between the largest half and the next power of two.
  if (magnitude >= 0x477F'F000U) {
    return static_cast<uint16_t>(sign | 0x7C00U);
  }
  if (magnitude < 0x3880'0000U) {  // below 2^-14: a subnormal half
    if (magnitude < 0x3300'0000U) {
      return sign;  // below 2^-25: rounds to zero
    }
    const uint32_t exponent = magnitude >> 23U;
    const uint32_t mantissa = (magnitude & 0x007F'FFFFU) | 0x0080'0000U;
    const uint32_t shift = 126U - exponent;  // 14 to 24
    const uint32_t kept = mantissa >> shift;
    const uint32_t rest = mantissa & ((1U << shift) - 1U);
    const uint32_t half = 1U << (shift - 1U);
    const bool up = rest > half || (rest == half && (kept & 1U) != 0);
    return static_cast<uint16_t>(sign | (kept + (up ? 1U : 0U)));
  }
  const uint32_t rebased = magnitude - (112U << 23U);
  const uint32_t rounded = rebased + 0x0FFFU + ((rebased >> 13U) & 1U);
  return static_cast<uint16_t>(sign | (rounded >> 13U));
}

}  // namespace perigee::engine
