// SPDX-License-Identifier: Apache-2.0
#include "engine/database/disk_space_guard.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/log.h"

namespace perigee::engine {
namespace {

constexpr uint64_t kFreeBytesMinDefaultMax = 2ULL << 30U;

}  // namespace

absl::Status DiskSpaceGuard::Check() {
  const absl::StatusOr<storage::SpaceStatus> space = file_system_.Space(path_);
  if (!space.ok()) {
    // Not knowing is no reason to refuse: the log file that the write goes to exists already.
    return absl::OkStatus();
  }
  const uint64_t limit = free_bytes_min_ != 0
                             ? free_bytes_min_
                             : std::min(space->total_bytes / 20, kFreeBytesMinDefaultMax);
  const uint64_t needed = refusing_.load() ? limit + limit / 4 : limit;
  if (space->available_bytes >= needed) {
    refusing_.store(false);
    return absl::OkStatus();
  }
  if (!refusing_.exchange(true)) {
    Log(LogLevel::kWarning, "disk.full", absl::StrCat(space->available_bytes, " bytes free"));
  }
  return ErrorWithReason(
      ErrorReason::kDiskFull,
      absl::StrCat("the disk of ", path_, " has ", space->available_bytes,
                   " bytes free, less than ", needed,
                   "; upserts are refused. Free some space, or lower disk_free_bytes_min"));
}

}  // namespace perigee::engine
