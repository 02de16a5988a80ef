// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "perigee/model/filter.h"
#include "tests/engine/random_filter.h"
#include "tests/support/test_seed.h"

namespace perigee {
namespace {

TEST_CASE("canonical text prints as it is") {
  for (const std::string_view text :
       {"lang = 'en' AND year >= 2020 AND tags IN ('a', 'b') AND NOT draft = true",
        "a = 1 AND b = 2 OR c = 3",
        "(a = 1 OR b = 2) AND c = 3",
        "NOT (a = 1 AND b = 2)",
        "(a = 1 AND b = 2) AND c = 3",
        "a != 'x' OR a EXCEPT (1, 2.0)",
        "a BETWEEN 1 AND 2",
        "RANGE(a, > 1, < 2)",
        "RANGE(COUNT(a), >= 1, < 4)",
        "COUNT(a) = 3",
        "COUNT(a) BETWEEN 1 AND 3",
        "AT LEAST 2 OF (a = 1 OR b = 1, TRUE, NOT TRUE)",
        "HAS_ID(7, 'it''s')",
        "HAS_VECTOR('')",
        "a IS NULL",
        "a IS EMPTY",
        "a MATCH 'words'",
        "GEO_RADIUS(at, 52.5, 13.0, 1000.0)",
        "GEO_BOX(at, 2.0, 1.0, -2.0, 3.0)",
        "\"not\" = 1 AND not.x = 1 AND \"odd key\".2020[] = 1"}) {
    CAPTURE(text);
    const absl::StatusOr<Filter> filter = ParseFilterText(text);
    INFO(filter.status().ToString());
    REQUIRE(filter.ok());
    CHECK(ToText(*filter) == text);
  }
}

TEST_CASE("random trees read back from text as they were") {
  const uint64_t seed = tests::TestSeed(32);
  INFO("PERIGEE_TEST_SEED=" << seed);
  tests::RandomFilter random(seed, {.text_and_geo = true});
  for (size_t i = 0; i < 3'000; ++i) {
    const Filter filter = random.Next(1 + i % 16);
    const std::string text = ToText(filter);
    CAPTURE(text);
    const absl::StatusOr<Filter> parsed = ParseFilterText(text);
    INFO(parsed.status().ToString());
    REQUIRE(parsed.ok());
    CHECK(*parsed == filter);
    CHECK(ToText(*parsed) == text);
  }
}

TEST_CASE("branches of one child print as the child") {
  const Filter leaf = {IsNullCondition{"a"}};
  for (const Filter& filter :
       {Filter{AndNode{{leaf}}}, Filter{OrNode{{leaf}}}, Filter{AndNode{{{OrNode{{leaf}}}}}}}) {
    CHECK(ToText(filter) == "a IS NULL");
    CHECK(*ParseFilterJson(ToJson(filter)) == leaf);
  }
}

}  // namespace
}  // namespace perigee
