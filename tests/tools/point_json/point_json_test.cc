// SPDX-License-Identifier: Apache-2.0
#include "tools/point_json/point_json.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <random>

namespace perigee::tools {
namespace {

TEST_CASE("a point line reads back bit for bit") {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    Point point;
    point.id = round % 2 == 0 ? PointId(std::to_string(round)) : PointId(uint64_t{random()} << 31U);
    std::vector<float> values(5);
    for (float& value : values) {
      do {
        value = std::bit_cast<float>(static_cast<uint32_t>(random()));
      } while (!std::isfinite(value));
    }
    point.vectors[round % 3 == 0 ? "title" : ""] = values;
    if (round % 3 == 0) {
      point.vectors["body"] = {1, 2};
    }
    point.payload = {{"a", "line\nbreak"}, {"n", uint64_t{18446744073709551615U}}, {"x", 0.1}};
    const auto parsed = ParsePointLine(PointLine(point));
    REQUIRE(parsed.ok());
    CHECK(*parsed == point);
  }
}

TEST_CASE("broken point lines name their fault") {
  for (const char* line :
       {"", "[]", "{\"id\":1", "{\"id\":-1}", "{\"id\":1.5}", "{\"id\":null}", "{\"payload\":{}}",
        "{\"id\":1,\"payload\":3}", "{\"id\":1,\"vector\":[\"a\"]}", "{\"id\":1,\"vector\":3}",
        "{\"id\":1,\"colour\":2}", "{\"id\":1,\"vector\":[1e39]}", "{\"id\":\"\"}",
        "{\"id\":1,\"id\":2}"}) {
    CHECK_MESSAGE(ParsePointLine(line).status().code() == absl::StatusCode::kInvalidArgument, line);
  }
  const auto fields = ParsePointLineFields("{\"payload\":{\"a\":1}}");
  REQUIRE(fields.ok());
  CHECK_FALSE(fields->has_id);
  CHECK_FALSE(fields->has_vector);
}

TEST_CASE("a negative zero keeps its sign") {
  CHECK(FloatJson(-0.0F) == "-0.0");
  const auto value = ParsePayloadValueJson(VectorJson({-0.0F, 0.0F}));
  REQUIRE(value.ok());
  const auto values = VectorOfJson(*value);
  REQUIRE(values.ok());
  CHECK(std::signbit(values->at(0)));
  CHECK_FALSE(std::signbit(values->at(1)));
}

TEST_CASE("ids and floats as JSON") {
  CHECK(IdJson(PointId(7)) == "7");
  CHECK(IdJson(PointId("7")) == "\"7\"");
  CHECK(FloatJson(0.1F) == "0.1");
  CHECK(FloatJson(0.0F) == "0");
  CHECK(VectorJson({1, 0.5F}) == "[1,0.5]");
}

}  // namespace
}  // namespace perigee::tools
