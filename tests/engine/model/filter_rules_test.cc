// SPDX-License-Identifier: Apache-2.0
#include "engine/model/filter_rules.h"

#include <doctest/doctest.h>

#include <limits>

#include "perigee/model/limits.h"

namespace perigee {
namespace {

using Match = MatchCondition;
const FilterValue kNaN = std::numeric_limits<double>::quiet_NaN();

void Accepted(const Filter::Node& node) {
  const absl::Status status = ValidateCondition(node, "here");
  CHECK_MESSAGE(status.ok(), status.ToString());
}

void Refused(const Filter::Node& node) {
  const absl::Status status = ValidateCondition(node, "here");
  CHECK(absl::IsInvalidArgument(status));
  CHECK(std::string(status.message()).find("here") == 0);
}

TEST_CASE("matches compare with scalars") {
  Accepted(Match{"a", Match::Kind::kValue, {1.5}});
  Accepted(Match{"a.b[]", Match::Kind::kAny, {}});
  Accepted(Match{"a", Match::Kind::kExcept, {true, "x", 1}});
  Accepted(Match{"a", Match::Kind::kAny, std::vector<FilterValue>(4'096, 1)});
  Refused(Match{"a", Match::Kind::kAny, std::vector<FilterValue>(4'097, 1)});
  Refused(Match{"a", Match::Kind::kValue, {}});
  Refused(Match{"a", Match::Kind::kValue, {1, 2}});
  Refused(Match{"a", static_cast<Match::Kind>(7), {1}});
  Refused(Match{"a[", Match::Kind::kValue, {1}});
  for (const FilterValue& bad : {FilterValue(), FilterValue(PayloadArray{1}),
                                 FilterValue(PayloadObject{}), kNaN, FilterValue("\xFF")}) {
    Refused(Match{"a", Match::Kind::kAny, {1, bad}});
  }
}

TEST_CASE("ranges have bounds of one type") {
  Accepted(RangeCondition{"a", 1, {}, {}, 0.5});
  Accepted(RangeCondition{"a", "2024-01-01", {}, "2023-01-01T00:00:00Z", {}});
  Refused(RangeCondition{"a", {}, {}, {}, {}});
  Refused(RangeCondition{"a", 1, {}, "2023-01-01", {}});
  Refused(RangeCondition{"a", "yesterday", {}, {}, {}});
  Refused(RangeCondition{"a", true, {}, {}, {}});
  Refused(RangeCondition{"a", kNaN, {}, {}, {}});
  Refused(RangeCondition{"", 1, {}, {}, {}});
}

TEST_CASE("places on earth have coordinates") {
  Accepted(GeoRadiusCondition{"a", {90, -180}, 0});
  Refused(GeoRadiusCondition{"a", {90.1, 0}, 1});
  Refused(GeoRadiusCondition{"a", {0, 181}, 1});
  Refused(GeoRadiusCondition{"a", {0, 0}, -1});
  Refused(GeoRadiusCondition{"a", {0, std::numeric_limits<double>::quiet_NaN()}, 1});
  Accepted(GeoBoxCondition{"a", {1, 170}, {-1, -170}});
  Refused(GeoBoxCondition{"a", {-1, 0}, {1, 1}});
}

TEST_CASE("the other conditions") {
  Accepted(HasIdCondition{});
  Accepted(HasIdCondition{{1, "a"}});
  Refused(HasIdCondition{{1, ""}});
  Refused(HasIdCondition{std::vector<PointId>(limits::kFilterValuesMax + 1)});
  Accepted(IsEmptyCondition{"a"});
  Refused(IsEmptyCondition{"a."});
  Refused(IsNullCondition{""});
  Accepted(ValuesCountCondition{"a", {}, {}, {}, 0});
  Refused(ValuesCountCondition{"a", {}, {}, {}, {}});
  Accepted(HasVectorCondition{""});
  Refused(HasVectorCondition{std::string(129, 'x')});
  Refused(HasVectorCondition{"\xFF"});
  Accepted(TextCondition{"a", "words"});
  Refused(TextCondition{"a", ""});
}

TEST_CASE("bytes count paths and literals") {
  CHECK(ConditionBytes(Match{"ab", Match::Kind::kAny, {"xyz", 1}}) == 8 + 2 + (8 + 3) + 8);
  CHECK(ConditionBytes(HasIdCondition{{1, "abc"}}) == 8 + 8 + (8 + 3));
}

}  // namespace
}  // namespace perigee
