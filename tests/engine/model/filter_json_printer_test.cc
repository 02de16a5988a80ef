// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "perigee/model/filter.h"
#include "tests/engine/random_filter.h"
#include "tests/support/test_seed.h"

namespace perigee {
namespace {

Filter Parsed(std::string_view text) {
  const absl::StatusOr<Filter> filter = ParseFilterText(text);
  INFO(filter.status().ToString());
  REQUIRE(filter.ok());
  return *filter;
}

TEST_CASE("clauses print as people write them") {
  CHECK(ToJson(Filter{}) == "{}");
  CHECK(ToJson(Parsed("a = 1")) == "{\"must\":[{\"key\":\"a\",\"match\":{\"value\":1}}]}");
  CHECK(ToJson(Parsed("a = 1 AND (b = 2 OR c = 3) AND NOT d IS NULL AND NOT e IS EMPTY")) ==
        "{\"must\":[{\"key\":\"a\",\"match\":{\"value\":1}}],"
        "\"should\":[{\"key\":\"b\",\"match\":{\"value\":2}},"
        "{\"key\":\"c\",\"match\":{\"value\":3}}],"
        "\"must_not\":[{\"is_null\":{\"key\":\"d\"}},{\"is_empty\":{\"key\":\"e\"}}]}");
  CHECK(ToJson(Parsed("AT LEAST 1 OF (HAS_ID(7, 'x'), HAS_VECTOR('v'))")) ==
        "{\"min_should\":{\"conditions\":[{\"has_id\":[7,\"x\"]},{\"has_vector\":\"v\"}],"
        "\"min_count\":1}}");
  // A NOT before the end of an AND stays where it is.
  CHECK(
      ToJson(Parsed("NOT a IS NULL AND b IS NULL")) ==
      "{\"must\":[{\"must_not\":[{\"is_null\":{\"key\":\"a\"}}]},{\"is_null\":{\"key\":\"b\"}}]}");
}

TEST_CASE("random trees read back from JSON as they were") {
  const uint64_t seed = tests::TestSeed(30);
  INFO("PERIGEE_TEST_SEED=" << seed);
  tests::RandomFilter random(seed, {.text_and_geo = true});
  for (size_t i = 0; i < 3'000; ++i) {
    const Filter filter = random.Next(1 + i % 16);
    const std::string json = ToJson(filter);
    CAPTURE(json);
    const absl::StatusOr<Filter> parsed = ParseFilterJson(json);
    INFO(parsed.status().ToString());
    REQUIRE(parsed.ok());
    CHECK(*parsed == filter);
  }
}

TEST_CASE("and across the two spellings") {
  const uint64_t seed = tests::TestSeed(31);
  INFO("PERIGEE_TEST_SEED=" << seed);
  tests::RandomFilter random(seed, {.text_and_geo = true});
  for (size_t i = 0; i < 3'000; ++i) {
    const Filter filter = random.Next(1 + i % 16);
    const absl::StatusOr<Filter> from_json = ParseFilter(ToJson(filter));
    REQUIRE(from_json.ok());
    const absl::StatusOr<Filter> from_text = ParseFilter(ToText(*from_json));
    INFO(from_text.status().ToString());
    REQUIRE(from_text.ok());
    CHECK(*from_text == filter);
    CHECK(ToJson(*from_text) == ToJson(filter));
  }
}

}  // namespace
}  // namespace perigee
