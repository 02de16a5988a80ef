// SPDX-License-Identifier: Apache-2.0
//
// SparedFileSystem: a file system whose own allocations do not fail, so that a simulated disk is
// not harmed by what is meant for the database on it.
//
// Invariants: every call is passed on unchanged.
// Thread-safety: as the file system below.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/io/file_system.h"
#include "tests/durability/allocation_failure.h"

namespace perigee::tests {

class SparedFile final : public storage::File {
 public:
  explicit SparedFile(std::unique_ptr<storage::File> file) : file_(std::move(file)) {}

  bool is_direct() const override { return file_->is_direct(); }
  size_t alignment() const override { return file_->alignment(); }
  const std::string& path() const override { return file_->path(); }

 protected:
  absl::StatusOr<size_t> DoRead(uint64_t offset, std::span<std::byte> buffer,
                                storage::IoSite site) override {
    const SparedAllocations spared;
    return file_->Read(offset, buffer, site);
  }
  absl::Status DoReadBatch(std::span<storage::ReadRequest> requests,
                           storage::IoSite site) override {
    const SparedAllocations spared;
    return file_->ReadBatch(requests, site);
  }
  absl::Status DoWrite(uint64_t offset, std::span<const std::byte> bytes,
                       storage::IoSite site) override {
    const SparedAllocations spared;
    return file_->Write(offset, bytes, site);
  }
  absl::Status DoSync(storage::IoSite site) override {
    const SparedAllocations spared;
    return file_->Sync(site);
  }
  absl::StatusOr<uint64_t> DoSize(storage::IoSite site) override {
    const SparedAllocations spared;
    return file_->Size(site);
  }
  absl::Status DoTruncate(uint64_t size, storage::IoSite site) override {
    const SparedAllocations spared;
    return file_->Truncate(size, site);
  }
  absl::Status DoAllocate(uint64_t size, storage::IoSite site) override {
    const SparedAllocations spared;
    return file_->Allocate(size, site);
  }

 private:
  const std::unique_ptr<storage::File> file_;
};

class SparedFileSystem final : public storage::FileSystem {
 public:
  /// `below` outlives the object.
  explicit SparedFileSystem(storage::FileSystem& below) : below_(below) {}

  const char* name() const override { return below_.name(); }

 protected:
  absl::StatusOr<std::unique_ptr<storage::File>> DoOpen(const std::string& path,
                                                        const storage::OpenOptions& options,
                                                        storage::IoSite site) override {
    const SparedAllocations spared;
    auto file = below_.Open(path, options, site);
    if (!file.ok()) {
      return file.status();
    }
    return std::unique_ptr<storage::File>(new SparedFile(*std::move(file)));
  }
  absl::Status DoCreateDirectory(const std::string& path, storage::IoSite site) override {
    const SparedAllocations spared;
    return below_.CreateDirectory(path, site);
  }
  absl::Status DoSyncDirectory(const std::string& path, storage::IoSite site) override {
    const SparedAllocations spared;
    return below_.SyncDirectory(path, site);
  }
  absl::Status DoRename(const std::string& from, const std::string& to,
                        storage::IoSite site) override {
    const SparedAllocations spared;
    return below_.Rename(from, to, site);
  }
  absl::Status DoLink(const std::string& from, const std::string& to,
                      storage::IoSite site) override {
    const SparedAllocations spared;
    return below_.Link(from, to, site);
  }
  absl::Status DoRemoveFile(const std::string& path, storage::IoSite site) override {
    const SparedAllocations spared;
    return below_.RemoveFile(path, site);
  }
  absl::Status DoRemoveDirectory(const std::string& path, storage::IoSite site) override {
    const SparedAllocations spared;
    return below_.RemoveDirectory(path, site);
  }
  absl::StatusOr<storage::FileStatus> DoStat(const std::string& path,
                                             storage::IoSite site) override {
    const SparedAllocations spared;
    return below_.Stat(path, site);
  }
  absl::StatusOr<std::vector<std::string>> DoList(const std::string& path,
                                                  storage::IoSite site) override {
    const SparedAllocations spared;
    return below_.List(path, site);
  }
  absl::StatusOr<std::unique_ptr<storage::FileLock>> DoLock(const std::string& path,
                                                            storage::IoSite site) override {
    const SparedAllocations spared;
    auto lock = below_.Lock(path, site);
    if (!lock.ok()) {
      return lock.status();
    }
    return std::unique_ptr<storage::FileLock>(*std::move(lock));
  }
  absl::StatusOr<storage::SpaceStatus> DoSpace(const std::string& path,
                                               storage::IoSite site) override {
    const SparedAllocations spared;
    return below_.Space(path, site);
  }

 private:
  storage::FileSystem& below_;
};

}  // namespace perigee::tests
