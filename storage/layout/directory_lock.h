// SPDX-License-Identifier: Apache-2.0
//
// DirectoryLock: one writer process per data directory, and one handle in that process (F10). The
// file LOCK is held with an open-file-description lock; a process-wide registry keyed by device and
// inode of the directory refuses a second handle in the same process. The file's text names the
// holder for the message that others get.
//
// Invariants:
//  1. While an object lives and held() is true, no other process or handle has the directory.
//  2. The lock goes when the process ends, however it ends; the text that stays behind means
//     nothing.
//  3. In a child made by fork, held() is false: the parent is still the writer.
//
// Thread-safety: Acquire may be called from every thread; held() too.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage/io/file_system.h"

namespace perigee::storage {

struct DirectoryLockOptions {
  /// NFS, CIFS, FUSE and the like are refused otherwise: their locks and flushes are not to be
  /// trusted.
  bool allow_network_filesystem = false;
};

class DirectoryLock {
 public:
  /// Locks the existing directory `path`, creating the file LOCK in it where that is missing.
  /// kFailedPrecondition: with reason locked when someone has it, without a reason when the file
  /// system is a network file system. The file system must outlive the lock.
  static absl::StatusOr<std::unique_ptr<DirectoryLock>> Acquire(
      FileSystem& file_system, const std::string& path, const DirectoryLockOptions& options);

  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

  /// False in a child process made by fork after Acquire.
  bool held() const;

 private:
  struct DirectoryKey {
    uint64_t device = 0;
    uint64_t inode = 0;
  };
  explicit DirectoryLock(DirectoryKey key);

  DirectoryKey key_;
  std::unique_ptr<FileLock> file_lock_;
  uint64_t fork_generation_;
  bool registered_ = false;
};

}  // namespace perigee::storage
