// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/scroll_cursor.h"

#include <doctest/doctest.h>

#include <string>

#include "perigee/model/limits.h"
#include "perigee/model/point_id.h"

namespace perigee::engine {
namespace {

Filter LangIs(const char* value) {
  return {MatchCondition{.path = "lang", .values = {PayloadValue(value)}}};
}

TEST_SUITE("scroll_cursor") {
  TEST_CASE("ids of every shape come back") {
    const ScrollScope scope = MakeScrollScope(storage::Uuid::Random(), std::nullopt);
    for (const PointId& id :
         {PointId(uint64_t{0}), PointId(uint64_t{0xFFFF'FFFF'FFFF'FFFF}), PointId("a"),
          PointId(std::string(limits::kPointIdBytesMax, 'x')), PointId("\xC3\xA9\xE2\x82\xAC")}) {
      const auto last = DecodeScrollCursor(EncodeScrollCursor(scope, id.Encode()), scope);
      REQUIRE(last.ok());
      CHECK(*last == id.Encode());
    }
  }

  TEST_CASE("a cursor belongs to one collection and one filter") {
    const storage::Uuid collection = storage::Uuid::Random();
    const ScrollScope scope = MakeScrollScope(collection, LangIs("en"));
    const std::string cursor = EncodeScrollCursor(scope, PointId("a").Encode());
    CHECK(DecodeScrollCursor(cursor, MakeScrollScope(collection, LangIs("en"))).ok());
    CHECK(DecodeScrollCursor(cursor, MakeScrollScope(collection, LangIs("de"))).status().code() ==
          absl::StatusCode::kInvalidArgument);
    CHECK(DecodeScrollCursor(cursor, MakeScrollScope(collection, std::nullopt)).status().code() ==
          absl::StatusCode::kInvalidArgument);
    CHECK(DecodeScrollCursor(cursor, MakeScrollScope(storage::Uuid::Random(), LangIs("en")))
              .status()
              .code() == absl::StatusCode::kInvalidArgument);
  }

  TEST_CASE("every truncation and every changed character is refused") {
    const ScrollScope scope = MakeScrollScope(storage::Uuid::Random(), std::nullopt);
    const std::string cursor = EncodeScrollCursor(scope, PointId("chunk-17").Encode());
    for (size_t i = 0; i < cursor.size(); ++i) {
      CHECK(DecodeScrollCursor(cursor.substr(0, i), scope).status().code() ==
            absl::StatusCode::kInvalidArgument);
      for (const char c : {'A', '_', ' ', '=', '\0'}) {
        std::string changed = cursor;
        if (changed[i] == c) {
          continue;
        }
        changed[i] = c;
        CHECK_FALSE(DecodeScrollCursor(changed, scope).ok());
      }
    }
    CHECK_FALSE(DecodeScrollCursor(cursor + "A", scope).ok());
    CHECK_FALSE(DecodeScrollCursor(" " + cursor, scope).ok());
    CHECK_FALSE(DecodeScrollCursor(std::string(1'000'000, 'A'), scope).ok());
  }
}

}  // namespace
}  // namespace perigee::engine
