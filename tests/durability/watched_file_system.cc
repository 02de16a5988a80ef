// SPDX-License-Identifier: Apache-2.0
#include "tests/durability/watched_file_system.h"

#include <algorithm>
#include <utility>

#include "storage/foundation/status_macros.h"

namespace perigee::engine {
namespace {

// The file systems whose before_call runs on this thread now.
thread_local std::vector<const WatchedFileSystem*> looking;

class WatchedFile final : public storage::File {
 public:
  WatchedFile(WatchedFileSystem& watch, std::unique_ptr<storage::File> below)
      : watch_(watch), below_(std::move(below)) {}

  bool is_direct() const override { return below_->is_direct(); }
  size_t alignment() const override { return below_->alignment(); }
  const std::string& path() const override { return below_->path(); }

 protected:
  absl::StatusOr<size_t> DoRead(uint64_t offset, std::span<std::byte> buffer,
                                storage::IoSite site) override {
    watch_.Look();
    return below_->Read(offset, buffer, site);
  }
  absl::Status DoReadBatch(std::span<storage::ReadRequest> requests,
                           storage::IoSite site) override {
    watch_.Look();
    return below_->ReadBatch(requests, site);
  }
  absl::Status DoWrite(uint64_t offset, std::span<const std::byte> bytes,
                       storage::IoSite site) override {
    watch_.Look();
    return below_->Write(offset, bytes, site);
  }
  absl::Status DoSync(storage::IoSite site) override {
    watch_.Look();
    return below_->Sync(site);
  }
  absl::StatusOr<uint64_t> DoSize(storage::IoSite site) override {
    watch_.Look();
    return below_->Size(site);
  }
  absl::Status DoTruncate(uint64_t size, storage::IoSite site) override {
    watch_.Look();
    return below_->Truncate(size, site);
  }
  absl::Status DoAllocate(uint64_t size, storage::IoSite site) override {
    watch_.Look();
    return below_->Allocate(size, site);
  }

 private:
  WatchedFileSystem& watch_;
  const std::unique_ptr<storage::File> below_;
};

}  // namespace

void WatchedFileSystem::Look() {
  if (std::find(looking.begin(), looking.end(), this) == looking.end()) {
    looking.push_back(this);
    before_call_();
    looking.pop_back();
  }
}

absl::StatusOr<std::unique_ptr<storage::File>> WatchedFileSystem::DoOpen(
    const std::string& path, const storage::OpenOptions& options, storage::IoSite site) {
  Look();
  PERIGEE_ASSIGN_OR_RETURN(std::unique_ptr<storage::File> file, below_.Open(path, options, site));
  return std::make_unique<WatchedFile>(*this, std::move(file));
}

absl::Status WatchedFileSystem::DoCreateDirectory(const std::string& path, storage::IoSite site) {
  Look();
  return below_.CreateDirectory(path, site);
}

absl::Status WatchedFileSystem::DoSyncDirectory(const std::string& path, storage::IoSite site) {
  Look();
  return below_.SyncDirectory(path, site);
}

absl::Status WatchedFileSystem::DoRename(const std::string& from, const std::string& to,
                                         storage::IoSite site) {
  Look();
  return below_.Rename(from, to, site);
}

absl::Status WatchedFileSystem::DoLink(const std::string& from, const std::string& to,
                                       storage::IoSite site) {
  Look();
  return below_.Link(from, to, site);
}

absl::Status WatchedFileSystem::DoRemoveFile(const std::string& path, storage::IoSite site) {
  Look();
  return below_.RemoveFile(path, site);
}

absl::Status WatchedFileSystem::DoRemoveDirectory(const std::string& path, storage::IoSite site) {
  Look();
  return below_.RemoveDirectory(path, site);
}

absl::StatusOr<storage::FileStatus> WatchedFileSystem::DoStat(const std::string& path,
                                                              storage::IoSite site) {
  Look();
  return below_.Stat(path, site);
}

absl::StatusOr<std::vector<std::string>> WatchedFileSystem::DoList(const std::string& path,
                                                                   storage::IoSite site) {
  Look();
  return below_.List(path, site);
}

absl::StatusOr<std::unique_ptr<storage::FileLock>> WatchedFileSystem::DoLock(
    const std::string& path, storage::IoSite site) {
  Look();
  return below_.Lock(path, site);
}

absl::StatusOr<storage::SpaceStatus> WatchedFileSystem::DoSpace(const std::string& path,
                                                                storage::IoSite site) {
  Look();
  return below_.Space(path, site);
}

}  // namespace perigee::engine
