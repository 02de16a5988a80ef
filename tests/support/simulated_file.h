// SPDX-License-Identifier: Apache-2.0
//
// SimulatedFile: an open file of a SimulatedFileSystem.
//
// Invariants: as file_system.h; a direct file refuses what is not aligned (EINVAL), as a kernel
// does, and reads past what a failed sync left in the cache (D6).
// Thread-safety: may be used from every thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "storage/io/file_system.h"
#include "tests/support/simulated_disk.h"

namespace perigee::storage {

class SimulatedFile final : public File {
 public:
  struct Parts {
    std::string path = {};
    uint64_t inode = 0;
    bool writable = false;
    bool is_direct = false;
    size_t alignment = 1;
    uint64_t failed_syncs = 0;  ///< of the file before it was opened
  };

  SimulatedFile(std::shared_ptr<SimulatedDisk> disk, Parts parts);

  absl::StatusOr<size_t> DoRead(uint64_t offset, std::span<std::byte> buffer, IoSite site) override;
  absl::Status DoReadBatch(std::span<ReadRequest> requests, IoSite site) override;
  absl::Status DoWrite(uint64_t offset, std::span<const std::byte> bytes, IoSite site) override;
  absl::Status DoSync(IoSite site) override;
  absl::StatusOr<uint64_t> DoSize(IoSite site) override;
  absl::Status DoTruncate(uint64_t size, IoSite site) override;
  absl::Status DoAllocate(uint64_t size, IoSite site) override;

  bool is_direct() const override { return parts_.is_direct; }
  size_t alignment() const override { return parts_.alignment; }
  const std::string& path() const override { return parts_.path; }

 private:
  absl::Status Fail(int error, std::string_view operation) const;
  bool Aligned(uint64_t offset, const std::byte* data, size_t size) const;
  absl::StatusOr<size_t> ReadLocked(uint64_t offset, std::span<std::byte> buffer,
                                    Disturbance disturbance)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(disk_->mutex);

  const std::shared_ptr<SimulatedDisk> disk_;
  const Parts parts_;
};

}  // namespace perigee::storage
