// SPDX-License-Identifier: Apache-2.0
#include "engine/model/date_time.h"

#include <doctest/doctest.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <random>

#include "tests/support/test_seed.h"

namespace perigee {
namespace {

DateTime Parsed(std::string_view text) {
  CAPTURE(text);
  const std::optional<DateTime> time = ParseDateTime(text);
  REQUIRE(time.has_value());
  return *time;
}

TEST_CASE("known moments") {
  CHECK(Parsed("1970-01-01T00:00:00Z") == DateTime{0, 0});
  CHECK(Parsed("2024-02-29T12:00:00.25Z") == DateTime{1'709'208'000, 250'000'000});
  CHECK(Parsed("1969-12-31T23:59:59.999999999Z") == DateTime{-1, 999'999'999});
  CHECK(Parsed("0000-01-01") == DateTime{-62'167'219'200, 0});
  CHECK(Parsed("9999-12-31T23:59:59Z") == DateTime{253'402'300'799, 0});
}

TEST_CASE("spellings of one moment are equal") {
  const DateTime noon = Parsed("2024-02-29T12:00:00Z");
  for (const std::string_view text :
       {"2024-02-29t12:00:00z", "2024-02-29 12:00:00", "2024-02-29T13:30:00+01:30",
        "2024-02-29T00:00:00-12:00", "2024-02-29T12:00:00.000Z", "2024-02-29T11:59:60Z"}) {
    CHECK(Parsed(text) == noon);
  }
  CHECK(Parsed("2024-02-29") == Parsed("2024-02-29T00:00:00Z"));
}

TEST_CASE("what is no date-time is refused") {
  for (const std::string_view bad : {"",
                                     "2024",
                                     "2024-2-29",
                                     "2023-02-29",
                                     "2024-13-01",
                                     "2024-00-01",
                                     "2024-01-00",
                                     "2024-01-32",
                                     "2024-01-01T",
                                     "2024-01-01T24:00:00Z",
                                     "2024-01-01T00:60:00Z",
                                     "2024-01-01T00:00:61Z",
                                     "2024-01-01T00:00Z",
                                     "2024-01-01T00:00:00.Z",
                                     "2024-01-01T00:00:00.0000000001Z",
                                     "2024-01-01T00:00:00+1:00",
                                     "2024-01-01T00:00:00+24:00",
                                     "2024-01-01T00:00:00Zx",
                                     "2024-01-01x",
                                     "+2024-01-01",
                                     "1900-02-29"}) {
    CAPTURE(bad);
    CHECK_FALSE(ParseDateTime(bad).has_value());
  }
}

TEST_CASE("the calendar agrees with the C library's") {
  const uint64_t seed = tests::TestSeed(21);
  INFO("PERIGEE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 2'000; ++i) {
    // Years 0 to 9999.
    const auto seconds = static_cast<std::time_t>(random() % 315'569'520'000ULL) - 62'167'219'200;
    std::tm fields{};
    gmtime_r(&seconds, &fields);
    std::array<char, 80> text{};
    std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02dZ", fields.tm_year + 1900,
                  fields.tm_mon + 1, fields.tm_mday, fields.tm_hour, fields.tm_min, fields.tm_sec);
    CHECK(Parsed(text.data()).seconds == seconds);
  }
}

}  // namespace
}  // namespace perigee
