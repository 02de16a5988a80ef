// SPDX-License-Identifier: Apache-2.0
//
// The reference is judged by the examples of docs/filters.md, by examples of what that page says of
// paths, and by the engine's evaluator, from which it differs in nothing that random filters show.
#include "tests/support/reference_filter.h"

#include <doctest/doctest.h>

#include "engine/payload/payload_codec.h"
#include "engine/query/filter_binder.h"
#include "engine/query/filter_evaluator.h"
#include "storage/encoding/byte_codec.h"
#include "tests/engine/document.h"
#include "tests/engine/random_filter.h"
#include "tests/support/test_seed.h"

namespace perigee::tests {
namespace {

bool ReferenceMatches(const std::string& filter, const std::string& payload) {
  const absl::StatusOr<Filter> parsed = ParseFilterText(filter);
  const absl::StatusOr<Payload> decoded = ParsePayloadJson(payload);
  REQUIRE(parsed.ok());
  REQUIRE(decoded.ok());
  return tests::ReferenceMatches(*parsed, {.id = 1, .vectors = {}, .payload = *decoded});
}

TEST_CASE("the examples of the documentation hold in the reference") {
  const auto rows = TableRows("docs/filters.md", 3);
  CHECK(rows.size() >= 25);
  for (const auto& cells : rows) {
    CAPTURE(cells[0]);
    CAPTURE(cells[1]);
    CHECK(ReferenceMatches(cells[0], cells[1]) == (cells[2] == "yes"));
  }
}

TEST_CASE("a key in double quotes is one key, whatever it holds") {
  CHECK(ReferenceMatches("\"a.b\" = 1", R"({"a.b": 1})"));
  CHECK_FALSE(ReferenceMatches("\"a.b\" = 1", R"({"a": {"b": 1}})"));
  CHECK_FALSE(ReferenceMatches("a.b = 1", R"({"a.b": 1})"));
  CHECK(ReferenceMatches("m.\"x[]\".y = 1", R"({"m": {"x[]": {"y": 1}}})"));
  CHECK(ReferenceMatches("\"\" = 1", R"({"": 1})"));
  CHECK(ReferenceMatches("\"with \"\"quotes\"\"\".x = 1", R"({"with \"quotes\"": {"x": 1}})"));
  CHECK(ReferenceMatches("\"tags\"[] = 1", R"({"tags": [2, 1]})"));
}

TEST_CASE("arrays on the way are entered once, or as often as the path says") {
  CHECK(ReferenceMatches("items[].p = 1", R"({"items": [{"p": 2}, {"p": 1}]})"));
  CHECK(ReferenceMatches("items[].p = 1", R"({"items": {"p": 1}})"));
  CHECK_FALSE(ReferenceMatches("items.p = 1", R"({"items": [[{"p": 1}]]})"));
  CHECK(ReferenceMatches("items[][].p = 1", R"({"items": [[{"p": 1}]]})"));
  CHECK(ReferenceMatches("a[].b[] = 1", R"({"a": [{"b": [1]}, {"b": 3}]})"));
  CHECK_FALSE(ReferenceMatches("grid[] = 1", R"({"grid": [[1]]})"));
  CHECK(ReferenceMatches("COUNT(grid[][]) = 2", R"({"grid": [[1], [1, 2]]})"));
  CHECK_FALSE(ReferenceMatches("COUNT(grid[][]) = 3", R"({"grid": [[1], [1, 2]]})"));
  CHECK(ReferenceMatches("COUNT(items.tags) = 1", R"({"items": [{"tags": [1]}, {"tags": []}]})"));
  CHECK(
      ReferenceMatches("items.tags IS EMPTY", R"({"items": [{"tags": []}, {"tags": null}, {}]})"));
  CHECK_FALSE(ReferenceMatches("tags IS EMPTY", R"({"tags": [null]})"));
  CHECK(ReferenceMatches("tags[] IS NULL", R"({"tags": [1, null]})"));
}

TEST_CASE("ranges of strings compare moments in the reference") {
  CHECK(ReferenceMatches("at < '2024-02-29T12:00:00.000000001Z'",
                         R"({"at": "2024-02-29T12:00:00"})"));
  CHECK(ReferenceMatches("at <= '2024-03-01'", R"({"at": "2024-02-29T23:59:60Z"})"));
  CHECK(ReferenceMatches("at < '0000-03-01'", R"({"at": "0000-02-29 00:00:00-00:01"})"));
  CHECK_FALSE(ReferenceMatches("at < '2024-03-01'", R"({"at": "2023-02-29"})"));
  CHECK_FALSE(
      ReferenceMatches("at < '2024-03-01'", R"({"at": "2023-02-28T00:00:00.0000000001Z"})"));
  CHECK_FALSE(ReferenceMatches("at < '2024-03-01'", R"({"at": 1})"));
  CHECK_FALSE(ReferenceMatches("at < 3000", R"({"at": "2023-02-28"})"));
}

TEST_CASE("random filters on random payloads: reference and engine agree") {
  const uint64_t seed = TestSeed(63);
  INFO("PERIGEE_TEST_SEED=" << seed);
  RandomFilter random(seed);
  const CollectionSchema schema = {
      .vectors = {{.name = "", .dimension = 2}, {.name = "v", .dimension = 2}}};
  size_t matches = 0;
  constexpr size_t kCases = 20'000;
  for (size_t i = 0; i < kCases; ++i) {
    const Filter filter = random.Next(i % 3 == 0 ? 1 : 1 + i % 8);
    const Point point = {
        .id = random.Id(), .vectors = {{"v", {1.0F, 0.5F}}}, .payload = random.NextPayload()};
    const auto bound = engine::BindFilter(filter, schema);
    REQUIRE(bound.ok());
    const std::string id = point.id.Encode();
    const std::string payload = engine::EncodePayload(point.payload);
    const bool expected = tests::ReferenceMatches(filter, point);
    matches += expected ? 1 : 0;
    const bool answer = engine::Matches(
        *bound,
        {.encoded_id = id, .payload = storage::AsBytes(payload), .vector_presence_bits = 2});
    if (answer != expected) {
      FAIL_CHECK(ToText(filter), " on ", ToJson(point.payload), ": expected ", expected);
    }
  }
  CHECK(matches > kCases / 10);
  CHECK(matches < kCases * 9 / 10);
}

}  // namespace
}  // namespace perigee::tests
