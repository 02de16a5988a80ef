// SPDX-License-Identifier: Apache-2.0
#include "engine/database/snapshot_restore.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "perigee/database.h"
#include "perigee/snapshot.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/error_reason.h"
#include "storage/io/posix_file_system.h"
#include "storage/snapshot/snapshot_list.h"
#include "tests/engine/database/database_fixture.h"
#include "tests/support/simulated_file_system.h"
#include "tests/support/temporary_directory.h"

namespace perigee::engine {
namespace {

using storage::CrashPolicy;
using storage::SimulatedFileSystem;

const std::string kSnapshot = "/snapshot";
const std::string kRestored = "/restored";

// A disk with a snapshot of one segment with deletions and a log.
std::unique_ptr<SimulatedFileSystem> DiskWithSnapshot() {
  auto disk = std::make_unique<SimulatedFileSystem>();
  const auto database = MustOpen(*disk);
  const auto a = MustCreate(*database, "a");
  REQUIRE(a->Upsert(PlaneUpsert(1, 80, 1)).ok());
  REQUIRE(a->Flush().ok());
  REQUIRE(a->Delete({.ids = {PointId(uint64_t{2})}}).ok());
  REQUIRE(a->Flush().ok());
  REQUIRE(a->Upsert(PlaneUpsert(3, 2, 2)).ok());
  REQUIRE(database->CreateSnapshot(kSnapshot, {}).ok());
  return disk;
}

std::vector<std::string> SnapshotFiles(const SimulatedFileSystem& disk) {
  std::vector<std::string> files;
  for (const std::string& path : disk.Files()) {
    if (path.starts_with("snapshot/")) {
      files.push_back("/" + path);
    }
  }
  return files;
}

void CheckRefused(SimulatedFileSystem& disk, absl::StatusCode code) {
  const auto report = RestoreOn(disk, kSnapshot, kRestored, {});
  CHECK_MESSAGE(report.status().code() == code, report.status().ToString());
  CHECK(disk.Stat(kRestored).status().code() == absl::StatusCode::kNotFound);
  CHECK(disk.Stat(kRestored + ".unfinished").status().code() == absl::StatusCode::kNotFound);
}

TEST_CASE(
    "a snapshot with any file damaged, cut, longer or missing is refused and nothing is left") {
  const auto whole = DiskWithSnapshot();
  const std::vector<std::string> files = SnapshotFiles(*whole);
  REQUIRE(files.size() >= 6);
  for (const std::string& path : files) {
    CAPTURE(path);
    const std::string bytes = *whole->Contents(path);
    const auto damage = [&](const std::function<void(SimulatedFileSystem&)>& how) {
      const auto disk = whole->Crash(CrashPolicy::kEverything);
      // The segment shares its bytes with the database, so the snapshot gets a file of its own.
      REQUIRE(disk->RemoveFile(path).ok());
      how(*disk);
      const bool missing_list = path == "/snapshot/SNAPSHOT" && !disk->Stat(path).ok();
      CheckRefused(*disk, missing_list ? absl::StatusCode::kNotFound : absl::StatusCode::kDataLoss);
    };
    damage([](SimulatedFileSystem&) {});
    for (size_t offset = 0; offset < bytes.size(); offset += 1 + bytes.size() / 7) {
      damage([&](SimulatedFileSystem& disk) {
        std::string changed = bytes;
        changed[offset] = static_cast<char>(changed[offset] ^ 4);
        disk.SetContents(path, changed);
      });
    }
    damage([&](SimulatedFileSystem& disk) {
      disk.SetContents(path, bytes.substr(0, bytes.size() - 1));
    });
    damage([&](SimulatedFileSystem& disk) { disk.SetContents(path, bytes + '\0'); });
    damage([&](SimulatedFileSystem& disk) { REQUIRE(disk.CreateDirectory(path).ok()); });
  }
}

TEST_CASE("files that are not in the list, and swapped ones, are refused") {
  const auto whole = DiskWithSnapshot();
  for (const char* name : {"stranger", "LOCK", "wal/0000000000000099.wal", "tmp/CURRENT",
                           "seg/55555555-5555-5555-5555-555555555555", "quarantine/x"}) {
    CAPTURE(name);
    const auto disk = whole->Crash(CrashPolicy::kEverything);
    disk->SetContents(kSnapshot + "/" + name, "x");
    CheckRefused(*disk, absl::StatusCode::kDataLoss);
  }
  const auto disk = whole->Crash(CrashPolicy::kEverything);
  const std::string current = *disk->Contents("/snapshot/CURRENT");
  disk->SetContents("/snapshot/CURRENT", *disk->Contents("/snapshot/IDENTITY"));
  CheckRefused(*disk, absl::StatusCode::kDataLoss);
}

// A forger who repairs the list still has to get past the open.
TEST_CASE("a list that was repaired over foreign or missing parts does not restore") {
  const auto whole = DiskWithSnapshot();
  auto list = storage::DecodeSnapshotList(*whole->Contents("/snapshot/SNAPSHOT"));
  REQUIRE(list.ok());
  const auto refuse = [&](storage::SnapshotList forged,
                          const std::function<void(SimulatedFileSystem&)>& how) {
    const auto disk = whole->Crash(CrashPolicy::kEverything);
    how(*disk);
    disk->SetContents("/snapshot/SNAPSHOT", *storage::EncodeSnapshotList(std::move(forged)));
    const auto report = RestoreOn(*disk, kSnapshot, kRestored, {});
    CHECK_FALSE(report.ok());
    CHECK(disk->Stat(kRestored).status().code() == absl::StatusCode::kNotFound);
  };
  for (size_t i = 0; i < list->files.size(); ++i) {
    storage::SnapshotList forged = *list;
    const std::string path = kSnapshot + "/" + forged.files[i].name;
    forged.files.erase(forged.files.begin() + static_cast<std::ptrdiff_t>(i));
    refuse(forged, [&path](SimulatedFileSystem& disk) { REQUIRE(disk.RemoveFile(path).ok()); });
  }
  storage::SnapshotList later = *list;
  ++later.seq;
  refuse(later, [](SimulatedFileSystem&) {});
  storage::SnapshotList stranger = *list;
  stranger.database_uuid = storage::Uuid::Random();
  refuse(stranger, [](SimulatedFileSystem&) {});
}

TEST_CASE("a target that exists, a disk that is too small and a missing snapshot are refused") {
  const auto disk = DiskWithSnapshot();
  CHECK(RestoreOn(*disk, kSnapshot, "/db", {}).status().code() == absl::StatusCode::kAlreadyExists);
  CHECK(RestoreOn(*disk, "/nowhere", kRestored, {}).status().code() == absl::StatusCode::kNotFound);
  CHECK(RestoreOn(*disk, "/db", kRestored, {}).status().code() == absl::StatusCode::kNotFound);
  RestoreOptions stop;
  stop.on_progress = [](const SnapshotProgress&) { return false; };
  CHECK(RestoreOn(*disk, kSnapshot, kRestored, stop).status().code() ==
        absl::StatusCode::kCancelled);
  disk->SetCapacityBytes(1'000);
  CheckRefused(*disk, absl::StatusCode::kResourceExhausted);
}

TEST_CASE("a snapshot is not opened for writing, and readable without restoring") {
  const auto disk = DiskWithSnapshot();
  OpenOptions options = SmallOptions();
  CHECK(DatabaseCore::Open(*disk, kSnapshot, options, SmallTuning()).status().code() ==
        absl::StatusCode::kFailedPrecondition);
  options.create_if_missing = false;
  options.read_only = true;
  CHECK(DatabaseCore::Open(*disk, kSnapshot, options, SmallTuning()).ok());
}

TEST_SUITE("crash") {
  TEST_CASE("a power cut while restoring leaves no database or a whole one, and the snapshot") {
    const auto whole = DiskWithSnapshot();
    for (uint64_t change = 0;; ++change) {
      const auto disk = whole->Crash(CrashPolicy::kEverything);
      disk->StopAfterChange(change);
      const bool restored = RestoreOn(*disk, kSnapshot, kRestored, {}).ok();
      for (const CrashPolicy policy : {CrashPolicy::kNothingUnsynced, CrashPolicy::kEverything}) {
        const auto after = disk->Crash(policy, change);
        if (after->Stat(kRestored).ok()) {
          OpenOptions options = SmallOptions();
          options.create_if_missing = false;
          auto database = DatabaseCore::Open(*after, kRestored, options, SmallTuning());
          REQUIRE_MESSAGE(database.ok(), database.status().ToString());
          CHECK(Content(*MustFind(**database, "a")).size() == 79);
        } else {
          CHECK_FALSE(restored);
        }
        CHECK(RestoreOn(*after, kSnapshot, "/again", {}).ok());
      }
      if (!disk->stopped()) {
        REQUIRE(restored);
        return;
      }
    }
  }

  TEST_CASE("a power cut while a snapshot is taken harms neither database nor snapshot") {
    for (uint64_t change = 0;; ++change) {
      SimulatedFileSystem disk;
      bool taken = false;
      {
        const auto database = MustOpen(disk);
        const auto a = MustCreate(*database, "a");
        REQUIRE(a->Upsert(PlaneUpsert(1, 20, 1)).ok());
        REQUIRE(a->Flush().ok());
        REQUIRE(a->Upsert(PlaneUpsert(5, 20, 2)).ok());
        disk.StopAfterChange(disk.changes() + change);
        taken = database->CreateSnapshot(kSnapshot, {}).ok();
      }
      for (const CrashPolicy policy : {CrashPolicy::kNothingUnsynced, CrashPolicy::kEverything}) {
        const auto after = disk.Crash(policy, change);
        CHECK(Content(*MustFind(*MustOpen(*after), "a")).size() == 24);
        if (after->Stat(kSnapshot).ok()) {
          CHECK(RestoreOn(*after, kSnapshot, kRestored, {}).ok());
        } else {
          CHECK_FALSE(taken);
        }
      }
      if (taken) {
        return;
      }
    }
  }
}

TEST_CASE("a real snapshot with symbolic links or other kinds of files planted is refused") {
  const storage::TemporaryDirectory directory;
  const std::string snapshot = directory.PathOf("snapshot");
  {
    auto database = Database::Open(directory.PathOf("db"), {.access = Access::Unrestricted()});
    REQUIRE(database.ok());
    auto a = (*database)->CreateCollection("a", PlaneSchema());
    REQUIRE(a->Upsert(PlaneUpsert(1, 50, 1)).ok());
    REQUIRE((*database)->Flush().ok());
    REQUIRE((*database)->CreateSnapshot(snapshot, {}).ok());
  }
  const auto check_refused = [&] {
    const auto report = RestoreSnapshot(snapshot, directory.PathOf("restored"), {});
    CHECK_MESSAGE(report.status().code() == absl::StatusCode::kDataLoss,
                  report.status().ToString());
    CHECK_FALSE(std::filesystem::exists(directory.PathOf("restored")));
    CHECK_FALSE(std::filesystem::exists(directory.PathOf("restored.unfinished")));
  };
  // A link to a file with exactly the right bytes: only its being a link tells.
  const std::string identity = snapshot + "/IDENTITY";
  std::filesystem::rename(identity, directory.PathOf("elsewhere"));
  std::filesystem::create_symlink(directory.PathOf("elsewhere"), identity);
  check_refused();
  std::filesystem::remove(identity);
  std::filesystem::rename(directory.PathOf("elsewhere"), identity);

  std::filesystem::rename(snapshot + "/seg", directory.PathOf("seg"));
  std::filesystem::create_directory_symlink(directory.PathOf("seg"), snapshot + "/seg");
  check_refused();
  std::filesystem::remove(snapshot + "/seg");
  std::filesystem::rename(directory.PathOf("seg"), snapshot + "/seg");

  const auto restored = RestoreSnapshot(snapshot, directory.PathOf("restored"), {});
  REQUIRE_MESSAGE(restored.ok(), restored.status().ToString());
  auto database = Database::Open(directory.PathOf("restored"), {.access = Access::Unrestricted()});
  REQUIRE(database.ok());
  CHECK((*database)->OpenCollection("a")->Count({})->count == 50);
}

}  // namespace
}  // namespace perigee::engine
