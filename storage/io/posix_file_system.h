// SPDX-License-Identifier: Apache-2.0
//
// PosixFileSystem: the backend that works everywhere, over pread, pwrite, fdatasync and the
// directory calls of the kernel. UringFileSystem is this one with other open files.
//
// Invariants: as file_system.h. Files are made with mode 0600, directories with 0700.
// Thread-safety: stateless; may be used from every thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "storage/io/file_system.h"

namespace perigee::storage {

class PosixFileSystem : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path,
                                             const OpenOptions& options) override;
  absl::Status CreateDirectory(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Link(const std::string& from, const std::string& to) override;
  absl::Status RemoveFile(const std::string& path) override;
  absl::Status RemoveDirectory(const std::string& path) override;
  absl::StatusOr<FileStatus> Stat(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path) override;
  absl::StatusOr<SpaceStatus> Space(const std::string& path) override;
  const char* name() const override { return "posix"; }
};

/// Whether a file system with this statfs type keeps its data on another machine or in another
/// process, so that its locks and flushes are not to be trusted (F10).
bool IsNetworkFileSystemType(int64_t statfs_type);

}  // namespace perigee::storage
