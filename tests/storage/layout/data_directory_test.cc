// SPDX-License-Identifier: Apache-2.0
#include "storage/layout/data_directory.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "storage/encoding/byte_codec.h"
#include "storage/foundation/error_reason.h"
#include "storage/io/posix_file_system.h"
#include "tests/support/simulated_file_system.h"
#include "tests/support/temporary_directory.h"

namespace perigee::storage {
namespace {

constexpr CrashPolicy kPolicies[] = {CrashPolicy::kNothingUnsynced, CrashPolicy::kEverything,
                                     CrashPolicy::kFilePrefix,      CrashPolicy::kRandomSectors,
                                     CrashPolicy::kNamesOnly,       CrashPolicy::kDataOnly,
                                     CrashPolicy::kReordered};
const std::string kManifestText(1000, 'm');

// Stands for the manifest's code: a manifest, then CURRENT.
absl::Status WriteFirstManifest(DataDirectory& directory) {
  absl::Status status = directory.files().CreateExclusive(ManifestName(1), AsBytes(kManifestText));
  status.Update(directory.files().WriteAtomically(kCurrentName, AsBytes("MANIFEST-000001")));
  return status;
}

DataDirectory::Options Creating() {
  return {.create_if_missing = true, .initialise_contents = WriteFirstManifest};
}

// A disk on which "db" was initialised and closed.
std::unique_ptr<SimulatedFileSystem> DiskWithDatabase() {
  auto disk = std::make_unique<SimulatedFileSystem>();
  REQUIRE(DataDirectory::Open(*disk, "db", Creating()).ok());
  return disk;
}

std::optional<ErrorReason> Refusal(FileSystem& disk, const DataDirectory::Options& options) {
  const auto directory = DataDirectory::Open(disk, "db", options);
  REQUIRE_FALSE(directory.ok());
  return GetErrorReason(directory.status());
}

std::map<std::string, std::string> Everything(const SimulatedFileSystem& disk) {
  std::map<std::string, std::string> everything;
  for (const std::string& path : disk.Files()) {
    everything[path] = *disk.Contents(path);
  }
  return everything;
}

TEST_CASE("a new directory is initialised once") {
  SimulatedFileSystem disk;
  Uuid uuid;
  {
    auto created = DataDirectory::Open(disk, "db", Creating());
    REQUIRE(created.ok());
    CHECK((*created)->created());
    CHECK_FALSE((*created)->read_only());
    CHECK((*created)->lock_held());
    CHECK((*created)->unknown_names().empty());
    uuid = (*created)->database_uuid();
    CHECK_FALSE(uuid.is_nil());
  }
  CHECK(disk.Files() ==
        std::vector<std::string>{"db/CURRENT", "db/IDENTITY", "db/LOCK", "db/MANIFEST-000001"});
  for (const std::string_view name : kDirectories) {
    CHECK(disk.Stat("db/" + std::string(name))->is_directory);
  }
  const auto rebooted = disk.Crash(CrashPolicy::kNothingUnsynced);
  auto opened = DataDirectory::Open(*rebooted, "db", {});
  REQUIRE(opened.ok());
  CHECK_FALSE((*opened)->created());
  CHECK((*opened)->database_uuid() == uuid);
  CHECK(*(*opened)->ListManifests() == std::vector<uint64_t>{1});
}

TEST_CASE("creation parameters are checked before anything is made") {
  SimulatedFileSystem disk;
  DataDirectory::Options options = Creating();
  options.creation.log_file_bytes = 1;
  CHECK(Refusal(disk, options) == ErrorReason::kLimit);
  CHECK_FALSE(disk.Stat("db").ok());
  options.creation = {.log_file_bytes = 64U << 10U, .section_alignment_bytes = 4096};
  REQUIRE(DataDirectory::Open(disk, "db", options).ok());
  CHECK((*DataDirectory::Open(disk, "db", {}))->identity().creation == options.creation);
}

TEST_CASE("what is missing is not made without being asked for") {
  SimulatedFileSystem disk;
  CHECK(absl::IsNotFound(DataDirectory::Open(disk, "db", {}).status()));
  CHECK(absl::IsNotFound(DataDirectory::Open(disk, "db", {.read_only = true}).status()));
  CHECK(absl::IsNotFound(DataDirectory::Open(disk, "no/db", Creating()).status()));
  REQUIRE(disk.CreateDirectory("db").ok());
  CHECK(Refusal(disk, {}) == ErrorReason::kNotADatabase);
  CHECK(Refusal(disk, {.read_only = true}) == ErrorReason::kNotADatabase);
  CHECK(disk.Files().empty());
}

TEST_CASE("a directory that holds something else is refused and not touched") {
  const auto refused = [](const std::string& path) {
    SimulatedFileSystem disk;
    REQUIRE(disk.CreateDirectory("db").ok());
    REQUIRE(disk.CreateDirectory("db/wal").ok());
    REQUIRE(disk.CreateDirectory("db/tmp").ok());
    disk.SetContents(path, "x");
    const auto before = Everything(disk);
    CHECK(Refusal(disk, Creating()) == ErrorReason::kNotADatabase);
    CHECK(Everything(disk) == before);
  };
  refused("db/photo.jpg");
  refused("db/IDENTITY");
  refused("db/CURRENT");
  refused("db/MANIFEST-000001");
  refused("db/" + LogName(1));
  refused("db/tmp/draft");
  refused("db/wal/INITIALISING");

  SimulatedFileSystem disk;
  disk.SetContents("db", "a file");
  CHECK(Refusal(disk, Creating()) == ErrorReason::kNotADatabase);
}

TEST_CASE("a database that lost a part is refused and not touched") {
  for (const char* lost : {"db/IDENTITY", "db/CURRENT"}) {
    auto disk = DiskWithDatabase();
    REQUIRE(disk->RemoveFile(lost).ok());
    const auto before = Everything(*disk);
    CHECK(Refusal(*disk, Creating()) == ErrorReason::kNotADatabase);
    CHECK(Refusal(*disk, {}) == ErrorReason::kNotADatabase);
    CHECK(Refusal(*disk, {.read_only = true}) == ErrorReason::kNotADatabase);
    CHECK(Everything(*disk) == before);
  }
  auto disk = DiskWithDatabase();
  disk->Corrupt("db/IDENTITY", 50, 1);
  CHECK(Refusal(*disk, Creating()) == ErrorReason::kDamaged);
  CHECK(Refusal(*disk, {.read_only = true}) == ErrorReason::kDamaged);
}

TEST_CASE("a marker that came back beside a finished database is removed and its data kept") {
  auto disk = DiskWithDatabase();
  auto before = Everything(*disk);
  for (const bool create : {false, true}) {
    disk->SetContents("db/" + LogName(1), "log");
    disk->SetContents("db/tmp/INITIALISING", "");
    REQUIRE(DataDirectory::Open(*disk, "db", {.read_only = true}).ok());
    const auto opened =
        DataDirectory::Open(*disk, "db", create ? Creating() : DataDirectory::Options());
    REQUIRE(opened.ok());
    CHECK_FALSE((*opened)->created());
    before["db/" + LogName(1)] = "log";
    auto after = Everything(*disk->Crash(CrashPolicy::kNothingUnsynced));
    after["db/LOCK"] = before["db/LOCK"];  // its text means nothing
    CHECK(after == before);
  }
}

TEST_CASE("a marker beside data without CURRENT is refused") {
  auto disk = DiskWithDatabase();
  disk->SetContents("db/" + LogName(1), "log");
  disk->SetContents("db/tmp/INITIALISING", "");
  REQUIRE(disk->RemoveFile("db/CURRENT").ok());
  const auto before = Everything(*disk);
  CHECK(Refusal(*disk, Creating()) == ErrorReason::kNotADatabase);
  CHECK(Everything(*disk) == before);
}

TEST_CASE("the power may go behind every change of an initialisation") {
  for (uint64_t stop = 0;; ++stop) {
    SimulatedFileSystem disk;
    disk.StopAfterChange(stop);
    const bool done = DataDirectory::Open(disk, "db", Creating()).ok();
    for (const CrashPolicy policy : kPolicies) {
      for (uint64_t seed = 0; seed < 6; ++seed) {
        CAPTURE(stop);
        CAPTURE(static_cast<int>(policy));
        CAPTURE(seed);
        const auto rebooted = disk.Crash(policy, seed);
        auto again = DataDirectory::Open(*rebooted, "db", Creating());
        REQUIRE_MESSAGE(again.ok(), std::string(again.status().message()));
        if (done) {
          CHECK_FALSE((*again)->created());
        }
        CHECK(*rebooted->Contents("db/MANIFEST-000001") == kManifestText);
        CHECK(rebooted->List("db/tmp")->empty());
        const Uuid uuid = (*again)->database_uuid();
        again->reset();
        const auto rebooted_again = rebooted->Crash(CrashPolicy::kNothingUnsynced);
        const auto reopened = DataDirectory::Open(*rebooted_again, "db", {});
        REQUIRE(reopened.ok());
        CHECK((*reopened)->database_uuid() == uuid);
      }
    }
    if (done) {
      CHECK(stop > 20);
      break;
    }
  }
}

TEST_CASE("the power may go again while an initialisation is repeated") {
  for (uint64_t first = 8; first < 30; first += 3) {
    for (uint64_t second = 1; second < 30; ++second) {
      SimulatedFileSystem disk;
      disk.StopAfterChange(first);
      static_cast<void>(DataDirectory::Open(disk, "db", Creating()));
      const auto rebooted = disk.Crash(CrashPolicy::kRandomSectors, first * 100 + second);
      rebooted->StopAfterChange(second);
      static_cast<void>(DataDirectory::Open(*rebooted, "db", Creating()));
      const auto last = rebooted->Crash(CrashPolicy::kRandomSectors, second * 100 + first);
      const auto opened = DataDirectory::Open(*last, "db", Creating());
      REQUIRE_MESSAGE(opened.ok(), std::string(opened.status().message()));
    }
  }
}

TEST_CASE("every call of an initialisation may fail once") {
  for (uint64_t call = 1;; ++call) {
    SimulatedFileSystem disk;
    disk.AddErrorPlan({.call_number = call, .error_number = ENOSPC});
    const bool opened = DataDirectory::Open(disk, "db", Creating()).ok();
    const bool failed = disk.planned_failures() > 0;
    disk.ClearErrorPlans();
    const absl::Status again = DataDirectory::Open(disk, "db", Creating()).status();
    REQUIRE_MESSAGE(again.ok(), call, ": ", std::string(again.message()));
    CHECK(disk.syncs_after_failed_sync() == 0);
    if (!failed) {
      CHECK(opened);
      break;
    }
  }
}

TEST_CASE("a cut short initialisation is not opened without being asked for") {
  SimulatedFileSystem disk;
  DataDirectory::Options options = Creating();
  options.initialise_contents = [](DataDirectory&) { return absl::UnavailableError("no"); };
  CHECK_FALSE(DataDirectory::Open(disk, "db", options).ok());
  CHECK(Refusal(disk, {}) == ErrorReason::kNotADatabase);
  CHECK(Refusal(disk, {.read_only = true}) == ErrorReason::kNotADatabase);
  options.initialise_contents = [](DataDirectory&) { return absl::OkStatus(); };
  CHECK(absl::IsNotFound(DataDirectory::Open(disk, "db", options).status()));  // CURRENT
  CHECK(DataDirectory::Open(disk, "db", Creating()).ok());
}

TEST_CASE("opening empties tmp and leaves strangers alone") {
  auto disk = DiskWithDatabase();
  const std::string segment = SegmentName(Uuid::Random());
  disk->SetContents("db/" + TemporaryName(segment), "x");
  disk->SetContents("db/tmp/stranger", "x");
  disk->SetContents("db/seg/stranger", "x");
  disk->SetContents("db/notes.txt", "x");
  disk->SetContents("db/quarantine/0000000000000001.wal", "x");
  disk->SetContents("db/" + segment, "x");
  {
    const auto reader = DataDirectory::Open(*disk, "db", {.read_only = true});
    REQUIRE(reader.ok());
    CHECK((*reader)->read_only());
    CHECK_FALSE((*reader)->lock_held());
    CHECK((*reader)->unknown_names() ==
          std::vector<std::string>{"notes.txt", "seg/stranger", "tmp/stranger"});
    CHECK(disk->List("db/tmp")->size() == 2);
  }
  const auto writer = DataDirectory::Open(*disk, "db", {});
  REQUIRE(writer.ok());
  CHECK((*writer)->unknown_names().size() == 3);
  CHECK(disk->List("db/tmp")->empty());
  CHECK(disk->Contents("db/seg/stranger").ok());
  CHECK(disk->Contents("db/notes.txt").ok());
  CHECK(disk->Contents("db/quarantine/0000000000000001.wal").ok());
  CHECK((*writer)->ListSegments()->size() == 1);
  CHECK((*writer)->ListDeletions()->empty());
  CHECK((*writer)->ListCodebooks()->empty());
  CHECK((*writer)->ListLogs()->empty());
}

TEST_CASE("a read-only open changes nothing and needs no lock") {
  auto disk = DiskWithDatabase();
  REQUIRE(disk->RemoveFile("db/LOCK").ok());  // as in a copy
  REQUIRE(disk->RemoveDirectory("db/book").ok());
  const uint64_t changes = disk->changes();
  const auto reader = DataDirectory::Open(*disk, "db", {.read_only = true});
  REQUIRE(reader.ok());
  CHECK((*reader)->ListCodebooks()->empty());
  CHECK(disk->changes() == changes);
  const auto writer = DataDirectory::Open(*disk, "db", {});  // beside the reader
  REQUIRE(writer.ok());
  CHECK(disk->Stat("db/book")->is_directory);
  CHECK(DataDirectory::Open(*disk, "db", {.read_only = true}).ok());
  CHECK(Refusal(*disk, {}) == ErrorReason::kLocked);
}

TEST_CASE("network file systems need permission to write") {
  SimulatedFileSystem disk;
  disk.SetNetwork(true);
  CHECK(DataDirectory::Open(disk, "db", Creating()).status().code() ==
        absl::StatusCode::kFailedPrecondition);
  DataDirectory::Options options = Creating();
  options.allow_network_filesystem = true;
  CHECK(DataDirectory::Open(disk, "db", options).ok());
}

TEST_CASE("on a real disk a symbolic link may lead to the directory but not out of it") {
  PosixFileSystem disk;
  const TemporaryDirectory parent;
  REQUIRE(DataDirectory::Open(disk, parent.PathOf("db"), Creating()).ok());
  std::filesystem::create_directory_symlink(parent.PathOf("db"), parent.PathOf("link"));
  {
    const auto through_link = DataDirectory::Open(disk, parent.PathOf("link"), {});
    REQUIRE(through_link.ok());
    CHECK(GetErrorReason(DataDirectory::Open(disk, parent.PathOf("db"), {}).status()) ==
          ErrorReason::kLocked);
  }
  std::filesystem::remove(parent.PathOf("db/seg"));
  std::filesystem::create_directory(parent.PathOf("elsewhere"));
  std::filesystem::create_directory_symlink(parent.PathOf("elsewhere"), parent.PathOf("db/seg"));
  CHECK(GetErrorReason(DataDirectory::Open(disk, parent.PathOf("db"), {}).status()) ==
        ErrorReason::kNotADatabase);
}

TEST_CASE("real errors have their codes") {
  PosixFileSystem disk;
  const TemporaryDirectory parent;
  std::ofstream(parent.PathOf("file")) << "x";
  CHECK(GetErrorReason(DataDirectory::Open(disk, parent.PathOf("file"), Creating()).status()) ==
        ErrorReason::kNotADatabase);
  CHECK(absl::IsNotFound(DataDirectory::Open(disk, parent.PathOf("a/b"), Creating()).status()));
}

}  // namespace
}  // namespace perigee::storage
