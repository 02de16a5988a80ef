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
//     and of the reserve is enough for it.
//  3. What the reserve has given up does not count as free for upserts, and it is made again only
//  where upserts are taken afterwards: it is not to keep the
//     limit from being met.
//
// Thread-safety: all methods may be called from every thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/io/file_system.h"
#include "storage/layout/space_reserve.h"

namespace perigee::engine {

class DiskSpaceGuard {
 public:
  /// `free_bytes_min` 0: the smaller of 5% of the disk and 2 GiB. `reserve` is null where nothing
  /// is written. Both outlive the guard.
  DiskSpaceGuard(storage::FileSystem& file_system, std::string path, uint64_t free_bytes_min,
                 storage::SpaceReserve* reserve = nullptr)
      : file_system_(file_system),
        path_(std::move(path)),
        free_bytes_min_(free_bytes_min),
        reserve_(reserve) {}

  /// Ok to upsert, or kDiskFull.
  absl::Status Check();
  /// Ok to write `new_bytes` that will take the place of `old_bytes`, or kDiskFull.
  absl::Status CheckRewrite(uint64_t new_bytes, uint64_t old_bytes);
  /// Makes the reserve as large as it is to be, if there is room. False when it stays short.
  bool RefillReserve();
  /// Whether upserts that were refused would be taken again.
  bool HasRoom() const;
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
  storage::SpaceReserve* const reserve_;
  std::atomic<bool> refusing_ = false;
  std::atomic<bool> low_ = false;
};

}  // namespace perigee::engine
