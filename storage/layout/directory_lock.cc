// SPDX-License-Identifier: Apache-2.0
#include "storage/layout/directory_lock.h"

#include <unistd.h>

#include <array>
#include <fstream>
#include <set>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/log.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"
#include "storage/io/fork_generation.h"
#include "storage/layout/file_names.h"

namespace perigee::storage {
namespace {

constexpr size_t kHolderBytesMax = 512;

// The directories that this process has open for writing.
class Registry {
 public:
  // False when the directory is there already.
  bool Add(uint64_t device, uint64_t inode) {
    const absl::MutexLock lock(&mutex_);
    return directories_.emplace(device, inode).second;
  }

  void Remove(uint64_t device, uint64_t inode) {
    const absl::MutexLock lock(&mutex_);
    directories_.erase({device, inode});
  }

 private:
  absl::Mutex mutex_;
  std::set<std::pair<uint64_t, uint64_t>> directories_ ABSL_GUARDED_BY(mutex_);
};

Registry& OpenDirectories() {
  static Registry* const registry = new Registry;  // never destroyed: locks may outlive main
  return *registry;
}

// Who holds the lock, for people; a process id means nothing on another host or after a reboot.
std::string DescribeThisProcess() {
  std::array<char, 256> host = {};
  if (gethostname(host.data(), host.size() - 1) != 0) {
    host[0] = '?';
  }
  std::string boot_id = "?";
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), boot_id);
  return absl::StrCat("pid ", getpid(), "\nhost ", host.data(), "\nboot ", boot_id, "\n");
}

// The first lines of LOCK as one printable line; the file may hold anything.
std::string DescribeHolder(FileSystem& file_system, const std::string& lock_path) {
  std::array<std::byte, kHolderBytesMax> buffer;
  auto file = file_system.Open(lock_path, {});
  if (!file.ok()) {
    return "unknown";
  }
  const absl::StatusOr<size_t> count = (*file)->Read(0, buffer);
  std::string text(count.ok() ? AsText(std::span(buffer).first(*count)) : "");
  for (char& letter : text) {
    if (letter == '\n') {
      letter = ' ';
    } else if (!absl::ascii_isprint(static_cast<unsigned char>(letter))) {
      letter = '?';
    }
  }
  absl::StripAsciiWhitespace(&text);
  return text.empty() ? "unknown" : text;
}

absl::StatusOr<std::unique_ptr<File>> OpenOrCreate(FileSystem& file_system,
                                                   const std::string& path) {
  auto file = file_system.Open(path, {.mode = OpenMode::kReadWrite});
  if (!absl::IsNotFound(file.status())) {
    return file;
  }
  file = file_system.Open(path, {.mode = OpenMode::kCreateExclusive});
  if (absl::IsAlreadyExists(file.status())) {  // another process was faster
    return file_system.Open(path, {.mode = OpenMode::kReadWrite});
  }
  return file;
}

}  // namespace

absl::StatusOr<std::unique_ptr<DirectoryLock>> DirectoryLock::Acquire(
    FileSystem& file_system, const std::string& path, const DirectoryLockOptions& options) {
  PERIGEE_ASSIGN_OR_RETURN(const SpaceStatus space, file_system.Space(path));
  if (space.is_network && !options.allow_network_filesystem) {
    return absl::FailedPreconditionError(
        absl::StrCat(path,
                     " is on a network file system, whose locks and flushes are not to be "
                     "trusted; use a local disk, or allow_network_filesystem"));
  }
  // "/." so that a symbolic link to the directory is the same as the directory.
  PERIGEE_ASSIGN_OR_RETURN(const FileStatus status, file_system.Stat(absl::StrCat(path, "/.")));
  const std::string lock_path = absl::StrCat(path, "/", Absl(kLockName));
  std::unique_ptr<DirectoryLock> lock(
      new DirectoryLock({.device = status.device, .inode = status.inode}));
  if (!OpenDirectories().Add(status.device, status.inode)) {
    return ErrorWithReason(ErrorReason::kLocked,
                           absl::StrCat(path, " is already open in this process (pid ", getpid(),
                                        "); share that handle, or open it read-only"));
  }
  lock->registered_ = true;  // from here on the destructor takes the entry away
  PERIGEE_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, OpenOrCreate(file_system, lock_path));
  absl::StatusOr<std::unique_ptr<FileLock>> file_lock = file_system.Lock(lock_path);
  if (GetErrorReason(file_lock.status()) == ErrorReason::kLocked) {
    return ErrorWithReason(
        ErrorReason::kLocked,
        absl::StrCat(path, " is open in another process (", DescribeHolder(file_system, lock_path),
                     "); connect to that server, stop it, or open read-only"));
  }
  PERIGEE_RETURN_IF_ERROR(file_lock.status());
  lock->file_lock_ = *std::move(file_lock);
  const std::string holder = DescribeThisProcess();
  absl::Status written = file->Truncate(0);
  written.Update(file->Write(0, AsBytes(holder)));
  if (!written.ok()) {
    // The text is only for people: a full disk must not keep the database from opening.
    Log(LogLevel::kWarning, "directory.lock_text", Std(written.message()));
  }
  return lock;
}

DirectoryLock::DirectoryLock(DirectoryKey key) : key_(key), fork_generation_(ForkGeneration()) {}

DirectoryLock::~DirectoryLock() {
  file_lock_.reset();  // first, so that the next one in this process finds it free
  if (registered_) {
    OpenDirectories().Remove(key_.device, key_.inode);
  }
}

bool DirectoryLock::held() const { return ForkGeneration() == fork_generation_; }

}  // namespace perigee::storage
