// SPDX-License-Identifier: Apache-2.0
#include "perigee/model/filter.h"

#include <doctest/doctest.h>

#include <limits>

#include "storage/foundation/error_reason.h"

namespace perigee {
namespace {

Filter Equals(std::string path, FilterValue value) {
  return {MatchCondition{std::move(path), MatchCondition::Kind::kValue, {std::move(value)}}};
}

Filter Nested(size_t levels) {
  Filter filter = Equals("a", 1);
  for (size_t i = 1; i < levels; ++i) {
    NotNode node;
    node.children.push_back(std::move(filter));
    filter = {std::move(node)};
  }
  return filter;
}

bool LimitExceeded(const Filter& filter) {
  return GetErrorReason(Validate(filter)) == ErrorReason::kLimit;
}

TEST_CASE("trees compare by value") {
  CHECK(Filter{} == Filter{AndNode{}});
  CHECK(Nested(3) == Nested(3));
  CHECK(Nested(3) != Nested(4));
  CHECK(Filter{OrNode{{Equals("a", 1)}}} != Filter{AndNode{{Equals("a", 1)}}});
  CHECK(Filter{MinShouldNode{1, {Equals("a", 1)}}} != Filter{MinShouldNode{2, {Equals("a", 1)}}});
}

TEST_CASE("depth nodes and bytes are limited") {
  CHECK(Validate(Nested(16)).ok());
  CHECK(LimitExceeded(Nested(17)));
  CHECK(LimitExceeded(Nested(1'000)));
  AndNode wide;
  wide.children.assign(255, Equals("a", 1));
  CHECK(Validate({wide}).ok());
  wide.children.push_back(Equals("a", 1));
  CHECK(LimitExceeded({wide}));
  AndNode long_strings;
  long_strings.children.assign(5, Equals("a", std::string(60'000, 's')));
  CHECK(LimitExceeded({long_strings}));
}

TEST_CASE("nodes have the children they need and errors name the place") {
  CHECK(Validate(Filter{}).ok());
  for (const Filter& bad : {Filter{OrNode{}}, Filter{NotNode{}}, Filter{MinShouldNode{}},
                            Filter{NotNode{{Equals("a", 1), Equals("b", 1)}}}}) {
    CHECK(absl::IsInvalidArgument(Validate(bad)));
  }
  const Filter deep = {AndNode{{Equals("a", 1), {OrNode{{Equals("b", FilterValue())}}}}}};
  CHECK(std::string(Validate(deep).message()).find("filter.must[1].should[0]") == 0);
}

TEST_CASE("a brace begins JSON and anything else is text") {
  CHECK(*ParseFilter(" {\"must\":[{\"key\":\"a\",\"match\":{\"value\":1}}]}") == Equals("a", 1));
  CHECK(*ParseFilter(" a = 1") == Equals("a", 1));
  CHECK(absl::IsInvalidArgument(ParseFilter("").status()));
}

}  // namespace
}  // namespace perigee
