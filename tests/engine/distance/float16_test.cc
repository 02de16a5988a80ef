// SPDX-License-Identifier: Apache-2.0
#include "engine/distance/float16.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "engine/distance/distance_kernels.h"

namespace perigee::engine {
namespace {

TEST_CASE("every half survives the way to f32 and back") {
  for (uint32_t bits = 0; bits <= 0xFFFFU; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = Float16ToFloat(half);
    if (std::isnan(value)) {
      CHECK(std::isnan(Float16ToFloat(FloatToFloat16(value))));
    } else {
      REQUIRE(FloatToFloat16(value) == half);
    }
  }
}

TEST_CASE("every half has the value that the CPU's conversion gives it") {
  for (const KernelLevel level : {KernelLevel::kAvx2, KernelLevel::kAvx512}) {
    const DistanceKernels* kernels = KernelsOfLevel(level);
    if (kernels == nullptr) {
      continue;
    }
    const float one = 1.0F;
    for (uint32_t bits = 0; bits <= 0xFFFFU; ++bits) {
      const auto half = static_cast<uint16_t>(bits);
      const float expected = Float16ToFloat(half);
      const float actual = kernels->dot_f16(&one, &half, 1);
      REQUIRE((actual == expected || (std::isnan(actual) && std::isnan(expected))));
    }
  }
}

TEST_CASE("rounding is to nearest ties to even") {
  // Between each two neighbouring halves: just below the middle, the middle, just above.
  for (uint32_t bits = 0; bits < 0x7BFFU; ++bits) {
    const auto low = static_cast<uint16_t>(bits);
    const auto high = static_cast<uint16_t>(bits + 1);
    const float middle = (Float16ToFloat(low) + Float16ToFloat(high)) / 2;  // exact in f32
    REQUIRE(FloatToFloat16(middle) == (bits % 2 == 0 ? low : high));
    REQUIRE(FloatToFloat16(std::nextafter(middle, 0.0F)) == low);
    REQUIRE(FloatToFloat16(std::nextafter(middle, 1e9F)) == high);
    REQUIRE(FloatToFloat16(-middle) == ((bits % 2 == 0 ? low : high) | 0x8000U));
  }
}

TEST_CASE("known values and the ends of the range") {
  CHECK(FloatToFloat16(1.0F) == 0x3C00);
  CHECK(FloatToFloat16(-2.0F) == 0xC000);
  CHECK(FloatToFloat16(65504.0F) == 0x7BFF);
  CHECK(FloatToFloat16(65519.996F) == 0x7BFF);
  CHECK(FloatToFloat16(65520.0F) == 0x7C00);
  CHECK(FloatToFloat16(std::numeric_limits<float>::infinity()) == 0x7C00);
  CHECK(FloatToFloat16(0x1p-24F) == 0x0001);
  CHECK(FloatToFloat16(0x1p-25F) == 0x0000);
  CHECK(FloatToFloat16(std::nextafter(0x1p-25F, 1.0F)) == 0x0001);
  CHECK(FloatToFloat16(-0.0F) == 0x8000);
  CHECK(std::bit_cast<uint32_t>(Float16ToFloat(0x8000)) == 0x8000'0000U);
}

}  // namespace
}  // namespace perigee::engine
