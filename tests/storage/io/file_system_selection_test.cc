// SPDX-License-Identifier: Apache-2.0
#include "storage/io/file_system_selection.h"

#include <doctest/doctest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <iterator>
#include <string>
#include <vector>

#include "storage/encoding/byte_codec.h"
#include "storage/foundation/log.h"
#include "storage/io/uring_file_system.h"
#include "storage/io/uring_ring.h"
#include "tests/support/temporary_directory.h"

namespace perigee::storage {
namespace {

TEST_CASE("posix is always there and says that it was asked for") {
  const auto selected = SelectFileSystem(BackendChoice::kPosix);
  REQUIRE(selected.ok());
  CHECK(std::string(selected->file_system->name()) == "posix");
  CHECK(selected->description == "posix (asked for)");
}

TEST_CASE("the choice follows the probe and one line says so") {
  std::vector<std::string> lines;
  SetLogSink([&lines](LogLevel, std::string_view event, std::string_view message) {
    if (event == "io.backend") {
      lines.emplace_back(message);
    }
  });
  const absl::Status probed = ProbeUring();
  const auto automatic = SelectFileSystem(BackendChoice::kAuto);
  const auto demanded = SelectFileSystem(BackendChoice::kIoUring);
  SetLogSink({});
  REQUIRE(automatic.ok());
  REQUIRE_FALSE(lines.empty());
  CHECK(lines[0] == automatic->description);
  if (probed.ok()) {
    CHECK(std::string(automatic->file_system->name()) == "io_uring");
    CHECK(automatic->description == "io_uring");
    REQUIRE(demanded.ok());
    CHECK(std::string(demanded->file_system->name()) == "io_uring");
  } else {
    CHECK(std::string(automatic->file_system->name()) == "posix");
    CHECK(automatic->description == "posix (" + std::string(probed.message()) + ")");
    CHECK(demanded.status() == probed);
  }
  CHECK(ProbeUring() == probed);
}

// Lets this process live on with every io_uring_setup failing, as a container's filter does.
bool RefuseRings(uint32_t error_number) {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error_number),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter = {.len = std::size(program), .filter = program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// What a process that may have no ring says of its backend; 0 when all is as it should be.
int UseRefusedRing(int error_number, const std::string& path) {
  SetLogSink([](LogLevel, std::string_view, std::string_view) {});
  if (!RefuseRings(static_cast<uint32_t>(error_number))) {
    return 77;
  }
  const absl::Status probed = UringRing::Create().status();
  const auto selected = SelectFileSystemKnowing(BackendChoice::kAuto, probed);
  const auto demanded = SelectFileSystemKnowing(BackendChoice::kIoUring, probed);
  if (!selected.ok() || demanded.ok()) {
    return 1;
  }
  const std::string reason = "errno " + std::to_string(error_number);
  if (std::string(selected->file_system->name()) != "posix" ||
      selected->description.find("posix (") != 0 ||
      selected->description.find(reason) == std::string::npos) {
    return 2;
  }
  // A thread that is refused a ring later, when the process had been granted one, writes as well.
  UringFileSystem ring_file_system;
  auto file = ring_file_system.Open(path, {.mode = OpenMode::kCreateExclusive});
  return file.ok() && (*file)->Write(0, AsBytes("text")).ok() && (*file)->Sync().ok() ? 0 : 3;
}

TEST_CASE("U1: where the kernel refuses a ring the POSIX backend serves and says why") {
  const TemporaryDirectory directory;
  for (const int error_number : {EPERM, ENOSYS, ENOMEM}) {
    CAPTURE(error_number);
    const std::string path = directory.PathOf("f" + std::to_string(error_number));
    const pid_t child = fork();
    if (child == 0) {
      _exit(UseRefusedRing(error_number, path));
    }
    int status = 0;
    waitpid(child, &status, 0);
    REQUIRE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
      MESSAGE("this process may not install a seccomp filter");
      continue;
    }
    CHECK(WEXITSTATUS(status) == 0);
  }
}

}  // namespace
}  // namespace perigee::storage
