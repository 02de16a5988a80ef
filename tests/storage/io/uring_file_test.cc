// SPDX-License-Identifier: Apache-2.0
#include "storage/io/uring_file.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <thread>
#include <vector>

#include "storage/encoding/byte_codec.h"
#include "storage/io/file_system_selection.h"
#include "storage/io/uring_file_system.h"
#include "tests/support/temporary_directory.h"

namespace perigee::storage {
namespace {

bool UringIsThere() {
  const absl::Status probed = ProbeUring();
  if (!probed.ok()) {
    MESSAGE("io_uring is not tested here: ", std::string(probed.message()));
  }
  return probed.ok();
}

TEST_CASE("a forked child reads and writes without a ring") {
  if (!UringIsThere()) {
    return;
  }
  const TemporaryDirectory directory;
  UringFileSystem disk;
  auto file = disk.Open(directory.PathOf("f"), {.mode = OpenMode::kCreateExclusive});
  REQUIRE(file.ok());
  REQUIRE((*file)->Write(0, AsBytes("parent")).ok());
  const pid_t child = fork();
  if (child == 0) {
    std::array<std::byte, 6> buffer = {};
    ReadRequest request{.offset = 0, .buffer = buffer};
    const bool good = (*file)->Read(0, buffer).ok() && AsText(buffer) == "parent" &&
                      (*file)->ReadBatch(std::span(&request, 1)).ok() && request.bytes_read == 6 &&
                      (*file)->Write(6, AsBytes("child")).ok() && (*file)->Sync().ok();
    _exit(good ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  std::array<std::byte, 11> buffer = {};
  CHECK(*(*file)->Read(0, buffer) == 11);
  CHECK(AsText(buffer) == "parentchild");
}

TEST_CASE("errors of completions have the codes of the interface") {
  if (!UringIsThere()) {
    return;
  }
  const TemporaryDirectory directory;
  UringFileSystem disk;
  { REQUIRE(disk.Open(directory.PathOf("f"), {.mode = OpenMode::kCreateExclusive}).ok()); }
  auto file = disk.Open(directory.PathOf("f"), {});
  REQUIRE(file.ok());
  const absl::Status refused = (*file)->Write(0, AsBytes("x"));  // EBADF, from the completion
  CHECK(refused.code() == absl::StatusCode::kUnavailable);
  CHECK(std::string(refused.message()).find(directory.PathOf("f")) != std::string::npos);
  // Offsets that the kernel cannot have.
  std::array<std::byte, 4> buffer = {};
  CHECK_FALSE((*file)->Read(1ULL << 63U, buffer).ok());
  ReadRequest request{.offset = 1ULL << 63U, .buffer = buffer};
  CHECK_FALSE((*file)->ReadBatch(std::span(&request, 1)).ok());
}

TEST_CASE("many short-lived threads give their rings back") {
  if (!UringIsThere()) {
    return;
  }
  const TemporaryDirectory directory;
  UringFileSystem disk;
  auto file = disk.Open(directory.PathOf("f"), {.mode = OpenMode::kCreateExclusive});
  REQUIRE(file.ok());
  REQUIRE((*file)->Write(0, AsBytes("text")).ok());
  for (int i = 0; i < 300; ++i) {
    std::thread([&file] {
      std::array<std::byte, 4> buffer = {};
      const auto count = (*file)->Read(0, buffer);
      CHECK(count.ok());
      CHECK(AsText(buffer) == "text");
    }).join();
  }
}

}  // namespace
}  // namespace perigee::storage
