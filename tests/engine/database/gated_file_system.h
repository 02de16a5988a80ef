// SPDX-License-Identifier: Apache-2.0
//
// GatedFileSystem: another file system, in which reads of segment sections can be made to wait, so
// that a test can look at a database in the midst of loading.
//
// Which reads wait is a matter of their place in the file, not of their order: several loaders
// read.
//
// Invariants: everything else passes through at once; opening a segment file (a batch of its head
// and its tail) does too.
// Thread-safety: may be used from every thread.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "storage/io/file_system.h"

namespace perigee::engine {

class ReadGate {
 public:
  /// Holds the reads that begin at `begin` or behind it, before `end`.
  void Hold(uint64_t begin = 0, uint64_t end = std::numeric_limits<uint64_t>::max()) {
    const absl::MutexLock lock(&mutex_);
    begin_ = begin;
    end_ = end;
    held_ = true;
  }
  void Open() {
    const absl::MutexLock lock(&mutex_);
    held_ = false;
  }
  void Pass(uint64_t offset) {
    const absl::MutexLock lock(&mutex_);
    if (offset < begin_ || offset >= end_) {
      return;
    }
    ++waiting_;
    mutex_.Await(absl::Condition(
        +[](bool* held) { return !*held; }, &held_));
    --waiting_;
  }
  /// Returns when a read waits.
  void AwaitReader() {
    const absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](int* waiting) { return *waiting > 0; }, &waiting_));
  }

 private:
  absl::Mutex mutex_;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t begin_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t end_ ABSL_GUARDED_BY(mutex_) = 0;
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
};

class GatedFile final : public storage::File {
 public:
  GatedFile(std::unique_ptr<storage::File> file, ReadGate& gate)
      : file_(std::move(file)), gate_(gate) {}

  bool is_direct() const override { return file_->is_direct(); }
  size_t alignment() const override { return file_->alignment(); }
  const std::string& path() const override { return file_->path(); }

 protected:
  absl::StatusOr<size_t> DoRead(uint64_t offset, std::span<std::byte> buffer,
                                storage::IoSite site) override {
    gate_.Pass(offset);
    return file_->Read(offset, buffer, site);
  }
  absl::Status DoReadBatch(std::span<storage::ReadRequest> requests,
                           storage::IoSite site) override {
    return file_->ReadBatch(requests, site);
  }
  absl::Status DoWrite(uint64_t offset, std::span<const std::byte> bytes,
                       storage::IoSite site) override {
    return file_->Write(offset, bytes, site);
  }
  absl::Status DoSync(storage::IoSite site) override { return file_->Sync(site); }
  absl::StatusOr<uint64_t> DoSize(storage::IoSite site) override { return file_->Size(site); }
  absl::Status DoTruncate(uint64_t size, storage::IoSite site) override {
    return file_->Truncate(size, site);
  }
  absl::Status DoAllocate(uint64_t size, storage::IoSite site) override {
    return file_->Allocate(size, site);
  }

 private:
  const std::unique_ptr<storage::File> file_;
  ReadGate& gate_;
};

class GatedFileSystem final : public storage::FileSystem {
 public:
  explicit GatedFileSystem(storage::FileSystem& disk) : disk_(disk) {}

  ReadGate& gate() { return gate_; }
  const char* name() const override { return disk_.name(); }

 protected:
  absl::StatusOr<std::unique_ptr<storage::File>> DoOpen(const std::string& path,
                                                        const storage::OpenOptions& options,
                                                        storage::IoSite site) override {
    absl::StatusOr<std::unique_ptr<storage::File>> file = disk_.Open(path, options, site);
    if (file.ok() && path.find("/seg/") != std::string::npos) {
      return std::make_unique<GatedFile>(*std::move(file), gate_);
    }
    return file;
  }
  absl::Status DoCreateDirectory(const std::string& path, storage::IoSite site) override {
    return disk_.CreateDirectory(path, site);
  }
  absl::Status DoSyncDirectory(const std::string& path, storage::IoSite site) override {
    return disk_.SyncDirectory(path, site);
  }
  absl::Status DoRename(const std::string& from, const std::string& to,
                        storage::IoSite site) override {
    return disk_.Rename(from, to, site);
  }
  absl::Status DoLink(const std::string& from, const std::string& to,
                      storage::IoSite site) override {
    return disk_.Link(from, to, site);
  }
  absl::Status DoRemoveFile(const std::string& path, storage::IoSite site) override {
    return disk_.RemoveFile(path, site);
  }
  absl::Status DoRemoveDirectory(const std::string& path, storage::IoSite site) override {
    return disk_.RemoveDirectory(path, site);
  }
  absl::StatusOr<storage::FileStatus> DoStat(const std::string& path,
                                             storage::IoSite site) override {
    return disk_.Stat(path, site);
  }
  absl::StatusOr<std::vector<std::string>> DoList(const std::string& path,
                                                  storage::IoSite site) override {
    return disk_.List(path, site);
  }
  absl::StatusOr<std::unique_ptr<storage::FileLock>> DoLock(const std::string& path,
                                                            storage::IoSite site) override {
    return disk_.Lock(path, site);
  }
  absl::StatusOr<storage::SpaceStatus> DoSpace(const std::string& path,
                                               storage::IoSite site) override {
    return disk_.Space(path, site);
  }

 private:
  storage::FileSystem& disk_;
  ReadGate gate_;
};

}  // namespace perigee::engine
