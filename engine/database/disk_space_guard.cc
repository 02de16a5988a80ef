// SPDX-License-Identifier: Apache-2.0
#include "engine/database/disk_space_guard.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/log.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::engine {
namespace {

constexpr uint64_t kFreeBytesMinDefaultMax = 2ULL << 30U;
constexpr uint64_t kFivePoints = 20;  // a twentieth of the disk

}  // namespace

DiskSpaceGuard::Limits DiskSpaceGuard::LimitsOf(const storage::SpaceStatus& space) const {
  const uint64_t points = space.total_bytes / kFivePoints;
  Limits limits;
  limits.hard = free_bytes_min_ != 0 ? free_bytes_min_ : std::min(points, kFreeBytesMinDefaultMax);
  limits.soft = 2 * limits.hard;
  limits.resume = limits.hard + std::min(points, limits.hard);
  return limits;
}

absl::StatusOr<storage::SpaceStatus> DiskSpaceGuard::Space() const {
  return file_system_.Space(path_);
}

absl::Status DiskSpaceGuard::Check() {
  const absl::StatusOr<storage::SpaceStatus> space = Space();
  if (!space.ok()) {
    // Not knowing is no reason to refuse: the log file that the write goes to exists already.
    return absl::OkStatus();
  }
  const Limits limits = LimitsOf(*space);
  const uint64_t needed = refusing_.load() ? limits.resume : limits.hard;
  // What the reserve gave up is not for upserts.
  const uint64_t owed = reserve_ == nullptr ? 0 : reserve_->owed_bytes();
  const uint64_t free = space->available_bytes - std::min(space->available_bytes, owed);
  if (free >= needed && !(refusing_.load() && CanaryActive("disk-full-sticky"))) {
    if (refusing_.exchange(false)) {
      Log(LogLevel::kInfo, "disk.resumed",
          absl::StrCat(free, " bytes free; upserts are taken again"));
    }
    return absl::OkStatus();
  }
  if (!refusing_.exchange(true)) {
    Log(LogLevel::kWarning, "disk.full",
        absl::StrCat(free, " bytes free; upserts are refused until ", limits.resume, " are"));
  }
  return ErrorWithReason(
      ErrorReason::kDiskFull,
      absl::StrCat("the disk of ", path_, " has ", free, " bytes free, less than ", needed,
                   "; upserts are refused. Free some space, or lower disk_free_bytes_min"));
}

absl::Status DiskSpaceGuard::CheckRewrite(uint64_t new_bytes, uint64_t old_bytes) {
  const absl::StatusOr<storage::SpaceStatus> space = Space();
  if (!space.ok()) {
    return absl::OkStatus();
  }
  const uint64_t free = space->available_bytes;
  const uint64_t soft = LimitsOf(*space).soft;
  if (free >= soft && free - soft >= new_bytes) {
    low_.store(false);
    return absl::OkStatus();
  }
  if (new_bytes < old_bytes) {
    if (new_bytes <= free / 2) {
      return absl::OkStatus();
    }
    const uint64_t held = reserve_ == nullptr ? 0 : reserve_->held_bytes();
    if (new_bytes <= (free + held) / 2 && reserve_->Release(new_bytes)) {
      return absl::OkStatus();
    }
  }
  if (!low_.exchange(true)) {
    Log(LogLevel::kWarning, "disk.low",
        absl::StrCat(free, " bytes free; segments are not rewritten until there is more"));
  }
  return ErrorWithReason(
      ErrorReason::kDiskFull,
      absl::StrCat("the disk of ", path_, " has ", free, " bytes free; rewriting ", old_bytes,
                   " bytes of segments into ", new_bytes, " would leave less than ", soft,
                   ". Free some space, or lower disk_free_bytes_min"));
}

bool DiskSpaceGuard::RefillReserve() {
  const uint64_t missing = reserve_ == nullptr ? 0 : reserve_->missing_bytes();
  if (missing == 0) {
    return true;
  }
  const absl::StatusOr<storage::SpaceStatus> space = Space();
  if (!space.ok() || space->available_bytes < missing ||
      space->available_bytes - missing < LimitsOf(*space).resume) {
    return false;
  }
  const absl::Status refilled = reserve_->Refill();
  if (!refilled.ok()) {
    Log(LogLevel::kWarning, "reserve.refill", Std(refilled.message()));
    return false;
  }
  Log(LogLevel::kInfo, "reserve.ready",
      absl::StrCat(reserve_->held_bytes(), " bytes are kept for a full disk"));
  return true;
}

bool DiskSpaceGuard::HasRoom() const {
  const absl::StatusOr<storage::SpaceStatus> space = Space();
  return space.ok() && space->available_bytes >= LimitsOf(*space).resume;
}

std::string DiskSpaceGuard::warning() {
  const absl::StatusOr<storage::SpaceStatus> space = Space();
  if (!space.ok()) {
    return "";
  }
  std::string text;
  if (space->available_bytes < LimitsOf(*space).soft) {
    text = absl::StrCat("the disk has ", space->available_bytes, " bytes free, less than ",
                        LimitsOf(*space).soft,
                        refusing_.load() ? "; upserts are refused" : "; upserts are refused soon");
  }
  if (const uint64_t missing = reserve_ == nullptr ? 0 : reserve_->missing_bytes(); missing > 0) {
    absl::StrAppend(&text, text.empty() ? "" : "; ", "the reserve for a full disk lacks ", missing,
                    " of ", reserve_->wanted_bytes(), " bytes");
  }
  return text;
}

}  // namespace perigee::engine
