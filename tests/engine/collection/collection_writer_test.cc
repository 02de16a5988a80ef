// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/collection_writer.h"

#include <doctest/doctest.h>

#include "engine/collection/wal_operation.h"
#include "perigee/model/limits.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/error_reason.h"
#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {
namespace {

using storage::AsBytes;
using storage::SimulatedFileSystem;

TEST_CASE("a point is encoded with the vectors it has, in the order of the schema") {
  CollectionSchema schema;
  schema.vectors.push_back({.name = "b", .dimension = 1, .metric = DistanceMetric::kL2});
  schema.vectors.push_back({.name = "a",
                            .dimension = 2,
                            .metric = DistanceMetric::kL2,
                            .element = VectorElement::kFloat16});
  schema.vectors.push_back({.name = "c", .dimension = 1, .metric = DistanceMetric::kL2});
  UpsertRequest request;
  request.points.push_back({.id = PointId("x"), .vectors = {{"a", {1.0F, 0.1F}}, {"b", {2.0F}}}});
  const auto bytes = EncodeUpsertRequest(request, storage::Uuid(), schema);
  REQUIRE(bytes.ok());
  const auto record = DecodeUpsert(AsBytes(*bytes));
  REQUIRE(record.ok());
  CHECK(CheckRowsAgainstSchema(*record, schema).ok());
  const RowImage& row = record->rows[0];
  CHECK(row.presence_bits == 3);
  CHECK(storage::AsText(row.vectors[0]) == std::string_view("\x00\x00\x00\x40", 4));
  CHECK(storage::AsText(row.vectors[1]) == std::string_view("\x00\x3c\x66\x2e", 4));
  CHECK(row.payload.empty());
}

TEST_CASE("an invalid or too large batch is refused before it is written") {
  const CollectionSchema schema = PlaneSchema();
  UpsertRequest twice = PlaneUpsert(1, 1, 1);
  twice.points.push_back(twice.points.front());
  CHECK(EncodeUpsertRequest(twice, storage::Uuid(), schema).status().code() ==
        absl::StatusCode::kInvalidArgument);

  CollectionSchema wide;
  wide.vectors.push_back(
      {.name = "", .dimension = limits::kDimensionMax, .metric = DistanceMetric::kL2});
  UpsertRequest large;
  for (uint64_t id = 0; id < 80; ++id) {
    large.points.push_back(
        {.id = PointId(id), .vectors = {{"", std::vector<float>(limits::kDimensionMax, 1.0F)}}});
  }
  CHECK(EncodeUpsertRequest(large, storage::Uuid(), wide).status().code() ==
        absl::StatusCode::kInvalidArgument);
}

TEST_CASE("writers are told to retry when too many segments wait to be sealed") {
  SimulatedFileSystem disk;
  EngineTuning tuning = SmallTuning();
  tuning.growing_bytes_max = 1;
  tuning.frozen_segments_max = 2;
  const auto database = MustOpen(disk, SmallOptions(), tuning);
  const auto docs = MustCreate(*database, "docs");
  for (uint64_t id = 1; id <= 3; ++id) {
    REQUIRE(docs->Upsert(PlaneUpsert(id, 1, 1)).ok());
  }
  const absl::Status refused = docs->Upsert(PlaneUpsert(4, 1, 1)).status();
  CHECK(GetErrorReason(refused) == ErrorReason::kOverloaded);
  CHECK(docs->Delete({.ids = {PointId(uint64_t{1})}}).ok());
  REQUIRE(docs->Flush().ok());
  CHECK(docs->Upsert(PlaneUpsert(4, 1, 1)).ok());
}

TEST_CASE("a nearly full disk refuses upserts and lets deletes pass") {
  SimulatedFileSystem disk;
  OpenOptions options = SmallOptions();
  options.disk_free_bytes_min = 1 << 20;
  const auto database = MustOpen(disk, options);
  const auto docs = MustCreate(*database, "docs");
  REQUIRE(docs->Upsert(PlaneUpsert(1, 2, 1)).ok());
  const storage::SpaceStatus space = disk.Space("/").value();
  disk.SetCapacityBytes(space.total_bytes - space.available_bytes + (1 << 19));
  CHECK(GetErrorReason(docs->Upsert(PlaneUpsert(3, 1, 1)).status()) == ErrorReason::kDiskFull);
  CHECK(docs->Delete({.ids = {PointId(uint64_t{1})}}).ok());
  CHECK(Content(*docs) == std::map<uint64_t, int64_t>{{2, 1}});
  disk.SetCapacityBytes(space.total_bytes);
  CHECK(docs->Upsert(PlaneUpsert(3, 1, 1)).ok());
}

}  // namespace
}  // namespace perigee::engine
