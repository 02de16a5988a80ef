// SPDX-License-Identifier: Apache-2.0
#include "storage/layout/directory_lock.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/foundation/error_reason.h"
#include "storage/io/posix_file_system.h"
#include "tests/support/simulated_file_system.h"
#include "tests/support/temporary_directory.h"

namespace perigee::storage {
namespace {

TEST_CASE("one handle in a process") {
  PosixFileSystem disk;
  const TemporaryDirectory directory;
  auto first = DirectoryLock::Acquire(disk, directory.path(), {});
  REQUIRE(first.ok());
  CHECK((*first)->held());
  const auto second = DirectoryLock::Acquire(disk, directory.path() + "/.", {});
  CHECK(GetErrorReason(second.status()) == ErrorReason::kLocked);
  CHECK(second.status().message().find(absl::string_view("in this process")) !=
        absl::string_view::npos);
  first->reset();
  CHECK(DirectoryLock::Acquire(disk, directory.path(), {}).ok());
}

TEST_CASE("closing another descriptor of the file does not free the lock") {
  PosixFileSystem disk;
  const TemporaryDirectory directory;
  const auto lock = DirectoryLock::Acquire(disk, directory.path(), {});
  REQUIRE(lock.ok());
  REQUIRE(disk.Open(directory.PathOf("LOCK"), {}).ok());  // opened and closed
  CHECK(GetErrorReason(disk.Lock(directory.PathOf("LOCK")).status()) == ErrorReason::kLocked);
}

// What another process sees: 1 when the lock is taken, 0 when it gets it.
int TryInAnotherProcess(const std::string& path) {
  const pid_t child = fork();
  if (child == 0) {
    // The registry of the parent was copied, so the child asks the file as a stranger would.
    PosixFileSystem disk;
    const bool locked = GetErrorReason(disk.Lock(path + "/LOCK").status()) == ErrorReason::kLocked;
    _exit(locked ? 1 : 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_CASE("one process") {
  PosixFileSystem disk;
  const TemporaryDirectory directory;
  {
    const auto lock = DirectoryLock::Acquire(disk, directory.path(), {});
    REQUIRE(lock.ok());
    CHECK(TryInAnotherProcess(directory.path()) == 1);
  }
  CHECK(TryInAnotherProcess(directory.path()) == 0);
}

TEST_CASE("the message names the holder whatever the file holds") {
  SimulatedFileSystem disk;
  REQUIRE(disk.CreateDirectory("db").ok());
  disk.SetContents("db/LOCK", "");
  const auto file_lock = disk.Lock("db/LOCK");  // as another process
  REQUIRE(file_lock.ok());
  const auto message = [&disk](std::string_view text) {
    disk.SetContents("db/LOCK", text);
    const auto lock = DirectoryLock::Acquire(disk, "db", {});
    REQUIRE(GetErrorReason(lock.status()) == ErrorReason::kLocked);
    return std::string(lock.status().message());
  };
  CHECK(message("pid 77\nhost h\nboot b\n").find("(pid 77 host h boot b)") != std::string::npos);
  CHECK(message("").find("(unknown)") != std::string::npos);
  const std::string hostile = message(std::string("\x1b[2J\0", 5) + std::string(5000, 'x'));
  CHECK(hostile.find('\x1b') == std::string::npos);
  CHECK(hostile.size() < 1000);
}

TEST_CASE("the file records the holder and a full disk does not keep it from opening") {
  SimulatedFileSystem disk;
  REQUIRE(disk.CreateDirectory("db").ok());
  {
    const auto lock = DirectoryLock::Acquire(disk, "db", {});
    REQUIRE(lock.ok());
    CHECK(disk.Contents("db/LOCK")->find("pid " + std::to_string(getpid()) + "\n") == 0);
  }
  disk.AddErrorPlan({.kind = CallKind::kWrite, .error_number = ENOSPC});
  CHECK(DirectoryLock::Acquire(disk, "db", {}).ok());
}

TEST_CASE("a failed attempt leaves the directory free") {
  for (uint64_t call = 1;; ++call) {
    SimulatedFileSystem disk;
    REQUIRE(disk.CreateDirectory("db").ok());
    disk.AddErrorPlan({.call_number = disk.calls() + call});
    const bool acquired = DirectoryLock::Acquire(disk, "db", {}).ok();
    if (disk.planned_failures() == 0) {
      CHECK(acquired);
      CHECK(call > 6);
      break;
    }
    CHECK(DirectoryLock::Acquire(disk, "db", {}).ok());
  }
}

TEST_CASE("network file systems need permission") {
  SimulatedFileSystem disk;
  REQUIRE(disk.CreateDirectory("db").ok());
  disk.SetNetwork(true);
  const auto refused = DirectoryLock::Acquire(disk, "db", {});
  CHECK(refused.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(disk.Files().empty());
  CHECK(DirectoryLock::Acquire(disk, "db", {.allow_network_filesystem = true}).ok());
}

TEST_CASE("a forked child does not hold the lock and cannot let it go") {
  PosixFileSystem disk;
  const TemporaryDirectory directory;
  auto lock = DirectoryLock::Acquire(disk, directory.path(), {});
  REQUIRE(lock.ok());
  const pid_t child = fork();
  if (child == 0) {
    const bool held = (*lock)->held();
    lock->reset();
    _exit(held ? 1 : 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK((*lock)->held());
  CHECK(GetErrorReason(disk.Lock(directory.PathOf("LOCK")).status()) == ErrorReason::kLocked);
}

TEST_CASE("a forked child that lives on does not keep the lock of its parent") {
  PosixFileSystem disk;
  const TemporaryDirectory directory;
  auto lock = DirectoryLock::Acquire(disk, directory.path(), {});
  REQUIRE(lock.ok());
  int pipe_ends[2];
  REQUIRE(pipe(pipe_ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    close(pipe_ends[1]);
    char byte = 0;
    const ssize_t ended = read(pipe_ends[0], &byte, 1);  // until the parent closes
    _exit(ended == 0 ? 0 : 1);
  }
  lock->reset();
  CHECK(DirectoryLock::Acquire(disk, directory.path(), {}).ok());
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
}

}  // namespace
}  // namespace perigee::storage
