// SPDX-License-Identifier: Apache-2.0
#include "tests/support/powercut_file_system.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "storage/encoding/byte_codec.h"
#include "storage/io/posix_file_system.h"
#include "storage/io/uring_file_system.h"
#include "storage/io/uring_ring.h"
#include "tests/conformance/file_system_conformance.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_seed.h"

namespace perigee::storage {
namespace {

constexpr OpenOptions kCreate{.mode = OpenMode::kCreateExclusive};
constexpr OpenOptions kReadWrite{.mode = OpenMode::kReadWrite};

// A power-cut file system, and beside it the disk as a process after the kill would find it.
struct Machine {
  explicit Machine(PowercutOptions options = {}) : power(Power(std::move(options))) {}

  std::unique_ptr<PowercutFileSystem> Power(PowercutOptions options) {
    options.spill_directory = directory.PathOf("spill");
    std::filesystem::create_directory(options.spill_directory);
    std::filesystem::create_directory(directory.PathOf("d"));
    return std::make_unique<PowercutFileSystem>(std::make_unique<PosixFileSystem>(),
                                                std::move(options));
  }
  std::string PathOf(const std::string& name) const { return directory.PathOf("d/" + name); }
  void Sync(const std::string& name = ".") { REQUIRE(power->SyncDirectory(PathOf(name)).ok()); }
  std::unique_ptr<File> Make(const std::string& name, std::string_view text) {
    auto file = power->Open(PathOf(name), kCreate);
    REQUIRE(file.ok());
    REQUIRE((*file)->Write(0, AsBytes(text)).ok());
    return *std::move(file);
  }
  static std::string Text(FileSystem& file_system, const std::string& path) {
    auto file = file_system.Open(path, {});
    if (!file.ok()) {
      return absl::IsNotFound(file.status()) ? "none" : std::string(file.status().message());
    }
    std::string text(1U << 16U, '\0');
    text.resize(*(*file)->Read(0, std::as_writable_bytes(std::span(text))));
    return text;
  }
  std::string Now(const std::string& name) { return Text(*power, PathOf(name)); }
  std::string AfterCut(const std::string& name) { return Text(disk, PathOf(name)); }

  TemporaryDirectory directory;
  PosixFileSystem disk;
  std::unique_ptr<PowercutFileSystem> power;
};

void CheckPromises(std::unique_ptr<FileSystem> (*backend)(), uint64_t seed) {
  for (const FileSystemCase& test : FileSystemCases()) {
    SUBCASE(test.name) {
      const TemporaryDirectory directory;
      const TemporaryDirectory spill;
      PowercutFileSystem disk(backend(), {.spill_directory = spill.path(), .seed = seed});
      test.run(disk, directory.path());
    }
  }
}

TEST_CASE("the power-cut file system keeps a file system's promises - posix" *
          doctest::test_suite("concurrency")) {
  CheckPromises([]() -> std::unique_ptr<FileSystem> { return std::make_unique<PosixFileSystem>(); },
                0);
}

TEST_CASE("the power-cut file system keeps a file system's promises - io_uring") {
  CheckPromises([]() -> std::unique_ptr<FileSystem> { return std::make_unique<UringFileSystem>(); },
                0);
}

TEST_CASE("the power-cut file system keeps a file system's promises - early writes") {
  CheckPromises([]() -> std::unique_ptr<FileSystem> { return std::make_unique<PosixFileSystem>(); },
                tests::TestSeed(5));
}

TEST_CASE("bytes reach the disk when they are synced") {
  Machine machine;
  auto file = machine.Make("f", "first");
  REQUIRE(file->Sync().ok());
  machine.Sync();
  REQUIRE(file->Write(5, AsBytes(" and second")).ok());
  CHECK(machine.Now("f") == "first and second");
  CHECK(machine.AfterCut("f") == "first");
  REQUIRE(file->Sync().ok());
  CHECK(machine.AfterCut("f") == "first and second");
  REQUIRE(file->Truncate(3).ok());
  REQUIRE(file->Truncate(7).ok());
  CHECK(machine.Now("f") == std::string("fir\0\0\0\0", 7));
  CHECK(machine.AfterCut("f") == "first and second");
  REQUIRE(file->Sync().ok());
  CHECK(machine.AfterCut("f") == std::string("fir\0\0\0\0", 7));
}

TEST_CASE("names reach the disk when their directory is synced") {
  Machine machine;
  auto file = machine.Make("f", "text");
  REQUIRE(file->Sync().ok());
  CHECK(machine.Now("f") == "text");
  CHECK(machine.AfterCut("f") == "none");
  machine.Sync();
  CHECK(machine.AfterCut("f") == "text");
  REQUIRE(machine.power->RemoveFile(machine.PathOf("f")).ok());
  CHECK(machine.Now("f") == "none");
  CHECK(machine.AfterCut("f") == "text");
  machine.Sync();
  CHECK(machine.AfterCut("f") == "none");
}

TEST_CASE("a name without its bytes is an empty file") {
  Machine machine;
  auto file = machine.Make("f", "text");
  machine.Sync();
  CHECK(machine.Now("f") == "text");
  CHECK(machine.AfterCut("f").empty());
}

TEST_CASE("a renamed file is lost until both directories are synced") {
  Machine machine;
  REQUIRE(machine.power->CreateDirectory(machine.PathOf("sub")).ok());
  auto file = machine.Make("f", "text");
  REQUIRE(file->Sync().ok());
  machine.Sync();
  REQUIRE(machine.power->Rename(machine.PathOf("f"), machine.PathOf("sub/g")).ok());
  CHECK(machine.Now("sub/g") == "text");
  CHECK(machine.Now("f") == "none");
  CHECK(machine.AfterCut("f") == "text");
  CHECK(machine.AfterCut("sub/g") == "none");
  machine.Sync("sub");
  CHECK(machine.AfterCut("sub/g") == "text");
  machine.Sync();
  CHECK(machine.AfterCut("f") == "none");
  // A rename over a file: the old bytes until the directory is synced, then the new ones.
  auto next = machine.Make("next", "new");
  REQUIRE(next->Sync().ok());
  REQUIRE(machine.power->Rename(machine.PathOf("next"), machine.PathOf("sub/g")).ok());
  CHECK(machine.AfterCut("sub/g") == "text");
  machine.Sync("sub");
  CHECK(machine.AfterCut("sub/g") == "new");
  CHECK(machine.Now("next") == "none");
}

TEST_CASE("a directory appears with its parent, holding what was synced in it") {
  Machine machine;
  REQUIRE(machine.power->CreateDirectory(machine.PathOf("a")).ok());
  REQUIRE(machine.power->CreateDirectory(machine.PathOf("a/b")).ok());
  REQUIRE(machine.Make("a/b/f", "text")->Sync().ok());
  REQUIRE(machine.Make("a/lost", "text")->Sync().ok());
  machine.Sync("a/b");
  CHECK(absl::IsNotFound(machine.disk.Stat(machine.PathOf("a")).status()));
  machine.Sync();
  CHECK(machine.disk.List(machine.PathOf("a"))->empty());
  machine.Sync("a");
  CHECK(machine.AfterCut("a/b/f") == "text");
  CHECK(machine.AfterCut("a/lost") == "text");
  REQUIRE(machine.power->RemoveFile(machine.PathOf("a/b/f")).ok());
  REQUIRE(machine.power->RemoveDirectory(machine.PathOf("a/b")).ok());
  CHECK(machine.AfterCut("a/b/f") == "text");
  machine.Sync("a");
  CHECK(absl::IsNotFound(machine.disk.Stat(machine.PathOf("a/b")).status()));
}

TEST_CASE("what is on the disk is found, and changed there only by syncs") {
  Machine machine;
  {
    auto file = machine.disk.Open(machine.PathOf("old"), kCreate);
    REQUIRE((*file)->Write(0, AsBytes(std::string(10'000, 'o'))).ok());
    REQUIRE(machine.disk.Link(machine.PathOf("old"), machine.PathOf("twin")).ok());
  }
  auto file = machine.power->Open(machine.PathOf("old"), kReadWrite);
  REQUIRE(file.ok());
  REQUIRE((*file)->Write(5000, AsBytes("new")).ok());
  CHECK(machine.Now("twin").substr(4998, 7) == "oonewoo");
  CHECK(machine.AfterCut("old") == std::string(10'000, 'o'));
  REQUIRE((*file)->Sync().ok());
  CHECK(machine.AfterCut("twin").substr(4998, 7) == "oonewoo");
}

TEST_CASE("a sync that fails by plan gives the bytes up") {
  Machine machine({.failures = {{.call = "sync", .path_part = "d/f", .number = 2},
                                {.call = "write", .path_part = "d/g", .number = 1},
                                {.call = "sync_directory", .path_part = "d", .number = 2}}});
  auto file = machine.Make("f", "first");
  REQUIRE(file->Sync().ok());
  machine.Sync();
  REQUIRE(file->Write(0, AsBytes("FIRST")).ok());
  CHECK(file->Sync().code() == absl::StatusCode::kUnavailable);
  CHECK(machine.Now("f") == "FIRST");
  CHECK(file->Sync().ok());
  CHECK(machine.AfterCut("f") == "first");
  auto other = machine.power->Open(machine.PathOf("g"), kCreate);
  CHECK_FALSE((*other)->Write(0, AsBytes("x")).ok());
  CHECK((*other)->Write(0, AsBytes("x")).ok());
  CHECK_FALSE(machine.power->SyncDirectory(machine.PathOf(".")).ok());
}

TEST_CASE("with a seed some of what was not synced is there, and some is not") {
  int early_names = 0;
  int early_sectors = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Machine machine({.seed = seed});
    auto durable = machine.Make("f", std::string(2048, 'a'));
    REQUIRE(durable->Sync().ok());
    machine.Sync();
    REQUIRE(durable->Write(0, AsBytes(std::string(2048, 'b'))).ok());
    const std::string after = machine.AfterCut("f");
    CHECK(machine.Now("f") == std::string(2048, 'b'));
    REQUIRE(after.size() == 2048);
    for (size_t sector = 0; sector < 4; ++sector) {
      const std::string bytes = after.substr(sector * 512, 512);
      CHECK((bytes == std::string(512, 'a') || bytes == std::string(512, 'b')));
      early_sectors += bytes[0] == 'b' ? 1 : 0;
    }
    machine.Make("g", "");
    early_names += machine.AfterCut("g") == "none" ? 0 : 1;
  }
  CHECK(early_names > 5);
  CHECK(early_names < 100);
  CHECK(early_sectors > 20);
  CHECK(early_sectors < 400);
}

}  // namespace
}  // namespace perigee::storage
