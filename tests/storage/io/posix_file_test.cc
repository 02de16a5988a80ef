// SPDX-License-Identifier: Apache-2.0
#include "storage/io/posix_file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "storage/encoding/byte_codec.h"
#include "storage/io/aligned_buffer.h"
#include "tests/support/refused_call.h"
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

// Pages of the file in the page cache; nothing where the kernel is older than 6.5.
std::optional<uint64_t> CachedPages(const std::string& path) {
  constexpr long kCachestat = 451;
  struct Range {
    uint64_t offset = 0;
    uint64_t length = 0;  // to the end
  } range;
  struct Counts {
    uint64_t cached = 0;
    uint64_t dirty = 0;
    uint64_t writeback = 0;
    uint64_t evicted = 0;
    uint64_t recently_evicted = 0;
  } counts;
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(descriptor >= 0);
  const long result = syscall(kCachestat, descriptor, &range, &counts, 0);
  close(descriptor);
  return result == 0 ? std::optional(counts.cached) : std::nullopt;
}

TEST_CASE("where direct I/O is refused an open reads the disk and not the page cache") {
  constexpr size_t kBytes = 64 * 4096;
  const tests::RefusedCall no_direct[] = {
      {.number = SYS_fcntl, .error_number = EINVAL, .only_with = {{.index = 2, .mask = O_DIRECT}}}};
  for (const OpenMode mode : {OpenMode::kReadOnly, OpenMode::kReadWrite}) {
    const TemporaryDirectory directory;
    const std::string path = directory.PathOf("f");
    const std::string bytes(kBytes, 'x');
    {
      PosixFile file(path, *OpenDescriptor(path, {.mode = OpenMode::kCreateExclusive}));
      REQUIRE(file.Write(0, AsBytes(bytes)).ok());  // not synced: dirty pages go too
    }
    if (struct statfs status = {}; statfs(path.c_str(), &status) != 0 ||
                                   status.f_type == TMPFS_MAGIC || !CachedPages(path).has_value()) {
      MESSAGE("a file system in memory, or a kernel that does not tell what is in its page cache");
      return;
    }
    CHECK(CachedPages(path) == kBytes / 4096);
    CHECK(tests::HoldsWhereRefused(no_direct, [&] {
      const auto opened = OpenDescriptor(path, {.mode = mode, .direct = true});
      return opened.ok() && !opened->is_direct && opened->alignment == 1;
    }));
    CHECK(CachedPages(path) == 0);
    PosixFile file(path, *OpenDescriptor(path, {}));
    std::string back(kBytes, '\0');
    REQUIRE(file.Read(0, std::as_writable_bytes(std::span(back))).ok());
    CHECK(back == bytes);
    // An open that does not ask for the disk leaves the cache alone.
    CHECK(CachedPages(path) > 0);
  }
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
