// SPDX-License-Identifier: Apache-2.0
#include "tests/support/simulated_file.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "storage/foundation/status_macros.h"
#include "storage/io/errno_status.h"

namespace perigee::storage {

SimulatedFile::SimulatedFile(std::shared_ptr<SimulatedDisk> disk, Parts parts)
    : disk_(std::move(disk)), parts_(std::move(parts)) {}

absl::StatusOr<size_t> SimulatedFile::DoRead(uint64_t offset, std::span<std::byte> buffer,
                                             IoSite site) {
  const absl::MutexLock lock(&disk_->mutex);
  if (const int error = disk_->Begin(CallKind::kRead, parts_.path, site); error != 0) {
    return Fail(error, "read");
  }
  return ReadLocked(offset, buffer);
}

absl::Status SimulatedFile::DoReadBatch(std::span<ReadRequest> requests, IoSite site) {
  const absl::MutexLock lock(&disk_->mutex);
  if (const int error = disk_->Begin(CallKind::kRead, parts_.path, site); error != 0) {
    return Fail(error, "read");
  }
  for (ReadRequest& request : requests) {
    PERIGEE_ASSIGN_OR_RETURN(request.bytes_read, ReadLocked(request.offset, request.buffer));
  }
  return absl::OkStatus();
}

absl::Status SimulatedFile::DoWrite(uint64_t offset, std::span<const std::byte> bytes,
                                    IoSite site) {
  const absl::MutexLock lock(&disk_->mutex);
  size_t short_bytes = 0;
  int error = disk_->Begin(CallKind::kWrite, parts_.path, site, &short_bytes);
  if (error == 0 && !parts_.writable) {
    return Fail(EBADF, "write");
  }
  if (error == 0 && !Aligned(offset, bytes.data(), bytes.size())) {
    return Fail(EINVAL, "write");
  }
  SimulatedInode& inode = disk_->At(parts_.inode);
  const uint64_t growth = offset + bytes.size() > inode.visible.size()
                              ? offset + bytes.size() - inode.visible.size()
                              : 0;
  if (error == 0 && disk_->capacity_bytes.has_value() && growth > 0 &&
      disk_->UsedBytes() + growth > *disk_->capacity_bytes) {
    error = ENOSPC;
  }
  const std::span<const std::byte> written =
      error == 0 ? bytes : bytes.first(std::min(short_bytes, bytes.size()));
  if (!written.empty()) {
    inode.Write(offset, written);
  }
  return error == 0 ? absl::OkStatus() : Fail(error, "write");
}

absl::Status SimulatedFile::DoSync(IoSite site) {
  const absl::MutexLock lock(&disk_->mutex);
  const uint64_t failures = disk_->planned_failures;
  const int error = disk_->Begin(CallKind::kSync, parts_.path, site);
  SimulatedInode& inode = disk_->At(parts_.inode);
  if (!disk_->stopped && inode.sync_failed) {
    ++disk_->syncs_after_failed_sync;
  }
  if (error == 0) {
    inode.Sync();
    return absl::OkStatus();
  }
  if (disk_->planned_failures > failures) {
    inode.FailSync(disk_->sync_failure);
  }
  return Fail(error, "sync");
}

absl::StatusOr<uint64_t> SimulatedFile::DoSize(IoSite site) {
  const absl::MutexLock lock(&disk_->mutex);
  if (const int error = disk_->Begin(CallKind::kSize, parts_.path, site); error != 0) {
    return Fail(error, "size");
  }
  return disk_->Look(parts_.inode).visible.size();
}

absl::Status SimulatedFile::DoTruncate(uint64_t size, IoSite site) {
  const absl::MutexLock lock(&disk_->mutex);
  if (const int error = disk_->Begin(CallKind::kTruncate, parts_.path, site); error != 0) {
    return Fail(error, "truncate");
  }
  if (!parts_.writable) {
    return Fail(EINVAL, "truncate");
  }
  disk_->At(parts_.inode).Truncate(size);
  return absl::OkStatus();
}

absl::Status SimulatedFile::Fail(int error, std::string_view operation) const {
  return ErrnoStatus(error, operation, parts_.path);
}

bool SimulatedFile::Aligned(uint64_t offset, const std::byte* data, size_t size) const {
  return offset % parts_.alignment == 0 && size % parts_.alignment == 0 &&
         reinterpret_cast<uintptr_t>(data) % parts_.alignment == 0;
}

absl::StatusOr<size_t> SimulatedFile::ReadLocked(uint64_t offset, std::span<std::byte> buffer) {
  if (!Aligned(offset, buffer.data(), buffer.size())) {
    return Fail(EINVAL, "read");
  }
  const SimulatedInode& inode = disk_->Look(parts_.inode);
  const std::string device = parts_.is_direct && inode.diverged ? inode.DeviceImage() : "";
  const std::string& image = parts_.is_direct && inode.diverged ? device : inode.visible;
  if (offset >= image.size()) {
    return size_t{0};
  }
  const size_t count = std::min<size_t>(buffer.size(), image.size() - offset);
  std::copy_n(reinterpret_cast<const std::byte*>(image.data()) + offset, count, buffer.data());
  return count;
}

}  // namespace perigee::storage
