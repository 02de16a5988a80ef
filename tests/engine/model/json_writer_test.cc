// SPDX-License-Identifier: Apache-2.0
#include "engine/model/json_writer.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "engine/model/json_reader.h"
#include "tests/support/test_seed.h"

namespace perigee {
namespace {

std::string Written(const PayloadValue& value) {
  std::string out;
  AppendJson(value, out);
  return out;
}

TEST_CASE("doubles keep their type in print") {
  CHECK(Written(1.0) == "1.0");
  CHECK(Written(-0.0) == "-0.0");
  CHECK(Written(0.1) == "0.1");
  CHECK(Written(100000.0) == "100000.0");
  CHECK(Written(1e300) == "1e+300");
  CHECK(Written(1e-7) == "1e-07");
  CHECK(Written(0x1p53) == "9007199254740992.0");
  CHECK(Written(std::numeric_limits<double>::infinity()) == "null");
}

TEST_CASE("integers strings and containers are compact") {
  CHECK(Written(std::numeric_limits<uint64_t>::max()) == "18446744073709551615");
  CHECK(Written(PayloadArray{1, "a", {}, false}) == "[1,\"a\",null,false]");
  CHECK(Written(PayloadObject{{"b", 1}, {"", PayloadArray{}}}) == "{\"b\":1,\"\":[]}");
  CHECK(Written("\"\\\n\t\r\x01/\u00e9") == "\"\\\"\\\\\\n\\t\\r\\u0001/\u00e9\"");
}

TEST_CASE("every double reads back to the same bits") {
  const uint64_t seed = tests::TestSeed(22);
  INFO("PERIGEE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    double value = std::bit_cast<double>(uint64_t{random()});
    if (i % 2 == 0) value = std::trunc(std::ldexp(static_cast<double>(random()), -(i % 64)));
    if (!std::isfinite(value)) continue;
    const absl::StatusOr<PayloadValue> read = ReadJson(Written(value), PayloadJsonLimits(), "JSON");
    REQUIRE(read.ok());
    REQUIRE(read->As<double>() != nullptr);
    CHECK(std::bit_cast<uint64_t>(*read->As<double>()) == std::bit_cast<uint64_t>(value));
  }
}

}  // namespace
}  // namespace perigee
