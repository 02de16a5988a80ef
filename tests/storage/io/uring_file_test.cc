// SPDX-License-Identifier: Apache-2.0
#include "storage/io/uring_file.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "storage/encoding/byte_codec.h"
#include "storage/io/file_system_selection.h"
#include "storage/io/thread_ring.h"
#include "storage/io/uring_file_system.h"
#include "tests/storage/io/scripted_uring_queue.h"
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

// A file of a scripted kernel.
struct ScriptedFile {
  ScriptedFile() {
    SetUringQueueFactory(ScriptedUringQueue::FactoryFor(script));
    auto opened = disk.Open(directory.PathOf("f"), {.mode = OpenMode::kCreateExclusive});
    REQUIRE(opened.ok());
    file = *std::move(opened);
  }
  ~ScriptedFile() { SetUringQueueFactory(nullptr); }
  ScriptedFile(const ScriptedFile&) = delete;
  ScriptedFile& operator=(const ScriptedFile&) = delete;

  std::string Contents() {
    std::string text(100, '\0');
    const auto count = file->Read(0, std::as_writable_bytes(std::span(text)));
    REQUIRE(count.ok());
    return text.substr(0, *count);
  }

  std::shared_ptr<UringScript> script = std::make_shared<UringScript>();
  TemporaryDirectory directory;
  UringFileSystem disk;
  std::unique_ptr<File> file;
};

TEST_CASE("U4: a flush is submitted when the write before has completed in full, U5: by itself") {
  ScriptedFile bed;
  bed.script->answers = {3, -EINTR, -EAGAIN, 0};
  REQUIRE(bed.file->Write(0, AsBytes("some text")).ok());
  REQUIRE(bed.file->Sync().ok());
  const std::vector<std::string> expected = {
      "submit write 9", "complete write 3",   "submit write 6", "complete write -4",
      "submit write 6", "complete write -11", "submit write 6", "complete write 6",
      "submit sync 0",  "complete sync 0"};
  CHECK(bed.script->events == expected);
  CHECK(bed.Contents() == "some text");
}

TEST_CASE("U4: a flush is acknowledged by its completion, however late, and never before") {
  ScriptedFile bed;
  REQUIRE(bed.file->Write(0, AsBytes("text")).ok());
  // The kernel has the flush, and the wait for it is interrupted; then it fails.
  bed.script->refusals = {-EINTR};
  bed.script->refusals_accept = true;
  bed.script->answers = {-EIO};
  const absl::Status synced = bed.file->Sync();
  CHECK(synced.code() == absl::StatusCode::kUnavailable);
  CHECK(bed.script->events.back() == "complete sync -5");
}

TEST_CASE("U6: short, interrupted and postponed completions do not show") {
  ScriptedFile bed;
  bed.script->answers = {1, -EINTR, 2, -EAGAIN, 0};
  REQUIRE(bed.file->Write(0, AsBytes("0123456789")).ok());
  bed.script->answers = {-EAGAIN, -EINTR};
  REQUIRE(bed.file->Sync().ok());
  bed.script->answers = {-EINTR, 4, -EAGAIN, 3};
  CHECK(bed.Contents() == "0123456789");

  bed.script->answers = {2, -EINTR, 1, -EAGAIN, 3};
  bed.script->reversed = true;
  std::array<std::byte, 4> first = {};
  std::array<std::byte, 4> second = {};
  std::array<std::byte, 4> third = {};
  std::array<ReadRequest, 3> requests = {{{.offset = 0, .buffer = first},
                                          {.offset = 3, .buffer = second},
                                          {.offset = 8, .buffer = third}}};
  REQUIRE(bed.file->ReadBatch(requests).ok());
  CHECK(AsText(first) == "0123");
  CHECK(AsText(second) == "3456");
  CHECK(requests[2].bytes_read == 2);
  CHECK(AsText(std::span(third).first(2)) == "89");
}

TEST_CASE("U6: a write that stands still is an error") {
  ScriptedFile bed;
  bed.script->answers = {-ENOSPC};
  CHECK(absl::IsResourceExhausted(bed.file->Write(0, AsBytes("text"))));
  bed.script->answers = {-EIO};
  CHECK(absl::IsUnavailable(bed.file->Sync()));
}

TEST_CASE("a refused ring is no error: the calls go the other way") {
  ScriptedFile bed;
  SetUringQueueFactory([]() -> absl::StatusOr<std::unique_ptr<UringQueue>> {
    return absl::PermissionDeniedError("set up io_uring: not here");
  });
  REQUIRE(bed.file->Write(0, AsBytes("text")).ok());
  REQUIRE(bed.file->Sync().ok());
  CHECK(bed.Contents() == "text");
  CHECK(bed.script->events.empty());
}

}  // namespace
}  // namespace perigee::storage
