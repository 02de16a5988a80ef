// SPDX-License-Identifier: Apache-2.0
#include "storage/io/posix_file_system.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/conformance/file_system_conformance.h"
#include "tests/support/temporary_directory.h"

namespace perigee::storage {
namespace {

TEST_CASE("posix keeps the promises of a file system" * doctest::test_suite("concurrency")) {
  for (const FileSystemCase& test : FileSystemCases()) {
    SUBCASE(test.name) {
      const TemporaryDirectory directory;
      PosixFileSystem disk;
      test.run(disk, directory.path());
    }
  }
  CHECK(std::string(PosixFileSystem().name()) == "posix");
}

TEST_CASE("a symbolic link is neither file nor directory") {
  const TemporaryDirectory directory;
  PosixFileSystem disk;
  REQUIRE(disk.CreateDirectory(directory.PathOf("d")).ok());
  std::filesystem::create_directory_symlink(directory.PathOf("d"), directory.PathOf("link"));
  const auto status = disk.Stat(directory.PathOf("link"));
  REQUIRE(status.ok());
  CHECK_FALSE(status->is_directory);
  CHECK_FALSE(status->is_regular_file);
  CHECK(disk.Stat(directory.PathOf("link/."))->is_directory);
}

TEST_CASE("network file systems are known by their type") {
  CHECK(IsNetworkFileSystemType(0x6969));
  CHECK(IsNetworkFileSystemType(0x65735546));
  // CIFS has the top bit set, which a signed 32-bit statfs field extends.
  CHECK(IsNetworkFileSystemType(static_cast<int32_t>(0xFF534D42)));
  CHECK_FALSE(IsNetworkFileSystemType(0xEF53));      // ext4
  CHECK_FALSE(IsNetworkFileSystemType(0x58465342));  // XFS
  CHECK_FALSE(IsNetworkFileSystemType(0x01021994));  // tmpfs
}

}  // namespace
}  // namespace perigee::storage
