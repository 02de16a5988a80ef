// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/collection_description.h"

#include <doctest/doctest.h>

#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {
namespace {

TEST_CASE("a description counts live points and vectors by segment kind") {
  storage::SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  CollectionSchema schema = PlaneSchema();
  schema.vectors.push_back({.name = "title", .dimension = 1, .metric = DistanceMetric::kL2});
  const auto docs = database->CreateCollection("docs", schema).value();
  UpsertRequest request;
  for (uint64_t id = 0; id < 100; ++id) {
    Point point{.id = PointId(id), .vectors = {{"", {1.0F, 2.0F}}}};
    if (id % 2 == 0) {
      point.vectors["title"] = {3.0F};
    }
    request.points.push_back(point);
  }
  REQUIRE(docs->Upsert(request).ok());
  REQUIRE(docs->Flush().ok());
  REQUIRE(docs->Delete({.ids = {PointId(uint64_t{0}), PointId(uint64_t{1})}}).ok());
  REQUIRE(docs->Upsert({.points = {{.id = PointId("new"), .vectors = {{"title", {1.0F}}}}}}).ok());

  const auto description = docs->Describe();
  REQUIRE(description.ok());
  CHECK(description->name == "docs");
  CHECK(description->schema == schema);
  CHECK(description->points == 99);
  CHECK(description->rows_deleted == 2);
  CHECK(description->segments_sealed == 1);
  CHECK(description->segments_growing == 1);
  CHECK(description->disk_bytes > 0);
  CHECK(description->memory_bytes > 0);
  CHECK(description->state == "ready");
  REQUIRE(description->vectors.size() == 2);
  CHECK(description->vectors[0].vectors == 98);
  CHECK(description->vectors[0].vectors_unindexed == 0);
  CHECK(description->vectors[1].name == "title");
  CHECK(description->vectors[1].vectors == 50);
  CHECK(description->vectors[1].vectors_unindexed == 50);  // 50 are too few for a graph
}

}  // namespace
}  // namespace perigee::engine
