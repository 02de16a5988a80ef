// SPDX-License-Identifier: Apache-2.0
#include "engine/database/manifest_publisher.h"

#include <doctest/doctest.h>

#include "engine/collection/collection_core.h"
#include "storage/manifest/manifest_log.h"
#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {
namespace {

using storage::SimulatedFileSystem;

size_t CountFiles(const SimulatedFileSystem& disk, const std::string& part) {
  size_t count = 0;
  for (const std::string& file : disk.Files()) {
    count += file.find(part) != std::string::npos ? 1 : 0;
  }
  return count;
}

// What the manifest on the disk says now.
storage::ManifestState StateOf(SimulatedFileSystem& disk) {
  const auto directory =
      storage::DataDirectory::Open(disk, std::string(kTestDirectory), {.read_only = true});
  REQUIRE(directory.ok());
  const auto manifest = storage::ManifestLog::Open(**directory, {.read_only = true});
  REQUIRE(manifest.ok());
  return *(*manifest)->state();
}

TEST_CASE("an edit says with the segment what has been applied and what has died") {
  SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  const auto docs = MustCreate(*database, "docs");
  CHECK(StateOf(disk).FindCollection(docs->uuid()) != nullptr);
  REQUIRE(docs->Upsert(PlaneUpsert(1, 5, 1)).ok());
  REQUIRE(docs->Flush().ok());
  REQUIRE(docs->Upsert(PlaneUpsert(2, 2, 2)).ok());
  REQUIRE(docs->Flush().ok());
  const storage::ManifestState state = StateOf(disk);
  const storage::CollectionEntry* entry = state.FindCollection(docs->uuid());
  REQUIRE(entry != nullptr);
  CHECK(entry->name == "docs");
  CHECK(entry->applied_lsn == 3);
  CHECK(state.durable_lsn == 3);
  CHECK(state.epoch == 1);
  REQUIRE(entry->segments.size() == 2);
  size_t dead = 0;
  for (const auto& [uuid, segment] : entry->segments) {
    dead += segment.deletion.has_value() ? segment.deletion->dead_rows : 0;
  }
  CHECK(dead == 2);
}

TEST_CASE("obsolete files go after the edit, and are forgotten in a later one") {
  SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  const auto docs = MustCreate(*database, "docs");
  for (int64_t value = 1; value <= 3; ++value) {
    REQUIRE(docs->Upsert(PlaneUpsert(1, 5, value)).ok());
    REQUIRE(docs->Flush().ok());
  }
  REQUIRE(docs->Optimize().ok());
  CHECK(CountFiles(disk, "/seg/") == 1);
  CHECK(CountFiles(disk, "/del/") == 0);
  CHECK_FALSE(StateOf(disk).obsolete_files.empty());
  REQUIRE(docs->Upsert(PlaneUpsert(1, 1, 9)).ok());
  REQUIRE(docs->Flush().ok());
  CHECK(StateOf(disk).obsolete_files.empty());
  REQUIRE(database->DropCollection("docs").ok());
  CHECK(CountFiles(disk, "/seg/") == 0);
  CHECK(CountFiles(disk, "/del/") == 0);
}

TEST_CASE("files that could not be removed are removed by the next open") {
  SimulatedFileSystem disk;
  {
    const auto database = MustOpen(disk);
    const auto docs = MustCreate(*database, "docs");
    REQUIRE(docs->Upsert(PlaneUpsert(1, 5, 1)).ok());
    REQUIRE(docs->Flush().ok());
    disk.AddErrorPlan({.kind = storage::CallKind::kRemoveFile, .forever = true});
    REQUIRE(database->DropCollection("docs").ok());
    CHECK(CountFiles(disk, "/seg/") == 1);
    disk.ClearErrorPlans();
  }
  const auto database = MustOpen(disk);
  CHECK(CountFiles(disk, "/seg/") == 0);
  CHECK(database->Status()->warnings.empty());
}

TEST_CASE("log files go when every collection has applied them, idle ones included") {
  SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  const auto idle = MustCreate(*database, "idle");
  const auto docs = MustCreate(*database, "docs");
  size_t most = 0;
  for (int64_t value = 1; value <= 30; ++value) {
    REQUIRE(docs->Upsert(PlaneUpsert(1, 300, value)).ok());
    REQUIRE(docs->Flush().ok());
    most = std::max(most, CountFiles(disk, "/wal/"));
  }
  CHECK(most <= 4);
  CHECK(idle->Describe()->applied_seq > 2);
  // A collection with unsealed rows keeps its log.
  REQUIRE(idle->Upsert(PlaneUpsert(1, 1, 1)).ok());
  for (int64_t value = 1; value <= 30; ++value) {
    REQUIRE(docs->Upsert(PlaneUpsert(1, 300, value)).ok());
    REQUIRE(docs->Flush().ok());
  }
  CHECK(CountFiles(disk, "/wal/") > 4);
  const auto crashed = disk.Crash(storage::CrashPolicy::kNothingUnsynced);
  const auto recovered = MustOpen(*crashed);
  CHECK(Content(*MustFind(*recovered, "idle")).size() == 1);
}

TEST_CASE("a deletion file that cannot be written stops the edit and changes nothing") {
  SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  const auto docs = MustCreate(*database, "docs");
  REQUIRE(docs->Upsert(PlaneUpsert(1, 5, 1)).ok());
  REQUIRE(docs->Flush().ok());
  REQUIRE(docs->Delete({.ids = {PointId(uint64_t{1})}}).ok());
  const storage::ManifestState before = StateOf(disk);
  disk.AddErrorPlan({.kind = storage::CallKind::kWrite, .path_contains = "tmp/del"});
  CHECK_FALSE(docs->Flush().ok());
  CHECK(StateOf(disk) == before);
  CHECK(CountFiles(disk, "/del/") == 0);
  CHECK(CountFiles(disk, "/tmp/") == 0);
  CHECK(docs->Flush().ok());
  CHECK(CountFiles(disk, "/del/") == 1);
}

}  // namespace
}  // namespace perigee::engine
