// SPDX-License-Identifier: Apache-2.0
#include "tests/support/simulated_file.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "storage/foundation/status_macros.h"
#include "storage/io/aligned_buffer.h"
#include "storage/io/errno_status.h"
#include "storage/io/full_transfer.h"

namespace perigee::storage {
namespace {

// The answers of a kernel that is disturbed in its first call and well from then on.
class Disturbed {
 public:
  // Direct I/O is cut short only at multiples of its alignment.
  Disturbed(Disturbance disturbance, size_t alignment) : disturbance_(disturbance) {
    disturbance_.short_bytes = AlignUp(disturbance_.short_bytes, alignment);
  }

  /// How much of `size` the next call moves, or a negative errno value.
  ssize_t Moved(size_t size) {
    const Disturbance now = std::exchange(disturbance_, {});
    if (now.error_number != 0 && now.short_bytes == 0) {
      return -now.error_number;
    }
    return static_cast<ssize_t>(now.error_number == 0 ? size : std::min(size, now.short_bytes));
  }

 private:
  Disturbance disturbance_;
};

}  // namespace

SimulatedFile::SimulatedFile(std::shared_ptr<SimulatedDisk> disk, Parts parts)
    : disk_(std::move(disk)), parts_(std::move(parts)) {}

absl::StatusOr<size_t> SimulatedFile::DoRead(uint64_t offset, std::span<std::byte> buffer,
                                             IoSite site) {
  const absl::MutexLock lock(&disk_->mutex);
  Disturbance disturbance;
  if (const int error = disk_->Begin(CallKind::kRead, parts_.path, site, &disturbance);
      error != 0) {
    return Fail(error, "read");
  }
  return ReadLocked(offset, buffer, disturbance);
}

absl::Status SimulatedFile::DoReadBatch(std::span<ReadRequest> requests, IoSite site) {
  const absl::MutexLock lock(&disk_->mutex);
  Disturbance disturbance;
  if (const int error = disk_->Begin(CallKind::kRead, parts_.path, site, &disturbance);
      error != 0) {
    return Fail(error, "read");
  }
  for (ReadRequest& request : requests) {
    PERIGEE_ASSIGN_OR_RETURN(request.bytes_read,
                             ReadLocked(request.offset, request.buffer, disturbance));
  }
  return absl::OkStatus();
}

absl::Status SimulatedFile::DoWrite(uint64_t offset, std::span<const std::byte> bytes,
                                    IoSite site) {
  const absl::MutexLock lock(&disk_->mutex);
  Disturbance disturbance;
  int error = disk_->Begin(CallKind::kWrite, parts_.path, site, &disturbance);
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
  const bool disturbed = error == 0 && disturbance.error_number != 0;
  if (disturbed) {
    Disturbed kernel(disturbance, parts_.alignment);
    error = -WriteFully(
        [&kernel, &inode](uint64_t at, std::span<const std::byte> rest) {
          const ssize_t count = kernel.Moved(rest.size());
          if (count > 0) {
            inode.Write(at, rest.first(static_cast<size_t>(count)));
          }
          return count;
        },
        offset, bytes, parts_.alignment);
    return error == 0 ? absl::OkStatus() : Fail(error, "write");
  }
  const std::span<const std::byte> written =
      error == 0 ? bytes : bytes.first(std::min(disturbance.short_bytes, bytes.size()));
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
  if (!disk_->stopped && inode.failed_syncs > parts_.failed_syncs) {
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

absl::Status SimulatedFile::DoAllocate(uint64_t size, IoSite site) {
  const absl::MutexLock lock(&disk_->mutex);
  if (const int error = disk_->Begin(CallKind::kAllocate, parts_.path, site); error != 0) {
    return Fail(error, "allocate");
  }
  if (!parts_.writable) {
    return Fail(EBADF, "allocate");
  }
  const uint64_t end = disk_->Look(parts_.inode).visible.size();
  if (size <= end) {
    return absl::OkStatus();
  }
  if (disk_->capacity_bytes.has_value() &&
      disk_->UsedBytes() + (size - end) > *disk_->capacity_bytes) {
    return Fail(ENOSPC, "allocate");
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

absl::StatusOr<size_t> SimulatedFile::ReadLocked(uint64_t offset, std::span<std::byte> buffer,
                                                 Disturbance disturbance) {
  if (!Aligned(offset, buffer.data(), buffer.size())) {
    return Fail(EINVAL, "read");
  }
  const SimulatedInode& inode = disk_->Look(parts_.inode);
  const std::string device = parts_.is_direct && inode.diverged ? inode.DeviceImage() : "";
  const std::string& image = parts_.is_direct && inode.diverged ? device : inode.visible;
  if (offset >= image.size()) {
    return size_t{0};
  }
  Disturbed kernel(disturbance, parts_.alignment);
  const ssize_t count = ReadFully(
      [&kernel, &image](uint64_t at, std::span<std::byte> rest) -> ssize_t {
        const size_t left = at < image.size() ? image.size() - at : 0;
        const ssize_t moved = kernel.Moved(std::min(rest.size(), left));
        if (moved > 0) {
          std::copy_n(reinterpret_cast<const std::byte*>(image.data()) + at, moved, rest.data());
        }
        return moved;
      },
      offset, buffer, parts_.alignment);
  if (count < 0) {
    return Fail(static_cast<int>(-count), "read");
  }
  return static_cast<size_t>(count);
}

}  // namespace perigee::storage
