// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "perigee/model/query.h"

namespace perigee {
namespace {

std::string Selected(const std::string& json, std::vector<std::string> paths) {
  const absl::StatusOr<Payload> payload = ParsePayloadJson(json);
  REQUIRE(payload.ok());
  const std::optional<Payload> part =
      SelectPayload(*payload, {.kind = PayloadSelector::Kind::kPaths, .paths = std::move(paths)});
  REQUIRE(part.has_value());
  return ToJson(*part);
}

TEST_CASE("all and none") {
  const Payload payload = {{"a", 1}};
  CHECK(SelectPayload(payload, {}) == payload);
  CHECK(SelectPayload(payload, {.kind = PayloadSelector::Kind::kNone, .paths = {}}) ==
        std::nullopt);
}

TEST_CASE("paths keep nesting and stored order") {
  const std::string json =
      "{\"lang\":\"en\",\"meta\":{\"year\":2020,\"x\":1},\"a.b\":1,\"tags\":[\"p\",\"q\"]}";
  CHECK(Selected(json, {"lang"}) == "{\"lang\":\"en\"}");
  CHECK(Selected(json, {"tags", "meta.year"}) ==
        "{\"meta\":{\"year\":2020},\"tags\":[\"p\",\"q\"]}");
  CHECK(Selected(json, {"tags[]"}) == "{\"tags\":[\"p\",\"q\"]}");
  CHECK(Selected(json, {"meta"}) == "{\"meta\":{\"year\":2020,\"x\":1}}");
  CHECK(Selected(json, {"meta.year", "meta.x"}) == "{\"meta\":{\"year\":2020,\"x\":1}}");
  CHECK(Selected(json, {"\"a.b\""}) == "{\"a.b\":1}");
  CHECK(Selected(json, {"a.b", "lang.x", "none", "meta.none"}) == "{}");
  CHECK(Selected(json, {}) == "{}");
}

TEST_CASE("paths go through arrays") {
  const std::string json =
      "{\"items\":[{\"p\":1,\"q\":2},{\"q\":3},{\"p\":4},5],\"grid\":[[{\"p\":1}]]}";
  for (const char* path : {"items.p", "items[].p"}) {
    CHECK(Selected(json, {path}) == "{\"items\":[{\"p\":1},{\"p\":4}]}");
  }
  CHECK(Selected(json, {"items.p", "items.q"}) ==
        "{\"items\":[{\"p\":1,\"q\":2},{\"q\":3},{\"p\":4}]}");
  CHECK(Selected(json, {"grid.p"}) == "{}");
  CHECK(Selected(json, {"grid[][].p"}) == "{\"grid\":[[{\"p\":1}]]}");
}

}  // namespace
}  // namespace perigee
