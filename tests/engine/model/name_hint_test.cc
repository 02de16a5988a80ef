// SPDX-License-Identifier: Apache-2.0
#include "engine/model/name_hint.h"

#include <doctest/doctest.h>

#include <array>

namespace perigee {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"value", "any", "except", ""};

TEST_CASE("a slip of the finger finds its name") {
  CHECK(NearestName("valeu", kNames) == "value");
  CHECK(NearestName("VALUE", kNames) == "value");
  CHECK(NearestName("exept", kNames) == "except");
  CHECK(NearestName("anny", kNames) == "any");
}

TEST_CASE("another word finds nothing") {
  CHECK(NearestName("minimum", kNames).empty());
  CHECK(NearestName("", kNames).empty());
  CHECK(NearestName(std::string(1000, 'v'), kNames).empty());
  CHECK(DidYouMean("minimum", kNames).empty());
}

TEST_CASE("hints and lists are spelt for messages") {
  CHECK(DidYouMean("valeu", kNames) == "; did you mean 'value'?");
  CHECK(JoinNames(kNames) == "value, any, except, ''");
}

}  // namespace
}  // namespace perigee
