// SPDX-License-Identifier: Apache-2.0
#include "storage/io/posix_file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>

#include "storage/io/aligned_buffer.h"
#include "tests/support/temporary_directory.h"

namespace perigee::storage {
namespace {

TEST_CASE("descriptors are private to the process and to the owner") {
  const TemporaryDirectory directory;
  const std::string path = directory.PathOf("f");
  const auto opened = OpenDescriptor(path, {.mode = OpenMode::kCreateExclusive});
  REQUIRE(opened.ok());
  const PosixFile file(path, *opened);
  CHECK((fcntl(opened->descriptor, F_GETFD) & FD_CLOEXEC) != 0);
  CHECK((fcntl(opened->descriptor, F_GETFL) & O_NONBLOCK) == 0);
  struct stat status = {};
  REQUIRE(fstat(opened->descriptor, &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600U);
}

TEST_CASE("symbolic links and fifos are not opened") {
  const TemporaryDirectory directory;
  const std::string path = directory.PathOf("f");
  { const PosixFile file(path, *OpenDescriptor(path, {.mode = OpenMode::kCreateExclusive})); }
  std::filesystem::create_symlink(path, directory.PathOf("link"));
  std::filesystem::create_symlink(directory.PathOf("new"), directory.PathOf("dangling"));
  CHECK_FALSE(OpenDescriptor(directory.PathOf("link"), {}).ok());
  CHECK_FALSE(
      OpenDescriptor(directory.PathOf("dangling"), {.mode = OpenMode::kCreateExclusive}).ok());
  CHECK_FALSE(std::filesystem::exists(directory.PathOf("new")));
  REQUIRE(mkfifo(directory.PathOf("fifo").c_str(), 0600) == 0);
  CHECK_FALSE(OpenDescriptor(directory.PathOf("fifo"), {}).ok());  // and does not block
  CHECK_FALSE(OpenDescriptor("/dev/null", {}).ok());
}

TEST_CASE("direct I/O is what the descriptor says") {
  const TemporaryDirectory directory;
  const std::string path = directory.PathOf("f");
  const auto opened = OpenDescriptor(path, {.mode = OpenMode::kCreateExclusive, .direct = true});
  REQUIRE(opened.ok());
  PosixFile file(path, *opened);
  const bool direct = (fcntl(opened->descriptor, F_GETFL) & O_DIRECT) != 0;
  CHECK(file.is_direct() == direct);
  if (direct) {
    CHECK(file.alignment() >= 512);
    CHECK(AlignedBuffer::kDefaultAlignment % file.alignment() == 0);
  } else {
    MESSAGE("this file system refuses direct I/O");
    CHECK(file.alignment() == 1);
  }
}

}  // namespace
}  // namespace perigee::storage
