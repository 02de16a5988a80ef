// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/memory_rows.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "engine/collection/deletion_marks.h"
#include "perigee/model/limits.h"
#include "tests/engine/collection/segment_fixture.h"
#include "tests/support/test_seed.h"

namespace perigee::engine {
namespace {

TEST_SUITE("memory_rows") {
  TEST_CASE("rows come back as they were appended, over many chunks") {
    const uint64_t seed = tests::TestSeed(11);
    CAPTURE(seed);
    Random random(seed);
    const auto schema = MixedSchema();
    MemoryRows rows(schema, 5'000);
    std::vector<Point> points;
    for (uint32_t i = 0; i < 3'000; ++i) {
      points.push_back(RandomPoint(random, IdOf(i)));
      CHECK(rows.Append(StoredRow(points.back(), *schema).image(), 10 + i) == i);
    }
    REQUIRE(rows.row_count() == 3'000);
    for (uint32_t row = 0; row < rows.row_count(); ++row) {
      REQUIRE(PointOfRow(rows, row, *schema) == points[row]);
      REQUIRE(rows.Lsn(row) == 10 + row);
      REQUIRE(rows.DeadLsn(row) == kNeverDead);
    }
  }

  TEST_CASE("a row stays where it is while others are appended") {
    const auto schema = MixedSchema();
    MemoryRows rows(schema, 2'000);
    const Point point{
        .id = "a", .vectors = {{"image", std::vector<float>(70, 0.5F)}}, .payload = {{"k", "v"}}};
    rows.Append(StoredRow(point, *schema).image(), 1);
    const auto* id = rows.EncodedId(0).data();
    const auto* payload = rows.EncodedPayload(0).data();
    const auto* vector = rows.VectorBytes(0, 2).data();
    const VectorColumn column = rows.Vectors(2, 1);
    for (int i = 1; i < 2'000; ++i) {
      rows.Append(StoredRow(point, *schema).image(), 1);
    }
    CHECK(rows.EncodedId(0).data() == id);
    CHECK(rows.EncodedPayload(0).data() == payload);
    CHECK(rows.VectorBytes(0, 2).data() == vector);
    CHECK(column.RowBytes(0) == vector);
    CHECK(PointOfRow(rows, 0, *schema) == point);
  }

  TEST_CASE("an absent vector is zeros, norm 0 and not present") {
    const auto schema = MixedSchema();
    MemoryRows rows(schema, 2);
    rows.Append(
        StoredRow({.id = uint64_t{1}, .vectors = {{"title", {3, 4, 0, 0, 0}}}}, *schema).image(),
        1);
    CHECK(rows.PresenceBits(0) == 0b010);
    CHECK(rows.Norm(0, 0) == 0);
    CHECK(rows.Norm(0, 1) == 5.0);
    CHECK_FALSE(rows.Vectors(0, 1).Present(0));
    CHECK(rows.Vectors(1, 1).Present(0));
    std::vector<float> values(8, 1.0F);
    rows.Vectors(0, 1).CopyRow(0, values);
    CHECK(values == std::vector<float>(8, 0.0F));
  }

  TEST_CASE("the norm of an f16 vector is that of the stored values") {
    const auto schema = MixedSchema();
    MemoryRows rows(schema, 1);
    // 0.1 is not a half; the stored value is 0.0999755859375.
    rows.Append(
        StoredRow({.id = uint64_t{1}, .vectors = {{"title", {0.1F, 0, 0, 0, 0}}}}, *schema).image(),
        1);
    CHECK(rows.Norm(0, 1) == 0.0999755859375);
  }

  TEST_CASE("payloads from none to the largest") {
    const auto schema = MixedSchema();
    MemoryRows rows(schema, 3);
    const Point none{.id = "none", .vectors = {{"", std::vector<float>(8, 1.0F)}}};
    Point large = none;
    large.id = "large";
    for (int i = 0; i < 4; ++i) {
      large.payload.emplace_back("text" + std::to_string(i),
                                 std::string(limits::kPayloadStringBytesMax - 64, 'x'));
    }
    for (const Point& point : {none, large, none}) {
      rows.Append(StoredRow(point, *schema).image(), 1);
    }
    CHECK(PointOfRow(rows, 0, *schema) == none);
    CHECK(PointOfRow(rows, 1, *schema) == large);
    CHECK(PointOfRow(rows, 2, *schema) == none);
    CHECK(rows.memory_bytes() > 4 * (limits::kPayloadStringBytesMax - 64));
  }
}

}  // namespace
}  // namespace perigee::engine
