// SPDX-License-Identifier: Apache-2.0
//
// WatchedFileSystem: a file system that lets a test look in before every call: a disk that is
// copied then is the disk after the call before, which is where a crash may strike.
//
// Invariants: `before_call` runs on the calling thread, before the call and without a lock; calls
// that it causes itself on that thread are passed on without being watched.
// Thread-safety: like the file system below, if `before_call` may run on several threads.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/io/file_system.h"

namespace perigee::engine {

class WatchedFileSystem final : public storage::FileSystem {
 public:
  using BeforeCall = std::function<void()>;

  /// `below` outlives the object and its files.
  WatchedFileSystem(storage::FileSystem& below, BeforeCall before_call)
      : below_(below), before_call_(std::move(before_call)) {}

  const char* name() const override { return below_.name(); }

  /// Runs before_call, unless it is running on this thread.
  void Look();

 protected:
  absl::StatusOr<std::unique_ptr<storage::File>> DoOpen(const std::string& path,
                                                        const storage::OpenOptions& options,
                                                        storage::IoSite site) override;
  absl::Status DoCreateDirectory(const std::string& path, storage::IoSite site) override;
  absl::Status DoSyncDirectory(const std::string& path, storage::IoSite site) override;
  absl::Status DoRename(const std::string& from, const std::string& to,
                        storage::IoSite site) override;
  absl::Status DoLink(const std::string& from, const std::string& to,
                      storage::IoSite site) override;
  absl::Status DoRemoveFile(const std::string& path, storage::IoSite site) override;
  absl::Status DoRemoveDirectory(const std::string& path, storage::IoSite site) override;
  absl::StatusOr<storage::FileStatus> DoStat(const std::string& path,
                                             storage::IoSite site) override;
  absl::StatusOr<std::vector<std::string>> DoList(const std::string& path,
                                                  storage::IoSite site) override;
  absl::StatusOr<std::unique_ptr<storage::FileLock>> DoLock(const std::string& path,
                                                            storage::IoSite site) override;
  absl::StatusOr<storage::SpaceStatus> DoSpace(const std::string& path,
                                               storage::IoSite site) override;

 private:
  storage::FileSystem& below_;
  const BeforeCall before_call_;
};

}  // namespace perigee::engine
