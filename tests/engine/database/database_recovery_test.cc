// SPDX-License-Identifier: Apache-2.0
#include "engine/database/database_recovery.h"

#include <doctest/doctest.h>

#include <array>

#include "engine/database/bulk_load.h"
#include "storage/foundation/error_reason.h"
#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {
namespace {

using storage::SimulatedFileSystem;

std::string FileIn(const SimulatedFileSystem& disk, const std::string& part) {
  for (const std::string& file : disk.Files()) {
    if (file.find(part) != std::string::npos) {
      return "/" + file;
    }
  }
  FAIL("there is no file with ", part);
  return {};
}

// Three acknowledged writes in the log, closed cleanly.
void WriteThree(SimulatedFileSystem& disk) {
  const auto database = MustOpen(disk);
  const auto docs = MustCreate(*database, "docs");
  for (uint64_t id = 1; id <= 3; ++id) {
    REQUIRE(docs->Upsert(PlaneUpsert(id, 1, 1)).ok());
  }
}

TEST_CASE("damage to any acknowledged record refuses to open and names the file") {
  SimulatedFileSystem pristine;
  WriteThree(pristine);
  const std::string log = FileIn(pristine, "wal/");
  const std::string bytes = pristine.Contents(log).value();
  size_t damaged = 0;
  // One bit in each of the first five blocks: header, create, three upserts.
  for (size_t block = 0; block < 5; ++block) {
    CAPTURE(block);
    const auto disk = pristine.KillProcess();
    disk->Corrupt(log, block * 4096 + 40, 1);
    const auto database = OpenOn(*disk);
    REQUIRE_FALSE(database.ok());
    CHECK(database.status().code() == absl::StatusCode::kDataLoss);
    CHECK(std::string(database.status().message()).find(log.substr(4)) != std::string::npos);
    ++damaged;
    // Refusing changed nothing: with the bit back, it opens.
    disk->Corrupt(log, block * 4096 + 40, 1);
    CHECK(Content(*MustFind(*MustOpen(*disk), "docs")).size() == 3);
  }
  CHECK(damaged == 5);
}

TEST_CASE("a damaged segment fails its collection's reads and writes, and nothing else") {
  SimulatedFileSystem disk;
  {
    const auto database = MustOpen(disk);
    const auto docs = MustCreate(*database, "docs");
    REQUIRE(docs->Upsert(PlaneUpsert(1, 5, 1)).ok());
    REQUIRE(docs->Flush().ok());
    REQUIRE(docs->Upsert(PlaneUpsert(6, 2, 1)).ok());
    REQUIRE(MustCreate(*database, "other")->Upsert(PlaneUpsert(1, 2, 1)).ok());
  }
  const std::string segment = FileIn(disk, "seg/");
  disk.Corrupt(segment, 4096 + 8, 1);
  {
    const auto database = MustOpen(disk);
    const auto docs = MustFind(*database, "docs");
    constexpr auto kDataLoss = absl::StatusCode::kDataLoss;
    CHECK(docs->Query({.target = std::vector<float>{0, 0}}).status().code() == kDataLoss);
    CHECK(docs->Count({}).status().code() == kDataLoss);
    CHECK(docs->Upsert(PlaneUpsert(1, 1, 2)).status().code() == kDataLoss);
    CHECK(docs->Delete({.ids = {PointId(uint64_t{1})}}).status().code() == kDataLoss);
    CHECK(docs->Flush().code() == kDataLoss);
    const auto partial = docs->Query({.target = std::vector<float>{0, 0}, .allow_partial = true});
    REQUIRE(partial.ok());
    CHECK(partial->hits.size() == 2);
    CHECK(partial->coverage.rows_done < partial->coverage.rows_total);
    CHECK(docs->Describe()->state.starts_with("damaged"));
    CHECK_FALSE(database->Status()->warnings.empty());
    const auto other = MustFind(*database, "other");
    CHECK(other->Upsert(PlaneUpsert(3, 1, 1)).ok());
    CHECK(Content(*other).size() == 3);
    REQUIRE(other->Flush().ok());
  }
  // Put right, it has everything again.
  disk.Corrupt(segment, 4096 + 8, 1);
  const auto database = MustOpen(disk);
  CHECK(Content(*MustFind(*database, "docs")).size() == 7);
}

TEST_CASE("a damaged or missing deletion file never brings a point back") {
  SimulatedFileSystem disk;
  {
    const auto database = MustOpen(disk);
    const auto docs = MustCreate(*database, "docs");
    REQUIRE(docs->Upsert(PlaneUpsert(1, 5, 1)).ok());
    REQUIRE(docs->Flush().ok());
    REQUIRE(docs->Delete({.ids = {PointId(uint64_t{2})}}).ok());
    REQUIRE(docs->Flush().ok());
  }
  disk.Corrupt(FileIn(disk, "del/"), 200, 1);
  const auto database = MustOpen(disk);
  CHECK(MustFind(*database, "docs")->Count({}).status().code() == absl::StatusCode::kDataLoss);
}

TEST_CASE("replay of more rows than memory may hold seals on the way") {
  SimulatedFileSystem disk;
  {
    EngineTuning large = SmallTuning();
    large.growing_bytes_max = 1 << 30;
    const auto database = MustOpen(disk, SmallOptions(), large);
    const auto docs = MustCreate(*database, "docs");
    for (int64_t value = 1; value <= 20; ++value) {
      REQUIRE(docs->Upsert(PlaneUpsert(static_cast<uint64_t>(value) * 50, 100, value)).ok());
    }
  }
  const auto database = MustOpen(disk);
  const auto docs = MustFind(*database, "docs");
  CHECK(docs->Describe()->segments_sealed > 5);
  CHECK(docs->state().frozen_count() == 0);
  const auto content = Content(*docs);
  CHECK(content.size() == 20 * 50 + 50);
  CHECK(content.at(100) == 2);
  CHECK(content.at(1'099) == 20);
}

TEST_CASE("a full disk does not keep the database shut") {
  SimulatedFileSystem disk;
  {
    EngineTuning large = SmallTuning();
    large.growing_bytes_max = 1 << 30;
    const auto database = MustOpen(disk, SmallOptions(), large);
    const auto docs = MustCreate(*database, "docs");
    for (int64_t value = 1; value <= 5; ++value) {
      REQUIRE(docs->Upsert(PlaneUpsert(static_cast<uint64_t>(value) * 50, 100, value)).ok());
    }
  }
  disk.AddErrorPlan({.path_contains = "tmp/seg", .error_number = ENOSPC, .forever = true});
  const auto database = MustOpen(disk);
  const auto docs = MustFind(*database, "docs");
  CHECK_FALSE(database->Status()->warnings.empty());
  CHECK(docs->state().frozen_count() > 0);
  CHECK(Content(*docs).size() == 300);
  disk.ClearErrorPlans();
  REQUIRE(docs->Flush().ok());
  CHECK(docs->state().frozen_count() == 0);
  CHECK(Content(*docs).size() == 300);
}

TEST_CASE("an id that is alive in two segments stops the open") {
  SimulatedFileSystem disk;
  NamedSegment twin;
  storage::Uuid collection;
  {
    const auto database = MustOpen(disk);
    const auto docs = MustCreate(*database, "docs");
    collection = docs->uuid();
    REQUIRE(docs->Upsert(PlaneUpsert(1, 3, 1)).ok());
    docs->state().Freeze();
    const std::shared_ptr<GrowingSegment> rows = docs->state().OldestFrozen()->segment;
    const std::array<const RowSource*, 1> sources = {rows.get()};
    twin = BuildNamedSegment(docs->environment(), docs->identity(), sources, {.horizon_lsn = 2})
               .value();
    REQUIRE(docs->Flush().ok());
  }
  {
    const auto directory = storage::DataDirectory::Open(disk, std::string(kTestDirectory), {});
    REQUIRE(directory.ok());
    const auto manifest = storage::ManifestLog::Open(**directory, {});
    REQUIRE(manifest.ok());
    storage::ManifestEdit edit;
    edit.segments_added.push_back({collection, twin.entry});
    REQUIRE((*manifest)->TryCommit((*manifest)->state()->version, edit).ok());
  }
  CHECK(OpenOn(disk).status().code() == absl::StatusCode::kDataLoss);
}

TEST_CASE("a bulk load into a collection that was dropped later is not missed") {
  SimulatedFileSystem disk;
  {
    const auto database = MustOpen(disk);
    const auto docs = MustCreate(*database, "docs");
    REQUIRE(docs->Upsert(PlaneUpsert(1, 3, 1)).ok());  // in the log only, which must stay
    const auto other = MustCreate(*database, "other");
    BulkLoad load(other, {.build_threads = 1});
    REQUIRE(load.Add(PlanePoint(1, 1)).ok());
    REQUIRE(load.Publish().ok());
    REQUIRE(database->DropCollection("other").ok());
  }
  REQUIRE(disk.List(std::string(kTestDirectory) + "/seg")->empty());
  const auto database = MustOpen(disk);
  CHECK(Content(*MustFind(*database, "docs")).size() == 3);
  CHECK(database->FindCollection("other").status().code() == absl::StatusCode::kNotFound);
}

TEST_CASE("a bulk load whose file is gone stops the open while its collection is there") {
  SimulatedFileSystem disk;
  {
    const auto database = MustOpen(disk);
    const auto docs = MustCreate(*database, "docs");
    BulkLoad load(docs, {.build_threads = 1});
    REQUIRE(load.Add(PlanePoint(1, 1)).ok());
    REQUIRE(load.Publish().ok());
  }
  const std::string folder = std::string(kTestDirectory) + "/seg";
  const auto names = disk.List(folder);
  REQUIRE(names->size() == 1);
  REQUIRE(disk.RemoveFile(folder + "/" + names->at(0)).ok());
  const auto opened = OpenOn(disk);
  CHECK((!opened.ok() || !(*opened)->Status()->warnings.empty()));
}

TEST_CASE("files that no edit names are told and left alone") {
  SimulatedFileSystem disk;
  { const auto database = MustOpen(disk); }
  const std::string stray = "/db/seg/" + storage::Uuid::Random().ToString();
  disk.SetContents(stray, "a segment that was named when the power went");
  disk.SetContents("/db/notes.txt", "mine");
  const auto database = MustOpen(disk);
  CHECK(database->Status()->warnings.size() == 2);
  CHECK(disk.Contents(stray).ok());
  CHECK(disk.Contents("/db/notes.txt").ok());
}

// A collection with a bulk load that was attached while older rows were not sealed yet.
void LoadOverUnsealed(SimulatedFileSystem& disk) {
  const auto database = MustOpen(disk);
  const auto docs = MustCreate(*database, "docs");
  REQUIRE(docs->Upsert(PlaneUpsert(1, 4, 1)).ok());
  BulkLoad load(docs, {.build_threads = 1});
  for (uint64_t id = 3; id <= 6; ++id) {
    REQUIRE(load.Add(PlanePoint(id, 2)).ok());
  }
  REQUIRE(load.Publish().ok());
  REQUIRE(docs->Upsert(PlaneUpsert(6, 2, 3)).ok());
}

const std::map<uint64_t, int64_t> kLoaded = {{1, 1}, {2, 1}, {3, 2}, {4, 2},
                                             {5, 2}, {6, 3}, {7, 3}};

TEST_CASE("rows written before a bulk load do not replace its rows when they are replayed") {
  SimulatedFileSystem disk;
  LoadOverUnsealed(disk);
  const auto database = MustOpen(disk);
  CHECK(Content(*MustFind(*database, "docs")) == kLoaded);
}

TEST_CASE("a read-only open leaves out a bulk load that it could not order") {
  SimulatedFileSystem disk;
  LoadOverUnsealed(disk);
  OpenOptions options = SmallOptions();
  options.read_only = true;
  const auto reader = MustOpen(disk, options);
  CHECK(Content(*MustFind(*reader, "docs")).empty());
  {
    const auto writer = MustOpen(disk);
    REQUIRE(MustFind(*writer, "docs")->Flush().ok());
  }
  CHECK(Content(*MustFind(*MustOpen(disk, options), "docs")) == kLoaded);
}

TEST_CASE("a record that does not belong to any collection stops the open") {
  SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  CollectionCatalog catalog;
  auto environment = std::make_shared<CollectionEnvironment>(EngineState::Options{});
  DatabaseRecovery recovery(environment, catalog);
  const std::string encoded_id = PointId(uint64_t{1}).Encode();
  const std::string bytes = EncodeRecord(DeleteRecord{storage::Uuid::Random(), {encoded_id}});
  CHECK(recovery.Replay({.lsn = 1, .type = 4, .payload = std::as_bytes(std::span(bytes))}).ok());
  CHECK(recovery.Finish(1).code() == absl::StatusCode::kDataLoss);
  CHECK(recovery.Replay({.lsn = 2, .type = 99, .payload = {}}).code() ==
        absl::StatusCode::kUnimplemented);
  CHECK(recovery.Replay({.lsn = 2, .type = 0x8000 | 99, .payload = {}}).ok());
  CHECK(recovery.Replay({.lsn = 2, .type = 3, .payload = {}}).code() ==
        absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace perigee::engine
