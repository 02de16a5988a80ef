// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/disk_file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/temporary_directory.h"
#include "tests/tools/inspect/database_kinds.h"

namespace perigee::tools::inspect {
namespace {

struct Fixture {
  storage::TemporaryDirectory directory;
  std::string path = directory.PathOf("file");
};

TEST_CASE_FIXTURE(Fixture, "a read gives all bytes or an error") {
  tests::WriteBytes(path, "0123456789");
  const auto file = DiskFile::Open(path);
  REQUIRE(file.ok());
  CHECK(file->size() == 10);
  CHECK(*file->Read(2, 3) == "234");
  CHECK(*file->Read(10, 0) == "");
  CHECK(absl::IsOutOfRange(file->Read(8, 3).status()));
  CHECK(absl::IsOutOfRange(file->Read(11, 0).status()));
  CHECK(absl::IsOutOfRange(file->Read(2, UINT64_MAX).status()));
  std::filesystem::resize_file(path, 4);
  CHECK(absl::IsOutOfRange(file->Read(2, 8).status()));
}

TEST_CASE_FIXTURE(Fixture, "only regular files are opened") {
  CHECK(absl::IsNotFound(DiskFile::Open(path).status()));
  std::filesystem::create_directory(directory.PathOf("folder"));
  CHECK(absl::IsFailedPrecondition(DiskFile::Open(directory.PathOf("folder")).status()));
  tests::WriteBytes(path, "x");
  std::filesystem::create_symlink(path, directory.PathOf("link"));
  CHECK(absl::IsFailedPrecondition(DiskFile::Open(directory.PathOf("link")).status()));
  REQUIRE(mkfifo(directory.PathOf("pipe").c_str(), 0600) == 0);
  CHECK(absl::IsFailedPrecondition(DiskFile::Open(directory.PathOf("pipe")).status()));
}

TEST_CASE_FIXTURE(Fixture, "whole files are read up to a limit") {
  tests::WriteBytes(path, "0123456789");
  CHECK(*ReadWholeFile(path, 10) == "0123456789");
  CHECK(absl::IsOutOfRange(ReadWholeFile(path, 9).status()));
}

TEST_CASE_FIXTURE(Fixture, "names come sorted") {
  tests::WriteBytes(directory.PathOf("b"), "");
  tests::WriteBytes(directory.PathOf("a"), "");
  CHECK(*ListNames(directory.path()) == std::vector<std::string>{"a", "b"});
  CHECK(absl::IsNotFound(ListNames(directory.PathOf("none")).status()));
  CHECK(IsDirectory(directory.path()));
  CHECK_FALSE(IsDirectory(directory.PathOf("a")));
}

}  // namespace
}  // namespace perigee::tools::inspect
