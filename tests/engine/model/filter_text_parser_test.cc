// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "perigee/model/filter.h"
#include "storage/foundation/error_reason.h"

namespace perigee {
namespace {

using Match = MatchCondition;

Filter Parsed(std::string_view text) {
  CAPTURE(text);
  const absl::StatusOr<Filter> filter = ParseFilterText(text);
  INFO(filter.status().ToString());
  REQUIRE(filter.ok());
  return *filter;
}

absl::Status Refusal(std::string_view text) {
  CAPTURE(text);
  const absl::Status status = ParseFilterText(text).status();
  CHECK(absl::IsInvalidArgument(status));
  return status;
}

void Refused(std::string_view text) { Refusal(text).IgnoreError(); }

void RefusedAtColumn(int column, std::string_view text) {
  const std::string message(Refusal(text).message());
  INFO(message);
  CHECK(message.find("filter at column " + std::to_string(column) + ":") == 0);
}

Filter Null(std::string path) { return {IsNullCondition{std::move(path)}}; }

TEST_CASE("conditions") {
  CHECK(Parsed("lang = 'it''s'") == Filter{Match{"lang", Match::Kind::kValue, {"it's"}}});
  CHECK(Parsed("a != 1.0") == Filter{Match{"a", Match::Kind::kExcept, {1.0}}});
  CHECK(Parsed("a=-1") == Filter{Match{"a", Match::Kind::kValue, {-1}}});
  CHECK(Parsed("a = true") == Filter{Match{"a", Match::Kind::kValue, {true}}});
  CHECK(Parsed("a in (1, 'x', FALSE)") == Filter{Match{"a", Match::Kind::kAny, {1, "x", false}}});
  CHECK(Parsed("a IN ()") == Filter{Match{"a", Match::Kind::kAny, {}}});
  CHECK(Parsed("a NOT IN (1)") == Filter{NotNode{{{Match{"a", Match::Kind::kAny, {1}}}}}});
  CHECK(Parsed("a EXCEPT (1, 2)") == Filter{Match{"a", Match::Kind::kExcept, {1, 2}}});
  CHECK(Parsed("a MATCH 'two words'") == Filter{TextCondition{"a", "two words"}});
  CHECK(Parsed("a < 5") == Filter{RangeCondition{"a", 5, {}, {}, {}}});
  CHECK(Parsed("a <= 5") == Filter{RangeCondition{"a", {}, 5, {}, {}}});
  CHECK(Parsed("a > '2024-01-01'") == Filter{RangeCondition{"a", {}, {}, "2024-01-01", {}}});
  CHECK(Parsed("a BETWEEN 1 AND 5 AND b IS NULL") ==
        Filter{AndNode{{{RangeCondition{"a", {}, 5, {}, 1}}, Null("b")}}});
  CHECK(Parsed("RANGE(a, > 1, < 5)") == Filter{RangeCondition{"a", 5, {}, 1, {}}});
  CHECK(Parsed("a IS EMPTY") == Filter{IsEmptyCondition{"a"}});
  CHECK(Parsed("a IS NOT EMPTY") == Filter{NotNode{{{IsEmptyCondition{"a"}}}}});
  CHECK(Parsed("a IS NOT NULL") == Filter{NotNode{{Null("a")}}});
  CHECK(Parsed("HAS_ID(7, '7', 18446744073709551615)") ==
        Filter{HasIdCondition{{7, "7", ~uint64_t{0}}}});
  CHECK(Parsed("has_vector('')") == Filter{HasVectorCondition{""}});
  CHECK(Parsed("COUNT(tags) >= 2") == Filter{ValuesCountCondition{"tags", {}, {}, {}, 2}});
  CHECK(Parsed("COUNT(tags) = 2") == Filter{ValuesCountCondition{"tags", {}, 2, {}, 2}});
  CHECK(Parsed("COUNT(tags) != 2") ==
        Filter{NotNode{{{ValuesCountCondition{"tags", {}, 2, {}, 2}}}}});
  CHECK(Parsed("RANGE(COUNT(a), > 1, <= 3)") == Filter{ValuesCountCondition{"a", {}, 3, 1, {}}});
  CHECK(Parsed("GEO_RADIUS(at, 52.5, -13, 1000)") ==
        Filter{GeoRadiusCondition{"at", {52.5, -13}, 1000}});
  CHECK(Parsed("GEO_BOX(at, 2, 1, -2, 3)") == Filter{GeoBoxCondition{"at", {2, 1}, {-2, 3}}});
  CHECK(Parsed("TRUE") == Filter{});
  CHECK(Parsed("false") == Filter{NotNode{{Filter{}}}});
}

TEST_CASE("AND binds closer than OR and NOT closest") {
  CHECK(Parsed("a IS NULL OR b IS NULL AND NOT c IS NULL") ==
        Filter{OrNode{{Null("a"), {AndNode{{Null("b"), {NotNode{{Null("c")}}}}}}}}});
  CHECK(Parsed("(a IS NULL OR b IS NULL) AND c IS NULL") ==
        Filter{AndNode{{{OrNode{{Null("a"), Null("b")}}}, Null("c")}}});
  CHECK(Parsed("((a IS NULL))") == Null("a"));
  CHECK(Parsed("NOT NOT a IS NULL") == Filter{NotNode{{{NotNode{{Null("a")}}}}}});
  CHECK(Parsed("AT LEAST 2 OF (a IS NULL, b IS NULL OR c IS NULL)") ==
        Filter{MinShouldNode{2, {Null("a"), {OrNode{{Null("b"), Null("c")}}}}}});
}

TEST_CASE("words are keywords only where they can be") {
  CHECK(Parsed("count >= 3") == Filter{RangeCondition{"count", {}, {}, {}, 3}});
  CHECK(Parsed("range = 1 AND in = 2 AND match IS NULL AND at IS NULL").node.index() == 0);
  CHECK(Parsed("\"not\" IS NULL") == Null("not"));
  CHECK(Parsed("not.x IS NULL") == Null("not.x"));
  CHECK(Parsed("\"odd key\".\"a.b\"[] IS NULL") == Null("odd key.\"a.b\"[]"));
}

TEST_CASE("errors name the column and what was expected there") {
  RefusedAtColumn(1, "");
  RefusedAtColumn(1, "  ");
  RefusedAtColumn(8, "lang = \"en\"");
  RefusedAtColumn(8, "lang = en");
  RefusedAtColumn(8, "lang = NULL");
  RefusedAtColumn(7, "lang =");
  RefusedAtColumn(6, "lang 'en'");
  RefusedAtColumn(5, "lang");
  RefusedAtColumn(6, "lang LIKE 'x'");
  RefusedAtColumn(10, "a = 1 AND");
  RefusedAtColumn(11, "a = 1 AND OR b = 2");
  RefusedAtColumn(7, "a = 1 b = 2");
  RefusedAtColumn(7, "(a = 1");
  RefusedAtColumn(6, "a = 1)");
  RefusedAtColumn(1, "HAS_IDS(1)");
  RefusedAtColumn(1, "HAS_ID(-1)");
  RefusedAtColumn(1, "HAS_ID(1.5)");
  RefusedAtColumn(12, "HAS_VECTOR(v)");
  RefusedAtColumn(12, "COUNT(a) > -1");
  RefusedAtColumn(15, "RANGE(a, < 1, < 2)");
  RefusedAtColumn(1, "RANGE(a)");
  RefusedAtColumn(5, "a = RANGE");
  RefusedAtColumn(7, "a NOT NULL");
  RefusedAtColumn(6, "a IS TRUE");
  RefusedAtColumn(1, "a[0] = 1");
  RefusedAtColumn(1, "a BETWEEN 1 AND '2024-01-01'");
  RefusedAtColumn(1, "a < 'soon'");
  RefusedAtColumn(9, "a IN (1 2)");
  RefusedAtColumn(1, "GEO_RADIUS(at, 91, 0, 1)");
  RefusedAtColumn(10, "AT LEAST x OF (a = 1)");
  RefusedAtColumn(16, "AT LEAST 1 OF ()");
  RefusedAtColumn(5, "\u00e9 = x");
  Refused("a = '\xFF'");
}

TEST_CASE("hostile depth and size are refused while parsing") {
  const auto limit = [](const std::string& text) {
    return GetErrorReason(Refusal(text)) == ErrorReason::kLimit;
  };
  CHECK(limit(std::string(100'000, '(')));
  CHECK(limit(std::string(100'000, '(') + "a = 1" + std::string(100'000, ')')));
  std::string nots;
  std::string at_least;
  for (int i = 0; i < 50'000; ++i) nots += "NOT ";
  for (int i = 0; i < 10'000; ++i) at_least += "AT LEAST 1 OF (";
  CHECK(limit(nots + "a = 1"));
  CHECK(limit(at_least));
  CHECK(ParseFilterText(std::string(16, '(') + "a = 1" + std::string(16, ')')).ok());
  CHECK(limit(std::string(17, '(') + "a = 1" + std::string(17, ')')));
  std::string wide = "a = 1";
  for (int i = 0; i < 300; ++i) wide += " OR a = 1";
  CHECK(limit(wide));
  std::string list = "a IN (1";
  for (int i = 1; i < 4'096; ++i) list += ",1";
  CHECK(ParseFilterText(list + ")").ok());
  CHECK(limit(list + ",1)"));
  CHECK(limit(std::string(300'000, ' ')));
}

}  // namespace
}  // namespace perigee
