// SPDX-License-Identifier: Apache-2.0
//
// DiskSpaceGuard: keeps a full disk from being found out by a failed append (D14). Below the hard
// limit upserts are refused; below the soft limit, twice as much, segments are rewritten only where
// that gives space back. Deletes are not asked: they go on from what is left.
//
// Invariants:
//  1. Once upserts are refused they are until free space is five points of the disk above the
//     limit, or twice the limit if that is less: a database at the edge does not flap, and takes
//     writes again by itself.
//  2. What deletes leave dead can be rewritten on a full disk, as long as half of the free space
//     is enough for it.
//
// Thread-safety: all methods may be called from every thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/io/file_system.h"

namespace perigee::engine {

class DiskSpaceGuard {
 public:
  /// `free_bytes_min` 0: the smaller of 5% of the disk and 2 GiB. `file_system` outlives the guard.
  DiskSpaceGuard(storage::FileSystem& file_system, std::string path, uint64_t free_bytes_min)
      : file_system_(file_system), path_(std::move(path)), free_bytes_min_(free_bytes_min) {}

  /// Ok to upsert, or kDiskFull.
  absl::Status Check();
  /// Ok to write `new_bytes` that will take the place of `old_bytes`, or kDiskFull.
  absl::Status CheckRewrite(uint64_t new_bytes, uint64_t old_bytes);
  /// What to tell of the disk; empty when there is enough of it.
  std::string warning();

 private:
  struct Limits {
    uint64_t hard = 0;
    uint64_t soft = 0;
    uint64_t resume = 0;  ///< upserts that were refused are taken again
  };
  Limits LimitsOf(const storage::SpaceStatus& space) const;
  absl::StatusOr<storage::SpaceStatus> Space() const;

  storage::FileSystem& file_system_;
  const std::string path_;
  const uint64_t free_bytes_min_;
  std::atomic<bool> refusing_ = false;
  std::atomic<bool> low_ = false;
};

}  // namespace perigee::engine
