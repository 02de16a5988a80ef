// SPDX-License-Identifier: Apache-2.0
#include "engine/query/filter_binder.h"

#include <doctest/doctest.h>

namespace perigee::engine {
namespace {

CollectionSchema Schema() {
  CollectionSchema schema;
  for (const char* name : {"", "title"}) {
    VectorSchema vector;
    vector.name = name;
    vector.dimension = 2;
    schema.vectors.push_back(vector);
  }
  return schema;
}

absl::StatusOr<BoundFilter> Bound(std::string_view text) {
  const absl::StatusOr<Filter> filter = ParseFilterText(text);
  REQUIRE(filter.ok());
  return BindFilter(*filter, Schema());
}

TEST_CASE("literals are typed sorted and without duplicates") {
  const absl::StatusOr<BoundFilter> bound = Bound("a.b[] IN (3, 'x', 1.0, 1, true, 'a', 'x')");
  REQUIRE(bound.ok());
  const auto& match = std::get<BoundMatch>(bound->root().node);
  CHECK(match.path.steps.size() == 2);
  CHECK(match.values.numbers ==
        std::vector<ExactNumber>{ExactNumber(int64_t{1}), ExactNumber(int64_t{3})});
  CHECK(match.values.strings == std::vector<std::string>{"a", "x"});
  CHECK(match.values.has_true);
  CHECK_FALSE(match.values.has_false);
}

TEST_CASE("strings in a range are moments") {
  const absl::StatusOr<BoundFilter> bound = Bound("a < '1970-01-01T01:00:00+01:00'");
  REQUIRE(bound.ok());
  const auto& range = std::get<BoundRange>(bound->root().node);
  CHECK(std::get<BoundInterval<DateTime>>(range.interval).lt == DateTime{0, 0});
}

TEST_CASE("vector names become bits") {
  const absl::StatusOr<BoundFilter> bound = Bound("HAS_VECTOR('title')");
  REQUIRE(bound.ok());
  CHECK(std::get<BoundHasVector>(bound->root().node).presence_mask == 2);
  CHECK(absl::IsInvalidArgument(Bound("HAS_VECTOR('titel')").status()));
}

TEST_CASE("a bound filter knows whether it scans payloads") {
  CHECK(Bound("TRUE")->matches_everything());
  CHECK(Bound("AT LEAST 0 OF (a = 1)")->matches_everything());
  CHECK_FALSE(Bound("NOT TRUE")->matches_everything());
  CHECK_FALSE(Bound("TRUE OR HAS_ID(1)")->reads_payload());
  CHECK(Bound("HAS_ID(1) AND NOT a IS NULL")->reads_payload());
}

TEST_CASE("text and geo are not implemented yet and say so") {
  for (const std::string_view text :
       {"a MATCH 'x'", "NOT GEO_RADIUS(a, 1, 2, 3)", "TRUE AND GEO_BOX(a, 2, 1, 1, 2)"}) {
    CHECK(absl::IsUnimplemented(Bound(text).status()));
  }
}

TEST_CASE("a filter that is not valid is refused") {
  CHECK(absl::IsInvalidArgument(BindFilter({OrNode{}}, Schema()).status()));
  CHECK(absl::IsInvalidArgument(BindFilter({IsNullCondition{""}}, Schema()).status()));
}

}  // namespace
}  // namespace perigee::engine
