// SPDX-License-Identifier: Apache-2.0
//
// PowercutFileSystem: a real disk on which the death of this process is a power cut. Unflushed
// bytes and unflushed names live in the memory of the process and reach the disk with Sync and
// SyncDirectory alone, so kill -9 of a real server takes what a power cut takes.
//
// Invariants:
//  1. A name that was made, moved or removed is so on the disk once its directory was synced, and
//     not before; a file that was synced in a directory that was not is not there after the kill,
//     and a name whose file was never synced may hold nothing. Moving a name between two
//     directories takes both.
//  2. Files without a durable name are kept in the spill directory, which lies on the same disk
//     and means nothing after the process; whoever starts the next process empties it.
//  3. With a seed some names and sectors reach the disk early: any subset may (testing.md 1).
//  4. Nobody else changes the directories in use. Directories are not renamed.
//
// Thread-safety: may be used from every thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "storage/io/file_system.h"
#include "tests/support/powercut_file.h"

namespace perigee::storage {

struct PowercutOptions {
  /// Exists, and is on the disk of the files in use.
  std::string spill_directory = {};
  /// 0: nothing reaches the disk before it is synced.
  uint64_t seed = 0;
  std::vector<PowercutFailure> failures = {};
  /// The process is killed when it makes this change, counted from 1; 0: never.
  uint64_t kill_at_call = 0;
};

class PowercutFileSystem final : public FileSystem {
 public:
  PowercutFileSystem(std::unique_ptr<FileSystem> disk, PowercutOptions options);
  ~PowercutFileSystem() override;

  const char* name() const override { return disk_->name(); }

 protected:
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

 private:
  struct Object;
  using ObjectPointer = std::shared_ptr<Object>;
  using Entries = std::map<std::string, ObjectPointer>;
  /// A directory and a name in it, which may be free.
  struct Place {
    ObjectPointer directory;
    std::string name;
    ObjectPointer object;
  };

  absl::StatusOr<ObjectPointer> FindDirectory(const std::string& path, const char* operation)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Place> Find(const std::string& path, const char* operation)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// As Find; ENOENT when the name is free, EISDIR when it is a directory.
  absl::StatusOr<Place> FindFile(const std::string& path, const char* operation)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Load(Object& directory, const std::string& path)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<ObjectPointer> MakeFile() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status OpenNode(Object& file) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// Gives the file a name in the spill directory, so that all others may go.
  absl::Status Pin(Object& file) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string NewSpillPath() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// Changes what `name` means for this process; nullptr frees it.
  absl::Status SetVisible(Object& directory, const std::string& name, ObjectPointer object)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// Makes the disk's entry the visible one.
  absl::Status Persist(Object& directory, const std::string& name)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status RemoveFromDisk(const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<FileSystem> disk_;  // shared with files that outlive this
  const std::string spill_directory_;
  const std::shared_ptr<PowercutPower> power_;
  absl::Mutex mutex_;
  uint64_t spilled_ ABSL_GUARDED_BY(mutex_) = 0;
  Entries directories_ ABSL_GUARDED_BY(mutex_);  // by path, those in use
  std::map<std::pair<uint64_t, uint64_t>, std::weak_ptr<Object>> files_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace perigee::storage
