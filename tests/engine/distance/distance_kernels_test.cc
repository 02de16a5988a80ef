// SPDX-License-Identifier: Apache-2.0
//
// Goal: the kernels of all levels give the same bits (N13). Method: a million pairs of random
// length, place and kind of values, the scalar level as the reference, itself checked against f64.
#include "engine/distance/distance_kernels.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "engine/distance/float16.h"
#include "tests/support/test_seed.h"

namespace perigee::engine {
namespace {

constexpr size_t kLengthMax = 2000;

std::vector<const DistanceKernels*> VectorLevels() {
  std::vector<const DistanceKernels*> levels;
  for (const KernelLevel level : {KernelLevel::kAvx2, KernelLevel::kAvx512}) {
    if (const DistanceKernels* kernels = KernelsOfLevel(level)) {
      levels.push_back(kernels);
    } else {
      MESSAGE("this CPU cannot run ", std::string(KernelLevelName(level)));
    }
  }
  return levels;
}

// Stretches of values of one kind each, so that a random place gives a vector of one kind or of
// two.
std::vector<float> MakePool(std::mt19937_64& random, size_t size) {
  std::normal_distribution<float> normal;
  std::uniform_int_distribution<uint32_t> bits;
  std::vector<float> pool(size);
  for (size_t start = 0; start < size; start += 4096) {
    const uint64_t kind = random() % 8;
    for (size_t i = start; i < std::min(size, start + 4096); ++i) {
      const uint32_t word = bits(random);
      switch (kind) {
        case 0:  // denormals and zeros of both signs
          pool[i] = std::bit_cast<float>(word & 0x800F'FFFFU);
          break;
        case 1:  // the largest magnitudes: sums overflow
          pool[i] = std::bit_cast<float>((word & 0x80FF'FFFFU) | 0x7E00'0000U);
          break;
        case 2:  // any finite value
          pool[i] = std::isfinite(std::bit_cast<float>(word)) ? std::bit_cast<float>(word) : 0.0F;
          break;
        case 3:  // mostly zeros, now and then infinite or not a number
          pool[i] = (word % 64 != 0) ? (word % 2 != 0 ? 0.0F : -0.0F) : std::bit_cast<float>(word);
          if (word % 4096 == 0) {
            pool[i] = std::numeric_limits<float>::infinity();
          }
          break;
        case 4:  // products that underflow
          pool[i] = normal(random) * 1e-23F;
          break;
        default:
          pool[i] = normal(random);
      }
    }
  }
  return pool;
}

uint32_t Bits(float value) { return std::bit_cast<uint32_t>(value); }

struct NamedKernel {
  const char* name;
  DistanceKernel DistanceKernels::*kernel;
  bool half;
};

constexpr NamedKernel kKernels[] = {
    {"dot_f32", &DistanceKernels::dot_f32, false},
    {"l2_squared_f32", &DistanceKernels::l2_squared_f32, false},
    {"dot_f16", &DistanceKernels::dot_f16, true},
    {"l2_squared_f16", &DistanceKernels::l2_squared_f16, true},
};

TEST_CASE("all levels give the same bits on a million pairs") {
  const uint64_t seed = tests::TestSeed(20240917);
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  constexpr size_t kPool = 1U << 18U;
  const std::vector<float> queries = MakePool(random, kPool);
  const std::vector<float> floats = MakePool(random, kPool);
  std::vector<uint16_t> halves(kPool);
  for (size_t i = 0; i < kPool; ++i) {
    // Half of them any bits at all, half of them ordinary numbers.
    halves[i] =
        i % 8192 < 4096 ? static_cast<uint16_t>(random()) : FloatToFloat16(floats[i] * 0.5F);
  }
  const DistanceKernels& scalar = *KernelsOfLevel(KernelLevel::kScalar);
  const std::vector<const DistanceKernels*> levels = VectorLevels();
  // Unaligned by bytes as well: rows of a file buffer may lie anywhere.
  std::vector<std::byte> place(kLengthMax * 4 + 64);
  std::uniform_real_distribution<double> log_length(0.0, std::log(static_cast<double>(kLengthMax)));
  uint64_t differences = 0;
  uint64_t finite = 0;
  constexpr uint64_t kPairs = 1'000'000;
  for (uint64_t pair = 0; pair < kPairs; ++pair) {
    const size_t length =
        pair % 64 == 0 ? 1 + random() % kLengthMax
                       : std::max<size_t>(1, static_cast<size_t>(std::exp(log_length(random))));
    const float* query = queries.data() + random() % (kPool - kLengthMax);
    const size_t start = random() % (kPool - kLengthMax);
    const NamedKernel& named = kKernels[pair % 4];
    const void* row = named.half ? static_cast<const void*>(halves.data() + start)
                                 : static_cast<const void*>(floats.data() + start);
    if (pair % 16 < 4) {
      std::byte* moved = place.data() + random() % 64;
      std::memcpy(moved, row, length * (named.half ? 2 : 4));
      row = moved;
    }
    const float expected = (scalar.*named.kernel)(query, row, length);
    finite += std::isfinite(expected) ? 1 : 0;
    for (const DistanceKernels* level : levels) {
      const float actual = (level->*named.kernel)(query, row, length);
      if (Bits(actual) != Bits(expected) && ++differences <= 10) {
        FAIL_CHECK("pair ", pair, " ", named.name, " length ", length, " ",
                   std::string(KernelLevelName(level->level)), ": ", actual, " scalar ", expected);
      }
    }
  }
  CHECK(differences == 0);
  // The extreme kinds must not crowd out the ordinary ones, nor the other way round.
  CHECK(finite > kPairs / 3);
  CHECK(finite < kPairs);
}

TEST_CASE("every length up to 200 agrees with f64 within rounding") {
  const uint64_t seed = tests::TestSeed(7);
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  for (size_t length = 1; length <= 200; ++length) {
    CAPTURE(length);
    std::vector<float> query(length);
    std::vector<float> row(length);
    std::vector<uint16_t> half(length);
    double dot = 0;
    double l2 = 0;
    double magnitude = 0;
    for (size_t i = 0; i < length; ++i) {
      query[i] = normal(random);
      half[i] = FloatToFloat16(normal(random));
      row[i] = Float16ToFloat(half[i]);
      const double q = query[i];
      const double r = row[i];
      dot += q * r;
      l2 += (q - r) * (q - r);
      magnitude += std::abs(q * r) + (q - r) * (q - r);
    }
    const double bound = magnitude * 1e-6;
    for (const KernelLevel level :
         {KernelLevel::kScalar, KernelLevel::kAvx2, KernelLevel::kAvx512}) {
      const DistanceKernels* kernels = KernelsOfLevel(level);
      if (kernels == nullptr) {
        continue;
      }
      CHECK(std::abs(kernels->dot_f32(query.data(), row.data(), length) - dot) <= bound);
      CHECK(std::abs(kernels->dot_f16(query.data(), half.data(), length) - dot) <= bound);
      CHECK(std::abs(kernels->l2_squared_f32(query.data(), row.data(), length) - l2) <= bound);
      CHECK(std::abs(kernels->l2_squared_f16(query.data(), half.data(), length) - l2) <= bound);
    }
  }
}

TEST_CASE("nothing beyond the row is read") {
  // Exact allocations: AddressSanitizer sees a read past either end.
  for (size_t length = 1; length <= 130; ++length) {
    const std::vector<float> query(length, 1.0F);
    const std::vector<float> row(length, 2.0F);
    const std::vector<uint16_t> half(length, FloatToFloat16(2.0F));
    for (const DistanceKernels* kernels : VectorLevels()) {
      const auto n = static_cast<float>(length);
      CHECK(kernels->dot_f32(query.data(), row.data(), length) == 2.0F * n);
      CHECK(kernels->dot_f16(query.data(), half.data(), length) == 2.0F * n);
      CHECK(kernels->l2_squared_f32(query.data(), row.data(), length) == n);
      CHECK(kernels->l2_squared_f16(query.data(), half.data(), length) == n);
    }
  }
}

TEST_CASE("a lane of minus zero stays minus zero") {
  // The product underflows to -0 in every lane of the first block; the tail must not touch it.
  std::vector<float> query(65, 1e-30F);
  std::vector<float> row(65, -1e-30F);
  for (const KernelLevel level : {KernelLevel::kScalar, KernelLevel::kAvx2, KernelLevel::kAvx512}) {
    if (const DistanceKernels* kernels = KernelsOfLevel(level)) {
      CHECK(Bits(kernels->dot_f32(query.data(), row.data(), 65)) == 0x8000'0000U);
    }
  }
}

TEST_CASE("not a number has one spelling") {
  const float infinity = std::numeric_limits<float>::infinity();
  const float query[2] = {infinity, infinity};
  const float row[2] = {1.0F, -1.0F};
  for (const KernelLevel level : {KernelLevel::kScalar, KernelLevel::kAvx2, KernelLevel::kAvx512}) {
    if (const DistanceKernels* kernels = KernelsOfLevel(level)) {
      CHECK(Bits(kernels->dot_f32(query, row, 2)) == 0x7FC0'0000U);
    }
  }
}

TEST_CASE("the active level is the best one unless overridden") {
  const KernelLevel best = ActiveKernels().level;
  for (const KernelLevel level : {KernelLevel::kScalar, KernelLevel::kAvx2, KernelLevel::kAvx512}) {
    if (KernelsOfLevel(level) == nullptr) {
      continue;
    }
    CHECK(best >= level);
    CHECK(KernelsOfLevel(level)->level == level);
    OverrideKernelLevel(level);
    CHECK(ActiveKernels().level == level);
  }
  OverrideKernelLevel(std::nullopt);
  CHECK(ActiveKernels().level == best);
}

TEST_CASE("the norm is that of f64") {
  const float values[3] = {3.0F, 4.0F, 12.0F};
  CHECK(VectorNorm(values, 3) == 13.0);
  const float large[2] = {3e38F, 3e38F};
  CHECK(std::isfinite(VectorNorm(large, 2)));
  CHECK(VectorNorm(values, 0) == 0.0);
}

}  // namespace
}  // namespace perigee::engine
