// SPDX-License-Identifier: Apache-2.0
//
// PosixFileSystem: the backend that works everywhere, over pread, pwrite, fdatasync and the
// directory calls of the kernel. UringFileSystem is this one with other open files.
//
// Invariants: as file_system.h. Files are made with mode 0600, directories with 0700.
// Thread-safety: may be used from every thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "storage/io/file_system.h"
#include "storage/io/io_watch.h"

namespace perigee::storage {

class PosixFileSystem : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<File>> DoOpen(const std::string& path, const OpenOptions& options,
                                               IoSite site) override;
  absl::Status DoCreateDirectory(const std::string& path, IoSite site) override;
  absl::Status DoSyncDirectory(const std::string& path, IoSite site) override;
  absl::Status DoRename(const std::string& from, const std::string& to, IoSite site) override;
  absl::Status DoLink(const std::string& from, const std::string& to, IoSite site) override;
  absl::Status DoRemoveFile(const std::string& path, IoSite site) override;
  absl::Status DoRemoveDirectory(const std::string& path, IoSite site) override;
  absl::StatusOr<FileStatus> DoStat(const std::string& path, IoSite site) override;
  absl::StatusOr<std::vector<std::string>> DoList(const std::string& path, IoSite site) override;
  absl::StatusOr<std::unique_ptr<FileLock>> DoLock(const std::string& path, IoSite site) override;
  absl::StatusOr<SpaceStatus> DoSpace(const std::string& path, IoSite site) override;
  const char* name() const override { return "posix"; }
  const IoWatch* watch() const override { return watch_.get(); }

 protected:
  const std::shared_ptr<IoWatch>& shared_watch() const { return watch_; }

 private:
  const std::shared_ptr<IoWatch> watch_ = std::make_shared<IoWatch>();  // shared with open files
};

/// Whether a file system with this statfs type keeps its data on another machine or in another
/// process, so that its locks and flushes are not to be trusted (F10).
bool IsNetworkFileSystemType(int64_t statfs_type);

}  // namespace perigee::storage
