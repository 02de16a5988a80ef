// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "perigee/model/filter.h"
#include "storage/foundation/error_reason.h"
#include "tests/engine/document.h"

namespace perigee {
namespace {

Filter Parsed(std::string_view json) {
  CAPTURE(json);
  const absl::StatusOr<Filter> filter = ParseFilterJson(json);
  INFO(filter.status().ToString());
  REQUIRE(filter.ok());
  return *filter;
}

absl::Status Refusal(std::string_view json) {
  CAPTURE(json);
  const absl::Status status = ParseFilterJson(json).status();
  CHECK(absl::IsInvalidArgument(status));
  return status;
}

void Refused(std::string_view json) { Refusal(json).IgnoreError(); }

/// The error begins with the place, which is what a user needs to find the key.
void RefusedAt(std::string_view place, std::string_view json) {
  const std::string message(Refusal(json).message());
  INFO(message);
  CHECK(message.find(std::string(place)) == 0);
}

TEST_CASE("the pairs of the documentation mean the same and print as their twins") {
  const auto rows = tests::TableRows("docs/filters.md", 2);
  size_t pairs = 0;
  for (const auto& row : rows) {
    if (row[1].front() != '{' || row[0].front() == '{') continue;
    CAPTURE(row[0]);
    const absl::StatusOr<Filter> text = ParseFilterText(row[0]);
    INFO(text.status().ToString());
    REQUIRE(text.ok());
    const Filter json = Parsed(row[1]);
    CHECK(*text == json);
    CHECK(Parsed(ToJson(*text)) == json);
    ++pairs;
  }
  CHECK(pairs >= 15);
}

TEST_CASE("clauses become one tree") {
  CHECK(Parsed("{}") == Filter{});
  CHECK(Parsed("{\"must\":[],\"should\":null,\"must_not\":[]}") == Filter{});
  const Filter null_a = {IsNullCondition{"a"}};
  const std::string a = "{\"is_null\":{\"key\":\"a\"}}";
  CHECK(Parsed("{\"must\":[" + a + "]}") == null_a);
  CHECK(Parsed("{\"must\":" + a + "}") == null_a);
  CHECK(Parsed("{\"should\":[" + a + "]}") == null_a);
  CHECK(Parsed(a) == null_a);
  CHECK(Parsed("{\"must_not\":[" + a + "],\"should\":[" + a + "," + a + "],\"must\":[" + a +
               "]}") == Filter{AndNode{{null_a, {OrNode{{null_a, null_a}}}, {NotNode{{null_a}}}}}});
}

TEST_CASE("paths come in one spelling") {
  CHECK(Parsed("{\"is_null\":{\"key\":\"\\\"a\\\"\"}}") == Filter{IsNullCondition{"a"}});
  CHECK(Parsed("{\"is_null\":{\"key\":\"\\\"a.b\\\"\"}}") == Filter{IsNullCondition{"\"a.b\""}});
}

TEST_CASE("unknown keys are named with their place and the choices") {
  const absl::Status status =
      Refusal("{\"must\":[{\"is_null\":{\"key\":\"a\"}},{\"key\":\"a\",\"match\":{\"valeu\":1}}]}");
  CHECK(std::string(status.message()) ==
        "filter.must[1].match: unknown key 'valeu'; allowed: value, any, except, text; did you "
        "mean 'value'?");
  RefusedAt("filter: unknown key 'musst'", "{\"musst\":[]}");
  RefusedAt("filter.must[0]: unknown key 'rage'", "{\"must\":[{\"key\":\"a\",\"rage\":{}}]}");
  RefusedAt("filter.must_not[0].range: unknown key 'min'",
            "{\"must_not\":[{\"key\":\"a\",\"range\":{\"min\":1}}]}");
  RefusedAt("filter.is_empty: unknown key 'path'", "{\"is_empty\":{\"path\":\"a\"}}");
  RefusedAt("filter.min_should: unknown key 'count'", "{\"min_should\":{\"count\":1}}");
  RefusedAt("filter: unknown key 'must'", "{\"key\":\"a\",\"match\":{\"value\":1},\"must\":[]}");
  RefusedAt("filter.geo_radius.center: unknown key 'lng'",
            "{\"key\":\"a\",\"geo_radius\":{\"center\":{\"lat\":1,\"lng\":2},\"radius\":1}}");
}

TEST_CASE("wrong types and missing parts are named with their place") {
  RefusedAt("filter: ", "[]");
  RefusedAt("filter: ", "1");
  RefusedAt("filter.must: ", "{\"must\":1}");
  RefusedAt("filter.must[0]: ", "{\"must\":[1]}");
  RefusedAt("filter: key 'key' is missing", "{\"match\":{\"value\":1}}");
  RefusedAt("filter.key: ", "{\"key\":1,\"match\":{\"value\":1}}");
  RefusedAt("filter.key: ", "{\"key\":\"a[0]\",\"match\":{\"value\":1}}");
  RefusedAt("filter: no condition", "{\"key\":\"a\"}");
  RefusedAt("filter: both match and range",
            "{\"key\":\"a\",\"match\":{\"value\":1},\"range\":{\"gt\":1}}");
  RefusedAt("filter.match has 0 keys", "{\"key\":\"a\",\"match\":{}}");
  RefusedAt("filter.match has 2 keys", "{\"key\":\"a\",\"match\":{\"value\":1,\"any\":[]}}");
  RefusedAt("filter.match.value: null", "{\"key\":\"a\",\"match\":{\"value\":null}}");
  RefusedAt("filter.match.value: ", "{\"key\":\"a\",\"match\":{\"value\":[1]}}");
  RefusedAt("filter.match.any: ", "{\"key\":\"a\",\"match\":{\"any\":1}}");
  RefusedAt("filter.match.text: ", "{\"key\":\"a\",\"match\":{\"text\":1}}");
  RefusedAt("filter.range: ", "{\"key\":\"a\",\"range\":{}}");
  RefusedAt("filter.range: ", "{\"key\":\"a\",\"range\":{\"gt\":1,\"lt\":\"2024-01-01\"}}");
  RefusedAt("filter.values_count.gt: ", "{\"key\":\"a\",\"values_count\":{\"gt\":-1}}");
  RefusedAt("filter.has_id[1]: ", "{\"has_id\":[1,-1]}");
  RefusedAt("filter.has_id[0]: ", "{\"has_id\":[1.5]}");
  RefusedAt("filter.has_vector: ", "{\"has_vector\":1}");
  RefusedAt("filter.min_should: key 'min_count' is missing",
            "{\"min_should\":{\"conditions\":[]}}");
  RefusedAt("filter.min_should has no conditions",
            "{\"min_should\":{\"conditions\":[],\"min_count\":1}}");
  RefusedAt("filter has 2 keys", "{\"is_null\":{\"key\":\"a\"},\"is_empty\":{\"key\":\"a\"}}");
}

TEST_CASE("JSON itself is read strictly") {
  Refused("{\"must\":[],\"must\":[]}");
  Refused("{\"must\":[]} x");
  Refused("{'must':[]}");
  Refused("{\"key\":\"a\",\"match\":{\"value\":18446744073709551616}}");
}

TEST_CASE("hostile depth and size are refused while reading") {
  const auto limit = [](const std::string& json) {
    return GetErrorReason(Refusal(json)) == ErrorReason::kLimit;
  };
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "{\"must\":[";
  CHECK(limit(std::string(deep, 0, 200'000)));
  CHECK(limit(deep));
  CHECK(limit("{\"must\":" + std::string(100'000, '[')));
  std::string nested = "{\"is_null\":{\"key\":\"a\"}}";
  for (int i = 0; i < 15; ++i) nested = "{\"must_not\":[" + nested + "]}";
  CHECK(ParseFilterJson(nested).ok());
  CHECK(limit("{\"must_not\":[" + nested + "]}"));
  std::string wide = "{\"must\":[{\"is_null\":{\"key\":\"a\"}}";
  for (int i = 0; i < 256; ++i) wide += ",{\"is_null\":{\"key\":\"a\"}}";
  CHECK(limit(wide + "]}"));
  std::string any = "{\"key\":\"a\",\"match\":{\"any\":[1";
  for (int i = 1; i < 4'096; ++i) any += ",1";
  CHECK(ParseFilterJson(any + "]}}").ok());
  CHECK(limit(any + ",1]}}"));
  CHECK(limit(std::string(300'000, ' ')));
}

}  // namespace
}  // namespace perigee
