// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/segment_sealer.h"

#include <doctest/doctest.h>

#include "engine/collection/collection_core.h"
#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {
namespace {

using storage::SimulatedFileSystem;

TEST_CASE("nothing frozen, nothing sealed") {
  SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  const auto docs = MustCreate(*database, "docs");
  CHECK(SealOldestFrozen(docs).ok());
  CHECK(docs->Describe()->segments_sealed == 0);
}

TEST_CASE("deaths before and after the horizon survive sealing and a crash") {
  SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  const auto docs = MustCreate(*database, "docs");
  REQUIRE(docs->Upsert(PlaneUpsert(1, 6, 1)).ok());
  REQUIRE(docs->Delete({.ids = {PointId(uint64_t{1})}}).ok());
  docs->state().Freeze();
  REQUIRE(docs->Delete({.ids = {PointId(uint64_t{2})}}).ok());
  REQUIRE(docs->Upsert(PlaneUpsert(3, 1, 2)).ok());
  REQUIRE(SealOldestFrozen(docs).ok());
  const std::map<uint64_t, int64_t> expected = {{3, 2}, {4, 1}, {5, 1}, {6, 1}};
  CHECK(Content(*docs) == expected);
  CHECK(docs->Describe()->segments_sealed == 1);
  const auto crashed = disk.Crash(storage::CrashPolicy::kNothingUnsynced);
  const auto recovered = MustOpen(*crashed);
  CHECK(Content(*MustFind(*recovered, "docs")) == expected);
}

TEST_CASE("after a failed write nothing is published and the next attempt succeeds") {
  SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  const auto docs = MustCreate(*database, "docs");
  REQUIRE(docs->Upsert(PlaneUpsert(1, 6, 1)).ok());
  docs->state().Freeze();
  for (const storage::CallKind kind :
       {storage::CallKind::kCreate, storage::CallKind::kWrite, storage::CallKind::kSync}) {
    disk.AddErrorPlan({.kind = kind, .path_contains = "tmp/seg"});
    CHECK_FALSE(SealOldestFrozen(docs).ok());
    CHECK(docs->Describe()->segments_sealed == 0);
    CHECK(database->environment().state.storage_error().ok());
  }
  CHECK(disk.planned_failures() == 3);
  CHECK(SealOldestFrozen(docs).ok());
  CHECK(docs->Describe()->segments_sealed == 1);
  CHECK(disk.syncs_after_failed_sync() == 0);
  CHECK(Content(*docs).size() == 6);
}

TEST_CASE("a collection that is dropped while it is sealed leaves no file") {
  SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  const auto docs = MustCreate(*database, "docs");
  REQUIRE(docs->Upsert(PlaneUpsert(1, 6, 1)).ok());
  docs->state().Freeze();
  REQUIRE(database->DropCollection("docs").ok());
  CHECK_FALSE(SealOldestFrozen(docs).ok());
  for (const std::string& file : disk.Files()) {
    CHECK(file.find("/seg") == std::string::npos);
  }
}

}  // namespace
}  // namespace perigee::engine
