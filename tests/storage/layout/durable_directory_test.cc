// SPDX-License-Identifier: Apache-2.0
#include "storage/layout/durable_directory.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "storage/encoding/byte_codec.h"
#include "storage/foundation/error_reason.h"
#include "storage/layout/file_names.h"
#include "tests/support/simulated_file_system.h"

namespace perigee::storage {
namespace {

constexpr CrashPolicy kPolicies[] = {CrashPolicy::kNothingUnsynced, CrashPolicy::kEverything,
                                     CrashPolicy::kFilePrefix,      CrashPolicy::kRandomSectors,
                                     CrashPolicy::kNamesOnly,       CrashPolicy::kDataOnly,
                                     CrashPolicy::kReordered};

// A disk with a durable, empty directory "db" as the data directory makes it.
std::unique_ptr<SimulatedFileSystem> NewDisk() {
  auto disk = std::make_unique<SimulatedFileSystem>();
  REQUIRE(disk->CreateDirectory("db").ok());
  for (const std::string_view name : kDirectories) {
    REQUIRE(disk->CreateDirectory("db/" + std::string(name)).ok());
  }
  REQUIRE(disk->SyncDirectory("db").ok());
  REQUIRE(disk->SyncDirectory("/").ok());
  return disk;
}

const std::string kOld(700, 'o');
const std::string kNew(1500, 'n');

std::string Contents(const SimulatedFileSystem& disk, const std::string& path) {
  const auto contents = disk.Contents(path);
  return contents.ok() ? *contents : "(missing)";
}

TEST_CASE("publish makes a finished file durable under its name") {
  auto disk = NewDisk();
  DurableDirectory files(*disk, "db");
  const std::string name = SegmentName(Uuid::Random());
  const std::string temporary = TemporaryName(name);
  {
    auto file = disk->Open(files.PathOf(temporary), {.mode = OpenMode::kCreateExclusive});
    REQUIRE(file.ok());
    REQUIRE((*file)->Write(0, AsBytes(kNew)).ok());
    REQUIRE((*file)->Sync().ok());
  }
  REQUIRE(files.Publish(temporary, name).ok());
  CHECK(Contents(*disk->Crash(CrashPolicy::kNothingUnsynced), files.PathOf(name)) == kNew);
  CHECK_FALSE(disk->Contents(files.PathOf(temporary)).ok());
  CHECK(absl::IsNotFound(files.Publish(temporary, LogName(1))));

  REQUIRE(disk->Open(files.PathOf(temporary), {.mode = OpenMode::kCreateExclusive}).ok());
  CHECK(absl::IsAlreadyExists(files.Publish(temporary, name)));
  CHECK(Contents(*disk, files.PathOf(name)) == kNew);
}

TEST_CASE("exclusive creation is whole or absent at every power cut") {
  for (uint64_t stop = 0;; ++stop) {
    auto disk = NewDisk();
    const uint64_t before = disk->changes();
    disk->StopAfterChange(before + stop);
    DurableDirectory files(*disk, "db");
    const absl::Status created = files.CreateExclusive(ManifestName(1), AsBytes(kNew));
    for (const CrashPolicy policy : kPolicies) {
      for (uint64_t seed = 0; seed < 8; ++seed) {
        const std::string after = Contents(*disk->Crash(policy, seed), "db/MANIFEST-000001");
        CHECK((after == kNew || (after == "(missing)" && !created.ok())));
      }
    }
    if (created.ok()) {
      CHECK(stop >= 5);  // create, write, sync, link, remove, sync directory
      break;
    }
  }
}

TEST_CASE("exclusive creation refuses a taken name and changes nothing") {
  auto disk = NewDisk();
  DurableDirectory files(*disk, "db");
  REQUIRE(files.CreateExclusive("CURRENT", AsBytes(kOld)).ok());
  CHECK(absl::IsAlreadyExists(files.CreateExclusive("CURRENT", AsBytes(kNew))));
  CHECK(Contents(*disk, "db/CURRENT") == kOld);
  CHECK(disk->Files() == std::vector<std::string>{"db/CURRENT"});
}

TEST_CASE("an atomic write is old or new at every power cut") {
  for (uint64_t stop = 0;; ++stop) {
    auto disk = NewDisk();
    DurableDirectory files(*disk, "db");
    REQUIRE(files.WriteAtomically("CURRENT", AsBytes(kOld)).ok());
    disk->StopAfterChange(disk->changes() + stop);
    const absl::Status written = files.WriteAtomically("CURRENT", AsBytes(kNew));
    for (const CrashPolicy policy : kPolicies) {
      for (uint64_t seed = 0; seed < 8; ++seed) {
        const std::string after = Contents(*disk->Crash(policy, seed), "db/CURRENT");
        CHECK((after == kNew || (after == kOld && !written.ok())));
      }
    }
    if (written.ok()) {
      break;
    }
  }
}

TEST_CASE("an advisory write is old or new or gone at every power cut, and syncs no directory") {
  for (uint64_t stop = 0;; ++stop) {
    auto disk = NewDisk();
    DurableDirectory files(*disk, "db");
    const size_t before = disk->Trace().size();
    REQUIRE(files.WriteAdvisory("SCRUB", AsBytes(kOld)).ok());
    disk->StopAfterChange(disk->changes() + stop);
    const absl::Status written = files.WriteAdvisory("SCRUB", AsBytes(kNew));
    for (const CrashPolicy policy : kPolicies) {
      for (uint64_t seed = 0; seed < 8; ++seed) {
        const auto after = disk->Crash(policy, seed)->Contents("db/SCRUB");
        CHECK((!after.ok() || *after == kNew || *after == kOld));
      }
    }
    if (written.ok()) {
      CHECK(*disk->Contents("db/SCRUB") == kNew);
      const std::vector<CallRecord> trace = disk->Trace();
      CHECK(std::none_of(
          trace.begin() + static_cast<std::ptrdiff_t>(before), trace.end(),
          [](const CallRecord& call) { return call.kind == CallKind::kSyncDirectory; }));
      break;
    }
  }
}

TEST_CASE("a failed write leaves no claim and a retry takes a new file") {
  for (const SyncFailure how :
       {SyncFailure::kKeptMarkedClean, SyncFailure::kReverted, SyncFailure::kLostAfterEviction}) {
    auto disk = NewDisk();
    DurableDirectory files(*disk, "db");
    disk->SetSyncFailure(how);
    disk->AddErrorPlan({.kind = CallKind::kSync});
    CHECK_FALSE(files.WriteAtomically("CURRENT", AsBytes(kNew)).ok());
    CHECK_FALSE(disk->Contents("db/CURRENT").ok());
    CHECK(files.WriteAtomically("CURRENT", AsBytes(kNew)).ok());
    CHECK(disk->syncs_after_failed_sync() == 0);
    CHECK(Contents(*disk->Crash(CrashPolicy::kNothingUnsynced), "db/CURRENT") == kNew);
  }
}

TEST_CASE("every call that fails makes the operation fail") {
  for (uint64_t call = 1;; ++call) {
    auto disk = NewDisk();
    DurableDirectory files(*disk, "db");
    const uint64_t failing = disk->calls() + call;
    disk->AddErrorPlan({.call_number = failing, .error_number = ENOSPC});
    absl::Status status = files.CreateExclusive(LogName(1), AsBytes(kNew));
    status.Update(files.WriteAtomically("CURRENT", AsBytes(kNew)));
    const uint64_t before_removal = disk->calls();
    status.Update(files.Remove(LogName(1)));
    if (disk->planned_failures() == 0) {
      CHECK(status.ok());
      CHECK(call > 10);
      break;
    }
    // Behind a removal a failed sync is final, whatever its error: it may be about other names.
    CHECK(GetErrorReason(status) ==
          (failing == before_removal + 2 ? ErrorReason::kStorageFailed : ErrorReason::kDiskFull));
  }
}

TEST_CASE("removal is durable and does not mind what is gone") {
  auto disk = NewDisk();
  DurableDirectory files(*disk, "db");
  REQUIRE(files.CreateExclusive(LogName(1), AsBytes(kOld)).ok());
  REQUIRE(files.CreateExclusive(LogName(2), AsBytes(kOld)).ok());
  const std::vector<std::string> names = {LogName(1), LogName(9), ManifestName(3)};
  REQUIRE(files.Remove(names).ok());
  CHECK(disk->Crash(CrashPolicy::kNothingUnsynced)->Files() ==
        std::vector<std::string>{"db/" + LogName(2)});
}

TEST_CASE("temporaries go but the marker stays") {
  auto disk = NewDisk();
  DurableDirectory files(*disk, "db");
  disk->SetContents("db/tmp/CURRENT", "x");
  disk->SetContents("db/tmp/whatever", "x");
  disk->SetContents("db/tmp/INITIALISING", "");
  REQUIRE(disk->CreateDirectory("db/tmp/directory").ok());
  REQUIRE(files.RemoveTemporaries().ok());
  CHECK(disk->Files() == std::vector<std::string>{"db/tmp/INITIALISING"});
  CHECK(disk->Stat("db/tmp/directory").ok());
}

TEST_CASE("reads are bounded and lists are sorted and ours") {
  auto disk = NewDisk();
  DurableDirectory files(*disk, "db");
  disk->SetContents("db/CURRENT", "0123456789");
  CHECK(*files.ReadAll("CURRENT", 10) == "0123456789");
  CHECK(GetErrorReason(files.ReadAll("CURRENT", 9).status()) == ErrorReason::kDamaged);
  CHECK(absl::IsNotFound(files.ReadAll("IDENTITY", 9).status()));
  CHECK(*files.ReadRange("CURRENT", 2, 3) == "234");
  CHECK(*files.ReadRange("CURRENT", 8, 1ULL << 40U) == "89");
  CHECK(files.ReadRange("CURRENT", 11, 3)->empty());

  for (const uint64_t number : {3U, 1U, 2U}) {
    disk->SetContents("db/" + LogName(number), "");
  }
  disk->SetContents("db/wal/stranger", "");
  CHECK(*files.ListAfter("wal") == std::vector<std::string>{LogName(1), LogName(2), LogName(3)});
  CHECK(*files.ListAfter("wal", LogName(1)) == std::vector<std::string>{LogName(2), LogName(3)});
  CHECK(*files.ListAfter("") == std::vector<std::string>{"CURRENT"});
  REQUIRE(disk->RemoveDirectory("db/book").ok());
  CHECK(files.ListAfter("book")->empty());
}

}  // namespace
}  // namespace perigee::storage
