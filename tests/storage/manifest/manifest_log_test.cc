// SPDX-License-Identifier: Apache-2.0
//
// Goal: commits are there after a reopen, refusals write nothing, failures poison, files roll over,
// a reader changes nothing, damage is named. Method: a simulated disk whose calls are traced and
// made to fail one by one.
#include "storage/manifest/manifest_log.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <map>
#include <string>
#include <vector>

#include "storage/foundation/error_reason.h"
#include "storage/io/posix_file_system.h"
#include "storage/layout/file_names.h"
#include "storage/manifest/current_file.h"
#include "tests/storage/manifest/manifest_disk.h"
#include "tests/storage/manifest/random_edits.h"
#include "tests/storage/segment/sample_segment.h"
#include "tests/support/simulated_file_system.h"
#include "tests/support/temporary_directory.h"

namespace perigee::storage {
namespace {

ManifestEdit AddCollection(uint8_t byte) {
  ManifestEdit edit;
  edit.collections_added.push_back(
      {.uuid = UuidOf(byte), .name = "collection-" + std::to_string(byte)});
  return edit;
}

// Commits on the head; requires success.
CommitOutcome Commit(ManifestLog& log, const ManifestEdit& edit) {
  const auto outcome = log.TryCommit(log.state()->version, edit);
  REQUIRE(outcome.ok());
  REQUIRE(outcome->result == CommitResult::kCommitted);
  return *outcome;
}

std::vector<std::string> Manifests(const SimulatedFileSystem& disk) {
  std::vector<std::string> names;
  for (const std::string& path : disk.Files()) {
    if (path.find("db/MANIFEST-") == 0) {
      names.push_back(path.substr(3));
    }
  }
  return names;
}

// All files but LOCK, whose text means nothing.
std::map<std::string, std::string> Everything(const SimulatedFileSystem& disk) {
  std::map<std::string, std::string> files;
  for (const std::string& path : disk.Files()) {
    if (path != "db/LOCK") {
      files[path] = disk.Contents(path).value();
    }
  }
  return files;
}

TEST_CASE("a new database has an empty state of version 1") {
  SimulatedFileSystem disk;
  const auto database = OpenDatabase(disk).value();
  const auto state = database.log->state();
  CHECK(state->version == 1);
  CHECK(state->database_uuid == database.directory->database_uuid());
  CHECK(state->collections.empty());
  CHECK(database.log->file_number() == 1);
  CHECK(Manifests(disk) == std::vector<std::string>{"MANIFEST-000001"});
  CHECK(absl::IsAlreadyExists(ManifestLog::Create(*database.directory, {}).status()));
}

TEST_CASE("commits are there after a reopen, in the same file") {
  SimulatedFileSystem disk;
  ManifestState expected;
  {
    auto database = OpenDatabase(disk).value();
    const CommitOutcome outcome = Commit(*database.log, AddCollection(1));
    CHECK(outcome.version == 2);
    CHECK(outcome.head_version == 2);
    ManifestEdit edit = AddCollection(2);
    edit.epoch = 5;
    edit.durable_lsn = 9;
    Commit(*database.log, edit);
    expected = *database.log->state();
    CHECK(expected.epoch == 5);
  }
  auto database = OpenDatabase(disk).value();
  CHECK(*database.log->state() == expected);
  CHECK(database.log->file_number() == 1);
  // An edit without an epoch is of the current one.
  Commit(*database.log, AddCollection(3));
  CHECK(database.log->state()->epoch == 5);
}

TEST_CASE("a snapshot of the state does not change with later commits") {
  SimulatedFileSystem disk;
  auto database = OpenDatabase(disk).value();
  const auto before = database.log->state();
  Commit(*database.log, AddCollection(1));
  CHECK(before->collections.empty());
  CHECK(database.log->state()->collections.size() == 1);
}

TEST_CASE("a wrong base is a conflict, a bad edit an error, and neither writes") {
  SimulatedFileSystem disk;
  auto database = OpenDatabase(disk).value();
  Commit(*database.log, AddCollection(1));
  const uint64_t changes = disk.changes();
  const ManifestState before = *database.log->state();
  for (const uint64_t base : {uint64_t{0}, uint64_t{1}, uint64_t{3}}) {
    const auto outcome = database.log->TryCommit(base, AddCollection(2));
    REQUIRE(outcome.ok());
    CHECK(outcome->result == CommitResult::kConflict);
    CHECK(outcome->head_version == 2);
  }
  CHECK(absl::IsAlreadyExists(database.log->TryCommit(2, AddCollection(1)).status()));
  ManifestEdit checkpoint;
  checkpoint.checkpoint_obsolete_files.emplace();
  CHECK(absl::IsInvalidArgument(database.log->TryCommit(2, checkpoint).status()));
  ManifestEdit late;
  late.epoch = 7;
  Commit(*database.log, late);
  const uint64_t after_epoch = disk.changes();
  late.epoch = 6;
  CHECK(GetErrorReason(database.log->TryCommit(3, late).status()) == ErrorReason::kFenced);
  CHECK(disk.changes() == after_epoch);
  CHECK(after_epoch == changes + 4);  // write, sync, mark, sync
  CHECK(database.log->state()->collections == before.collections);
  CHECK(database.log->health() == absl::OkStatus());
}

TEST_CASE("after so many edits a new file begins; the one before is kept, older ones go") {
  SimulatedFileSystem disk;
  ManifestState expected;
  {
    auto database = OpenDatabase(disk, {.rollover_edits = 3}).value();
    for (uint8_t i = 1; i <= 3; ++i) {
      const CommitOutcome outcome = Commit(*database.log, AddCollection(i));
      // The third edit has version 4, the checkpoint behind it version 5.
      CHECK(outcome.version == i + 1U);
      CHECK(outcome.head_version == i + (i == 3 ? 2U : 1U));
    }
    CHECK(database.log->file_number() == 2);
    CHECK(Manifests(disk) == std::vector<std::string>{"MANIFEST-000001", "MANIFEST-000002"});
    for (uint8_t i = 4; i <= 12; ++i) {
      Commit(*database.log, AddCollection(i));
    }
    CHECK(database.log->file_number() == 5);
    CHECK(Manifests(disk) == std::vector<std::string>{"MANIFEST-000004", "MANIFEST-000005"});
    expected = *database.log->state();
  }
  const auto database = OpenDatabase(disk).value();
  CHECK(*database.log->state() == expected);
  CHECK(database.directory->unknown_names().empty());
}

TEST_CASE("a file also rolls over by its size, measured behind the checkpoint") {
  SimulatedFileSystem disk;
  auto database = OpenDatabase(disk, {.rollover_bytes = 64 * 1024}).value();
  ManifestEdit edit = AddCollection(1);
  edit.collections_added[0].schema = std::string(kManifestSchemaBytesMax, 's');
  Commit(*database.log, edit);
  CHECK(database.log->file_number() == 2);
  // The checkpoint is now larger than the limit, yet small edits do not roll over each time.
  for (uint8_t i = 2; i < 9; ++i) {
    Commit(*database.log, AddCollection(i));
  }
  CHECK(database.log->file_number() == 2);
  Commit(*database.log, AddCollection(9));
  CHECK(database.log->file_number() == 3);
}

TEST_CASE("a read-only open changes nothing and follows the writer") {
  SimulatedFileSystem disk;
  auto writer = OpenDatabase(disk, {.rollover_edits = 4}).value();
  for (uint8_t i = 1; i <= 10; ++i) {
    Commit(*writer.log, AddCollection(i));
    const uint64_t changes = disk.changes();
    const auto reader = OpenDatabase(disk, {.read_only = true});
    REQUIRE(reader.ok());
    CHECK(*reader->log->state() == *writer.log->state());
    CHECK(GetErrorReason(reader->log->TryCommit(i, AddCollection(99)).status()) ==
          ErrorReason::kReadOnly);
    CHECK(disk.changes() == changes);
  }
  CHECK(GetErrorReason(ManifestLog::Create(*writer.directory, {.read_only = true}).status()) ==
        ErrorReason::kReadOnly);
}

// A database of four commits, and its manifest's bytes.
struct Written {
  std::unique_ptr<SimulatedFileSystem> disk = std::make_unique<SimulatedFileSystem>();
  std::vector<ManifestContent> contents;  // after each commit, the first before any
  std::string path = "db/MANIFEST-000001";
  std::string bytes;

  Written() {
    auto database = OpenDatabase(*disk).value();
    contents.push_back(ContentOf(*database.log->state()));
    for (uint8_t i = 1; i <= 4; ++i) {
      Commit(*database.log, AddCollection(i));
      contents.push_back(ContentOf(*database.log->state()));
    }
    bytes = disk->Contents(path).value();
  }
};

TEST_CASE("a damaged record is refused by file and offset, before anything is written") {
  Written written;
  // Header, checkpoint and four edits; the last block is the last mark.
  const size_t blocks = written.bytes.size() / kManifestBlockBytes;
  REQUIRE(blocks == 1 + 2 + 4 * 2);
  for (size_t block = 0; block + 1 < blocks; ++block) {
    for (const bool read_only : {false, true}) {
      INFO("block ", block);
      written.disk->Corrupt(written.path, block * kManifestBlockBytes + 20, 8);
      const auto before = Everything(*written.disk);
      const absl::Status status = OpenDatabase(*written.disk, {.read_only = read_only}).status();
      CHECK(GetErrorReason(status) == ErrorReason::kDamaged);
      CHECK(status.message().find("MANIFEST-000001") != std::string::npos);
      if (block > 2) {
        CHECK(status.message().find(std::to_string(block * kManifestBlockBytes)) !=
              std::string::npos);
      }
      CHECK(Everything(*written.disk) == before);
      written.disk->Corrupt(written.path, block * kManifestBlockBytes + 20, 8);
    }
  }
  CHECK(OpenDatabase(*written.disk).ok());
}

TEST_CASE("a torn last record is cut by going on in a new file") {
  Written written;
  const size_t last_record = written.bytes.size() - 2 * kManifestBlockBytes;
  for (size_t length = last_record + 64; length < last_record + kManifestBlockBytes;
       length += 448) {
    INFO("cut at ", length);
    written.disk->SetContents(written.path, written.bytes.substr(0, length));
    {
      const auto reader = OpenDatabase(*written.disk, {.read_only = true});
      REQUIRE(reader.ok());
      CHECK(ContentOf(*reader->log->state()) == written.contents[3]);
      CHECK(Manifests(*written.disk).size() == 1);
    }
    auto database = OpenDatabase(*written.disk).value();
    CHECK(ContentOf(*database.log->state()) == written.contents[3]);
    CHECK(database.log->file_number() == 2);
    // The torn file stays as it was.
    CHECK(written.disk->Contents(written.path).value() == written.bytes.substr(0, length));
    Commit(*database.log, AddCollection(9));
    database = {};
    CHECK(OpenDatabase(*written.disk)->log->file_number() == 2);
    written = Written();
  }
}

TEST_CASE("a last record without a mark counts for the writer, who rewrites it, not for a reader") {
  Written written;
  const size_t last_mark = written.bytes.size() - kManifestBlockBytes;
  written.disk->SetContents(written.path, written.bytes.substr(0, last_mark));
  const auto reader = OpenDatabase(*written.disk, {.read_only = true});
  REQUIRE(reader.ok());
  CHECK(ContentOf(*reader->log->state()) == written.contents[3]);
  const auto database = OpenDatabase(*written.disk);
  REQUIRE(database.ok());
  CHECK(ContentOf(*database->log->state()) == written.contents[4]);
  CHECK(database->log->file_number() == 2);
}

TEST_CASE("a last mark that a killed process did not sync is on the disk before it is built on") {
  SimulatedFileSystem disk;
  {
    const auto database = OpenDatabase(disk);
    REQUIRE(database.ok());
    // The edit, its sync, and the mark, which is not synced.
    disk.StopAfterChange(disk.changes() + 3);
    CHECK(database->log->TryCommit(1, AddCollection(1))->result == CommitResult::kUnknown);
  }
  const auto killed = disk.KillProcess();
  const auto database = OpenDatabase(*killed);
  REQUIRE(database.ok());
  CHECK(database->log->file_number() == 1);
  const std::string path = "db/" + ManifestName(1);
  CHECK(killed->Crash(CrashPolicy::kNothingUnsynced)->Contents(path).value() ==
        killed->Contents(path).value());
}

// The process that could not flush its last mark, then one that builds on what it reads.
void BuildOnUnflushedMark(SyncFailure behaviour, size_t direct_alignment) {
  CAPTURE(static_cast<int>(behaviour));
  CAPTURE(direct_alignment);
  SimulatedFileSystem disk;
  disk.SetDirectAlignment(direct_alignment);
  disk.SetSyncFailure(behaviour);
  {
    const auto database = OpenDatabase(disk);
    REQUIRE(database.ok());
    // The flush of the edit succeeds, that of its mark does not.
    disk.AddErrorPlan(
        {.kind = CallKind::kSync, .path_contains = "MANIFEST", .skip = 1, .error_number = EIO});
    CHECK(database->log->TryCommit(1, AddCollection(1))->result == CommitResult::kUnknown);
    CHECK(GetErrorReason(database->log->health()) == ErrorReason::kStorageFailed);
  }
  const auto killed = disk.KillProcess();
  killed->ClearErrorPlans();
  uint64_t version = 0;
  {
    const auto database = OpenDatabase(*killed);
    REQUIRE(database.ok());
    const auto committed =
        database->log->TryCommit(database->log->state()->version, AddCollection(2));
    REQUIRE(committed.ok());
    REQUIRE(committed->result == CommitResult::kCommitted);
    version = committed->version;
  }
  const auto cut = killed->Crash(CrashPolicy::kNothingUnsynced);
  const auto database = OpenDatabase(*cut);
  REQUIRE(database.ok());
  CHECK(database->log->state()->version == version);
}

TEST_CASE("a last mark whose flush failed is not believed, whatever the page cache shows") {
  for (const SyncFailure behaviour :
       {SyncFailure::kKeptMarkedClean, SyncFailure::kReverted, SyncFailure::kLostAfterEviction}) {
    // As usual, without direct I/O, and with blocks larger than a manifest's.
    for (const size_t direct_alignment : {size_t{4096}, size_t{0}, size_t{8192}}) {
      BuildOnUnflushedMark(behaviour, direct_alignment);
    }
  }
}

TEST_CASE("CURRENT that is missing, damaged, foreign or ahead of its file is refused") {
  Written written;
  const std::string current = written.disk->Contents("db/CURRENT").value();
  const auto status = [&written]() { return OpenDatabase(*written.disk).status(); };
  const auto open_log_only = [&written]() {
    const auto directory = DataDirectory::Open(*written.disk, "db", {.read_only = true});
    return directory.ok() ? ManifestLog::Open(**directory, {.read_only = true}).status()
                          : directory.status();
  };
  SUBCASE("missing") {
    REQUIRE(written.disk->RemoveFile("db/CURRENT").ok());
    CHECK(GetErrorReason(open_log_only()) == ErrorReason::kNotADatabase);
    CHECK(GetErrorReason(status()) == ErrorReason::kNotADatabase);
  }
  SUBCASE("damaged") {
    written.disk->Corrupt("db/CURRENT", 25, 1);
    CHECK(GetErrorReason(status()) == ErrorReason::kDamaged);
  }
  SUBCASE("of another database") {
    CurrentFile other = DecodeCurrentFile(current).value();
    other.database_uuid = UuidOf(1);
    written.disk->SetContents("db/CURRENT", EncodeCurrentFile(other));
    CHECK(GetErrorReason(status()) == ErrorReason::kDamaged);
  }
  SUBCASE("of another copy's manifest") {
    CurrentFile other = DecodeCurrentFile(current).value();
    other.manifest_uuid = UuidOf(1);
    written.disk->SetContents("db/CURRENT", EncodeCurrentFile(other));
    CHECK(GetErrorReason(status()) == ErrorReason::kDamaged);
  }
  SUBCASE("names a file that is missing") {
    REQUIRE(written.disk->RemoveFile(written.path).ok());
    CHECK(GetErrorReason(status()) == ErrorReason::kDamaged);
  }
}

TEST_CASE("a manifest with unknown ro_compat features opens read-only") {
  Written written;
  ManifestFileHeader header =
      ScanManifest(std::as_bytes(std::span(written.bytes)), "manifest")->header;
  header.features.ro_compat = 4;
  written.bytes.replace(0, kManifestBlockBytes, EncodeManifestFileHeader(header));
  written.disk->SetContents(written.path, written.bytes);
  CHECK(OpenDatabase(*written.disk, {.read_only = true}).ok());
  CHECK(GetErrorReason(OpenDatabase(*written.disk).status()) == ErrorReason::kUnknownFormat);
}

TEST_CASE("an edit that breaks the chain of hashes is refused though its record is whole") {
  Written written;
  const ManifestScan scan =
      ScanManifest(std::as_bytes(std::span(written.bytes)), "manifest").value();
  ManifestEdit edit = DecodeManifestEdit(scan.records[2].payload).value();
  edit.commit_uuid = UuidOf(0x66);  // another history with the same versions
  const std::string payload = EncodeManifestEdit(edit).value();
  ManifestRecord record = scan.records[2];
  record.payload = std::as_bytes(std::span(payload));
  record.hash = ManifestEditHash(record.payload);
  const ManifestRecord mark = {.type = ManifestRecordType::kMark,
                               .version = record.version,
                               .hash = record.hash,
                               .offset = record.offset + kManifestBlockBytes};
  written.bytes.replace(record.offset, 2 * kManifestBlockBytes,
                        EncodeManifestRecord(scan.header.file_uuid, record) +
                            EncodeManifestRecord(scan.header.file_uuid, mark));
  written.disk->SetContents(written.path, written.bytes);
  const absl::Status status = OpenDatabase(*written.disk).status();
  CHECK(GetErrorReason(status) == ErrorReason::kDamaged);
  // The next edit is the one that does not follow.
  CHECK(status.message().find(std::to_string(scan.records[3].offset)) != std::string::npos);
}

TEST_CASE("a full disk while beginning a new file leaves the old one in use") {
  SimulatedFileSystem disk;
  auto database = OpenDatabase(disk, {.rollover_edits = 2}).value();
  Commit(*database.log, AddCollection(1));
  disk.AddErrorPlan(
      {.kind = CallKind::kWrite, .path_contains = "tmp/", .error_number = ENOSPC, .forever = true});
  Commit(*database.log, AddCollection(2));
  CHECK(database.log->health() == absl::OkStatus());
  CHECK(database.log->file_number() == 1);
  Commit(*database.log, AddCollection(3));
  disk.ClearErrorPlans();
  Commit(*database.log, AddCollection(4));
  CHECK(database.log->file_number() == 2);
  CHECK(database.log->state()->collections.size() == 4);
}

// The disk is as full as it can be: not one more byte fits.
void FillUp(SimulatedFileSystem& disk) {
  uint64_t used = 0;
  for (const std::string& path : disk.Files()) {
    used += disk.Contents("/" + path).value().size();
  }
  disk.SetCapacityBytes(used);
}

TEST_CASE("a full disk refuses an edit and ends nothing") {
  SimulatedFileSystem disk;
  auto database = OpenDatabase(disk).value();
  Commit(*database.log, AddCollection(1));
  FillUp(disk);
  for (int attempt = 0; attempt < 3; ++attempt) {
    const auto refused = database.log->TryCommit(database.log->state()->version, AddCollection(2));
    CHECK(GetErrorReason(refused.status()) == ErrorReason::kDiskFull);
    CHECK(database.log->health().ok());
    CHECK(database.log->state()->collections.size() == 1);
  }
  disk.SetCapacityBytes(uint64_t{1} << 30);
  SUBCASE("the next edit is made, in a new file") {
    Commit(*database.log, AddCollection(3));
    CHECK(database.log->file_number() > 1);
    const ManifestState state = *database.log->state();
    CHECK(state.collections.size() == 2);
    database = {};
    CHECK(*OpenDatabase(disk).value().log->state() == state);
  }
  SUBCASE("an open without that edit goes on") {
    const ManifestState state = *database.log->state();
    database = {};
    database = OpenDatabase(disk).value();
    CHECK(database.log->state()->collections == state.collections);
    Commit(*database.log, AddCollection(2));
  }
}

TEST_CASE("a record that a full disk cut short is no edit, whatever survives of it") {
  for (const size_t written : {size_t{0}, size_t{512}, size_t{2'048}}) {
    for (const uint64_t skip : {uint64_t{0}, uint64_t{1}}) {  // the record, or its mark
      CAPTURE(written);
      CAPTURE(skip);
      SimulatedFileSystem disk;
      auto database = OpenDatabase(disk).value();
      Commit(*database.log, AddCollection(1));
      disk.AddErrorPlan({.kind = CallKind::kWrite,
                         .path_contains = "MANIFEST",
                         .skip = skip,
                         .error_number = ENOSPC,
                         .short_bytes = written});
      Commit(*database.log, AddCollection(2));  // goes on in a new file by itself
      CHECK(disk.planned_failures() == 1);
      CHECK(database.log->file_number() == 2);
      CHECK(database.log->health().ok());
      const ManifestState state = *database.log->state();
      for (const CrashPolicy policy : {CrashPolicy::kNothingUnsynced, CrashPolicy::kEverything}) {
        const auto cut = disk.Crash(policy);
        CHECK(OpenDatabase(*cut).value().log->state()->collections == state.collections);
      }
    }
  }
}

TEST_CASE("a disk that is full at every call of an edit keeps or makes it, and writes on") {
  bool finished = false;
  for (uint64_t call = 0; !finished; ++call) {
    CAPTURE(call);
    SimulatedFileSystem disk;
    auto database = OpenDatabase(disk, {.rollover_edits = 2}).value();
    Commit(*database.log, AddCollection(1));
    const uint64_t before = disk.calls();
    // The record finds no room, and then one call of the roll-over does not either.
    disk.AddErrorPlan({.call_number = before + 1, .error_number = ENOSPC});
    disk.AddErrorPlan({.call_number = before + 2 + call, .error_number = ENOSPC});
    const auto outcome = database.log->TryCommit(database.log->state()->version, AddCollection(2));
    finished = disk.planned_failures() < 2;
    if (!database.log->health().ok()) {
      continue;  // a flush of a name failed: that stays final
    }
    const bool made = outcome.ok() && outcome->result == CommitResult::kCommitted;
    if (!made) {
      CHECK(GetErrorReason(outcome.status()) == ErrorReason::kDiskFull);
      Commit(*database.log, AddCollection(2));
    }
    Commit(*database.log, AddCollection(3));
    const auto cut = disk.Crash(CrashPolicy::kNothingUnsynced);
    CHECK(OpenDatabase(*cut).value().log->state()->collections ==
          database.log->state()->collections);
  }
}

TEST_CASE("the manifest takes its room from the reserve") {
  SimulatedFileSystem disk;
  auto database = OpenDatabase(disk, {}, "db", 1U << 20U).value();
  REQUIRE(database.directory->reserve().Refill().ok());
  FillUp(disk);
  for (uint8_t i = 1; i <= 60; ++i) {
    Commit(*database.log, AddCollection(i));
  }
  CHECK(database.directory->reserve().held_bytes() == (2U << 18U));  // 60 edits of 8 KiB
  const ManifestState state = *database.log->state();
  database = {};
  CHECK(OpenDatabase(disk).value().log->state()->collections == state.collections);
}

TEST_CASE("a manifest on a real disk") {
  const TemporaryDirectory directory;
  PosixFileSystem disk;
  const std::string path = directory.PathOf("db");
  ManifestState expected;
  {
    const auto database = OpenDatabase(disk, {.rollover_edits = 2}, path).value();
    for (uint8_t i = 1; i <= 5; ++i) {
      Commit(*database.log, AddCollection(i));
    }
    expected = *database.log->state();
  }
  {
    const auto database = OpenDatabase(disk, {.read_only = true}, path).value();
    CHECK(*database.log->state() == expected);
  }
  const auto database = OpenDatabase(disk, {}, path).value();
  CHECK(*database.log->state() == expected);
  CHECK(database.log->file_number() == 3);
}

}  // namespace
}  // namespace perigee::storage
