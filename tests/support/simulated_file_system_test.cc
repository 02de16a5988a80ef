// SPDX-License-Identifier: Apache-2.0
#include "tests/support/simulated_file_system.h"

#include <doctest/doctest.h>

#include <set>

#include "storage/encoding/byte_codec.h"
#include "storage/foundation/error_reason.h"
#include "tests/conformance/file_system_conformance.h"

namespace perigee::storage {
namespace {

constexpr size_t kSector = SimulatedInode::kSectorBytes;

std::unique_ptr<File> Create(FileSystem& disk, const std::string& path, bool direct = false) {
  auto file = disk.Open(path, {.mode = OpenMode::kCreateExclusive, .direct = direct});
  REQUIRE(file.ok());
  return *std::move(file);
}

void Write(File& file, uint64_t offset, std::string_view text) {
  REQUIRE(file.Write(offset, AsBytes(text)).ok());
}

// A file that exists durably and holds `text` durably.
std::unique_ptr<File> CreateDurable(FileSystem& disk, const std::string& path,
                                    std::string_view text) {
  std::unique_ptr<File> file = Create(disk, path);
  Write(*file, 0, text);
  REQUIRE(file->Sync().ok());
  REQUIRE(disk.SyncDirectory("/").ok());
  return file;
}

std::string Contents(const SimulatedFileSystem& disk, const std::string& path) {
  auto contents = disk.Contents(path);
  return contents.ok() ? *contents : "(missing)";
}

TEST_CASE("the simulated disk keeps the promises of a file system") {
  for (const FileSystemCase& test : FileSystemCases()) {
    SUBCASE(test.name) {
      SimulatedFileSystem disk;
      REQUIRE(disk.CreateDirectory("dir").ok());
      test.run(disk, "dir");
    }
  }
}

TEST_CASE("names need a directory sync and data a file sync") {
  SimulatedFileSystem disk;
  auto file = Create(disk, "a");
  Write(*file, 0, "data");
  REQUIRE(file->Sync().ok());
  CHECK(disk.Crash(CrashPolicy::kNothingUnsynced)->Files().empty());
  CHECK(Contents(*disk.Crash(CrashPolicy::kEverything), "a") == "data");

  REQUIRE(disk.SyncDirectory("/").ok());
  Write(*file, 4, "more");
  CHECK(Contents(disk, "a") == "datamore");
  CHECK(Contents(*disk.Crash(CrashPolicy::kNothingUnsynced), "a") == "data");
  CHECK(Contents(*disk.Crash(CrashPolicy::kEverything), "a") == "datamore");
}

TEST_CASE("a file may exist with length 0 and data may come without a name") {
  SimulatedFileSystem disk;
  auto old = CreateDurable(disk, "old", "x");
  Write(*old, 0, "y");
  auto file = Create(disk, "new");
  Write(*file, 0, "data");
  const auto names = disk.Crash(CrashPolicy::kNamesOnly);
  CHECK(Contents(*names, "new").empty());
  CHECK(Contents(*names, "old") == "x");
  const auto data = disk.Crash(CrashPolicy::kDataOnly);
  CHECK(Contents(*data, "new") == "(missing)");
  CHECK(Contents(*data, "old") == "y");
}

TEST_CASE("rename and removal without a directory sync may be undone") {
  SimulatedFileSystem disk;
  CreateDurable(disk, "a", "one");
  CreateDurable(disk, "b", "two");
  REQUIRE(disk.Rename("a", "b").ok());
  CHECK(disk.Files() == std::vector<std::string>{"b"});
  const auto undone = disk.Crash(CrashPolicy::kNothingUnsynced);
  CHECK(Contents(*undone, "a") == "one");
  CHECK(Contents(*undone, "b") == "two");
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    seen.insert(Contents(*disk.Crash(CrashPolicy::kRandomSectors, seed), "b"));
  }
  CHECK(seen == std::set<std::string>{"one", "two"});
  REQUIRE(disk.SyncDirectory("/").ok());
  const auto done = disk.Crash(CrashPolicy::kNothingUnsynced);
  CHECK(done->Files() == std::vector<std::string>{"b"});
  CHECK(Contents(*done, "b") == "one");

  REQUIRE(disk.RemoveFile("b").ok());
  CHECK(Contents(*disk.Crash(CrashPolicy::kNothingUnsynced), "b") == "one");
}

TEST_CASE("sectors survive whole in any subset") {
  SimulatedFileSystem disk;
  const std::string before(4 * kSector, 'a');
  auto file = CreateDurable(disk, "f", before);
  Write(*file, 0, std::string(4 * kSector, 'b'));
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const std::string after = Contents(*disk.Crash(CrashPolicy::kRandomSectors, seed), "f");
    REQUIRE(after.size() == before.size());
    std::string pattern;
    for (size_t sector = 0; sector < 4; ++sector) {
      const std::string bytes = after.substr(sector * kSector, kSector);
      REQUIRE(bytes == std::string(kSector, bytes[0]));
      pattern += bytes[0];
    }
    seen.insert(pattern);
  }
  CHECK(seen.size() == 16);
  const auto once = disk.Crash(CrashPolicy::kRandomSectors, 7);
  const auto again = disk.Crash(CrashPolicy::kRandomSectors, 7);
  CHECK(Contents(*once, "f") == Contents(*again, "f"));
}

TEST_CASE("a prefix keeps the order of writes and tears the last at a sector") {
  SimulatedFileSystem disk;
  auto file = CreateDurable(disk, "f", "");
  std::string whole;
  for (const char letter : {'a', 'b', 'c'}) {
    const std::string bytes(2 * kSector, letter);
    Write(*file, whole.size(), bytes);
    whole += bytes;
  }
  std::set<size_t> sizes;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const std::string after = Contents(*disk.Crash(CrashPolicy::kFilePrefix, seed), "f");
    REQUIRE(after == whole.substr(0, after.size()));
    sizes.insert(after.size());
  }
  CHECK(sizes == std::set<size_t>{0, kSector, 2 * kSector, 3 * kSector, 4 * kSector, 5 * kSector,
                                  6 * kSector});
}

TEST_CASE("reordered changes survive whole, whatever came before them") {
  SimulatedFileSystem disk;
  auto file = CreateDurable(disk, "f", std::string(4 * kSector, '-'));
  Write(*file, 0, std::string(2 * kSector, 'a'));
  Write(*file, 2 * kSector, std::string(2 * kSector, 'b'));
  REQUIRE(disk.Rename("f", "g").ok());
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const auto crashed = disk.Crash(CrashPolicy::kReordered, seed);
    const std::vector<std::string> names = crashed->Files();
    if (names.size() == 1) {  // else the rename took place by half: both names, or none
      const std::string after = Contents(*crashed, names[0]);
      REQUIRE(after.substr(0, kSector) == after.substr(kSector, kSector));
      REQUIRE(after.substr(2 * kSector, kSector) == after.substr(3 * kSector));
      seen.insert(names[0] + after[0] + after[2 * kSector]);
    }
  }
  CHECK(seen == std::set<std::string>{"f--", "fa-", "f-b", "fab", "g--", "ga-", "g-b", "gab"});
}

TEST_CASE("copies of a disk share nothing that one of them changes") {
  SimulatedFileSystem disk;
  auto file = CreateDurable(disk, "f", "before");
  const auto copy = disk.KillProcess();
  const uint64_t print = copy->Fingerprint();
  CHECK(print == disk.Fingerprint());
  Write(*file, 0, "after!");
  CHECK(Contents(disk, "f") == "after!");
  CHECK(Contents(*copy, "f") == "before");
  CHECK(copy->Fingerprint() == print);
  CHECK(disk.Fingerprint() != print);
}

TEST_CASE("a directory whose name is lost takes its files along") {
  SimulatedFileSystem disk;
  REQUIRE(disk.CreateDirectory("d").ok());
  auto file = Create(disk, "d/f");
  REQUIRE(file->Sync().ok());
  REQUIRE(disk.SyncDirectory("d").ok());
  CHECK(disk.Crash(CrashPolicy::kNothingUnsynced)->Files().empty());
  REQUIRE(disk.SyncDirectory("/").ok());
  CHECK(disk.Crash(CrashPolicy::kNothingUnsynced)->Files() == std::vector<std::string>{"d/f"});
}

TEST_CASE("the power goes behind the n-th change") {
  SimulatedFileSystem disk;
  auto file = CreateDurable(disk, "f", "");  // create, write, sync, sync directory
  CHECK(disk.changes() == 4);
  disk.StopAfterChange(5);
  CHECK(file->Size().ok());
  Write(*file, 0, "a");
  CHECK(file->Size().ok());
  CHECK_FALSE(disk.stopped());
  CHECK_FALSE(file->Write(1, AsBytes("b")).ok());
  CHECK(disk.stopped());
  CHECK_FALSE(file->Size().ok());
  CHECK_FALSE(file->Sync().ok());
  CHECK(Contents(*disk.Crash(CrashPolicy::kEverything), "f") == "a");
  CHECK(Contents(*disk.Crash(CrashPolicy::kNothingUnsynced), "f").empty());
  CHECK(disk.changes() == 5);
  CHECK(disk.Trace().back().kind == CallKind::kSize);
}

TEST_CASE("a killed process leaves its changes in the page cache") {
  SimulatedFileSystem disk;
  auto file = CreateDurable(disk, "f", "old");
  auto lock = disk.Lock("f");
  REQUIRE(lock.ok());
  Write(*file, 0, "new");
  const auto restarted = disk.KillProcess();
  CHECK(Contents(*restarted, "f") == "new");
  CHECK(restarted->Lock("f").ok());
  CHECK(Contents(*restarted->Crash(CrashPolicy::kNothingUnsynced), "f") == "old");
}

TEST_CASE("plans choose calls by kind and path and number") {
  SimulatedFileSystem disk;
  auto file = CreateDurable(disk, "f", "x");
  auto other = CreateDurable(disk, "g", "x");
  disk.AddErrorPlan({.kind = CallKind::kWrite, .path_contains = "f", .skip = 1});
  CHECK(other->Write(0, AsBytes("1")).ok());
  CHECK(file->Write(0, AsBytes("1")).ok());
  CHECK(file->Write(0, AsBytes("2")).code() == absl::StatusCode::kUnavailable);
  CHECK(file->Write(0, AsBytes("3")).ok());
  CHECK(disk.planned_failures() == 1);

  disk.AddErrorPlan({.call_number = disk.calls() + 2, .error_number = EMFILE});
  CHECK(file->Size().ok());
  CHECK(disk.Open("f", {}).status().code() == absl::StatusCode::kResourceExhausted);
  CHECK(disk.Open("f", {}).ok());

  disk.AddErrorPlan({.kind = CallKind::kRemoveFile, .error_number = EACCES, .forever = true});
  CHECK(disk.RemoveFile("f").code() == absl::StatusCode::kPermissionDenied);
  CHECK(disk.RemoveFile("f").code() == absl::StatusCode::kPermissionDenied);
  disk.ClearErrorPlans();
  CHECK(disk.RemoveFile("f").ok());
}

TEST_CASE("a short write leaves its part and a full disk says so") {
  SimulatedFileSystem disk;
  auto file = CreateDurable(disk, "f", "");
  disk.AddErrorPlan({.kind = CallKind::kWrite, .short_bytes = 3});
  CHECK_FALSE(file->Write(0, AsBytes("abcdef")).ok());
  CHECK(Contents(disk, "f") == "abc");
  disk.SetCapacityBytes(5);
  const absl::Status full = file->Write(0, AsBytes("abcdef"));
  CHECK(GetErrorReason(full) == ErrorReason::kDiskFull);
  CHECK(file->Write(0, AsBytes("abcde")).ok());
  CHECK(disk.Space("/")->available_bytes == 0);
}

TEST_CASE("the three ways in which a sync fails") {
  SimulatedFileSystem disk;
  auto file = CreateDurable(disk, "f", "old");
  auto direct = disk.Open("f", {.direct = true});
  REQUIRE(direct.ok());
  REQUIRE((*direct)->is_direct());
  const auto device = [&direct]() {
    alignas(512) static std::byte buffer[512];
    const auto count = (*direct)->Read(0, buffer);
    REQUIRE(count.ok());
    return std::string(AsText(std::span(buffer).first(*count)));
  };
  const auto fail_sync = [&](SyncFailure how, std::string_view text) {
    disk.SetSyncFailure(how);
    disk.AddErrorPlan({.kind = CallKind::kSync});
    Write(*file, 0, text);
    CHECK_FALSE(file->Sync().ok());
  };

  SUBCASE("kept but marked clean") {
    fail_sync(SyncFailure::kKeptMarkedClean, "new");
    CHECK(Contents(disk, "f") == "new");
    CHECK(device() == "old");
    CHECK(disk.syncs_after_failed_sync() == 0);
    CHECK(file->Sync().ok());  // says ok and wrote nothing: why D5 forbids it
    CHECK(disk.syncs_after_failed_sync() == 1);
    CHECK(Contents(*disk.Crash(CrashPolicy::kEverything), "f") == "old");
    disk.EvictPageCache();
    CHECK(Contents(disk, "f") == "new");
  }
  SUBCASE("kept but marked clean, and direct I/O is refused") {
    fail_sync(SyncFailure::kKeptMarkedClean, "new");
    disk.SetDirectAlignment(0);
    CHECK(Contents(disk, "f") == "new");
    REQUIRE_FALSE((*disk.Open("f", {.direct = true}))->is_direct());  // and drops the cache
    CHECK(Contents(disk, "f") == "old");
  }
  SUBCASE("reverted") {
    fail_sync(SyncFailure::kReverted, "new");
    CHECK(Contents(disk, "f") == "old");
    CHECK(Contents(*disk.Crash(CrashPolicy::kEverything), "f") == "old");
  }
  SUBCASE("lost after eviction") {
    fail_sync(SyncFailure::kLostAfterEviction, "new");
    CHECK(Contents(disk, "f") == "new");
    Write(*file, 3, "er");
    CHECK(Contents(disk, "f") == "newer");
    disk.EvictPageCache();
    CHECK(Contents(disk, "f") == "older");
  }
}

TEST_CASE("direct files demand alignment where direct files exist") {
  SimulatedFileSystem disk;
  auto file = Create(disk, "f", true);
  REQUIRE(file->is_direct());
  CHECK(file->alignment() == 512);
  CHECK_FALSE(file->Write(0, AsBytes("unaligned")).ok());
  disk.SetDirectAlignment(0);
  auto buffered = Create(disk, "g", true);
  CHECK_FALSE(buffered->is_direct());
  CHECK(buffered->Write(0, AsBytes("unaligned")).ok());
}

TEST_CASE("damage by hand is durable") {
  SimulatedFileSystem disk;
  disk.SetContents("f", "abc");
  disk.Corrupt("f", 1, 0x01);
  CHECK(Contents(disk, "f") == "acc");
  CHECK(Contents(*disk.Crash(CrashPolicy::kNothingUnsynced), "f") == "acc");
  CHECK_FALSE(disk.Contents("g").ok());
}

}  // namespace
}  // namespace perigee::storage
