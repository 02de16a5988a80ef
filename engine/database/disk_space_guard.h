// SPDX-License-Identifier: Apache-2.0
//
// DiskSpaceGuard: refuses upserts before the disk is full (D14), so that a full disk is never found
// out by a failed append. Deletes are not asked: they go on from what is left.
//
// Invariants: below the hard limit Check answers kDiskFull; once it did, it does so until free
// space is a quarter of the limit above it, so that a database at the edge does not flap.
// Thread-safety: Check may be called from every thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "storage/io/file_system.h"

namespace perigee::engine {

class DiskSpaceGuard {
 public:
  /// `free_bytes_min` 0: the smaller of 5% of the disk and 2 GiB. `file_system` outlives the guard.
  DiskSpaceGuard(storage::FileSystem& file_system, std::string path, uint64_t free_bytes_min)
      : file_system_(file_system), path_(std::move(path)), free_bytes_min_(free_bytes_min) {}

  absl::Status Check();

 private:
  storage::FileSystem& file_system_;
  const std::string path_;
  const uint64_t free_bytes_min_;
  std::atomic<bool> refusing_ = false;
};

}  // namespace perigee::engine
