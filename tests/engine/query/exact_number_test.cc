// SPDX-License-Identifier: Apache-2.0
#include "engine/query/exact_number.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "tests/support/test_seed.h"

namespace perigee::engine {
namespace {

static_assert(std::numeric_limits<long double>::digits >= 64,
              "the test compares in a type that holds every number exactly");

struct Pair {
  ExactNumber number;
  long double value;
};

std::vector<Pair> Numbers(uint64_t seed) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  std::vector<Pair> numbers;
  const auto add = [&](auto value) {
    if constexpr (std::is_same_v<decltype(value), double>) {
      if (const auto number = ExactNumber::FromDouble(value)) numbers.push_back({*number, value});
    } else {
      numbers.push_back({ExactNumber(value), static_cast<long double>(value)});
    }
  };
  for (const int64_t value : {int64_t{0}, int64_t{1}, int64_t{-1}, kMax, kMax - 1, -kMax, -kMax - 1,
                              (int64_t{1} << 53) + 1}) {
    add(value);
  }
  for (const uint64_t value : {uint64_t{0}, uint64_t{1} << 63U, (uint64_t{1} << 63U) + 1,
                               std::numeric_limits<uint64_t>::max()}) {
    add(value);
  }
  for (const double value : {0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 0x1p53, 0x1p63, 0x1p64, -0x1p63,
                             1e300, -1e300, 5e-324, std::nextafter(0x1p63, 0.0),
                             std::nextafter(0x1p64, 0.0), std::nextafter(-0x1p63, -1e300)}) {
    add(value);
  }
  std::mt19937_64 random(seed);
  for (int i = 0; i < 150; ++i) {
    const uint64_t bits = random() >> (random() % 64);
    add(bits);
    add(static_cast<int64_t>(random()) >> (random() % 64));
    add(static_cast<double>(bits));
    add(static_cast<double>(bits) + 0.5);
    add(std::bit_cast<double>(uint64_t{random()}));
  }
  return numbers;
}

TEST_CASE("numbers of all types compare as mathematics has it") {
  const uint64_t seed = tests::TestSeed(50);
  INFO("PERIGEE_TEST_SEED=" << seed);
  const std::vector<Pair> numbers = Numbers(seed);
  for (const Pair& a : numbers) {
    for (const Pair& b : numbers) {
      const bool agree = (a.number < b.number) == (a.value < b.value) &&
                         (a.number == b.number) == (a.value == b.value);
      CHECK_MESSAGE(agree, static_cast<double>(a.value), " and ", static_cast<double>(b.value));
    }
  }
}

TEST_CASE("what is not finite is no number") {
  CHECK_FALSE(ExactNumber::FromDouble(std::numeric_limits<double>::infinity()).has_value());
  CHECK_FALSE(ExactNumber::FromDouble(std::numeric_limits<double>::quiet_NaN()).has_value());
}

}  // namespace
}  // namespace perigee::engine
