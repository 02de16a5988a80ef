// SPDX-License-Identifier: Apache-2.0
#include "storage/layout/space_reserve.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/log.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"
#include "storage/layout/durable_directory.h"
#include "storage/layout/file_names.h"

namespace perigee::storage {
namespace {

// Small steps, so that others who fill the disk get as little as possible of what is given up.
constexpr uint64_t kStepBytes = uint64_t{256} << 10U;

}  // namespace

SpaceReserve::SpaceReserve(DurableDirectory& files, uint64_t wanted_bytes)
    : files_(files), wanted_bytes_(wanted_bytes) {}

void SpaceReserve::Find() {
  FileSystem& file_system = files_.file_system();
  const absl::MutexLock lock(&mutex_);
  const absl::StatusOr<FileStatus> status = file_system.Stat(files_.PathOf(kReserveName));
  exists_ = status.ok() && status->is_regular_file;
  held_bytes_ = exists_ ? status->size : 0;
}

absl::Status SpaceReserve::Refill() {
  const absl::MutexLock lock(&mutex_);
  return held_bytes_ >= wanted_bytes_ ? absl::OkStatus() : Resize(wanted_bytes_);
}

bool SpaceReserve::Release(uint64_t bytes) {
  std::function<void()> on_released;
  {
    const absl::MutexLock lock(&mutex_);
    if (held_bytes_ == 0 || CanaryActive("reserve-never-released")) {
      return false;
    }
    const uint64_t left = held_bytes_ - std::min(held_bytes_, std::max(bytes, kStepBytes));
    if (const absl::Status resized = Resize(left); !resized.ok()) {
      Log(LogLevel::kWarning, "reserve.release", Std(resized.message()));
      held_bytes_ = 0;
      return false;
    }
    Log(LogLevel::kWarning, "reserve.released",
        absl::StrCat("the disk is full; ", left, " bytes of the reserve are left"));
    on_released = on_released_;
  }
  if (on_released) {
    on_released();
  }
  return true;
}

absl::Status SpaceReserve::Attempt(absl::FunctionRef<absl::Status()> work) {
  absl::Status status = work();
  while (GetErrorReason(status) == ErrorReason::kDiskFull && Release(kStepBytes)) {
    status = work();
  }
  return status;
}

uint64_t SpaceReserve::held_bytes() const {
  const absl::MutexLock lock(&mutex_);
  return held_bytes_;
}

uint64_t SpaceReserve::missing_bytes() const {
  const uint64_t held = held_bytes();
  return wanted_bytes_ - std::min(wanted_bytes_, held);
}

uint64_t SpaceReserve::owed_bytes() const {
  const absl::MutexLock lock(&mutex_);
  return exists_ ? wanted_bytes_ - std::min(wanted_bytes_, held_bytes_) : 0;
}

void SpaceReserve::SetOnReleased(std::function<void()> on_released) {
  const absl::MutexLock lock(&mutex_);
  on_released_ = std::move(on_released);
}

absl::Status SpaceReserve::Resize(uint64_t bytes) {
  FileSystem& file_system = files_.file_system();
  const std::string path = files_.PathOf(kReserveName);
  absl::StatusOr<std::unique_ptr<File>> opened =
      file_system.Open(path, {.mode = exists_ ? OpenMode::kReadWrite : OpenMode::kCreateExclusive});
  PERIGEE_RETURN_IF_ERROR(opened.status());
  File& file = **opened;
  if (bytes <= held_bytes_) {
    PERIGEE_RETURN_IF_ERROR(file.Truncate(bytes));
  } else if (absl::Status allocated = file.Allocate(bytes); !allocated.ok()) {
    // What it got is given back: a reserve in part would keep the limits from being met.
    if (exists_) {
      file.Truncate(held_bytes_).IgnoreError();
    } else {
      file_system.RemoveFile(path).IgnoreError();
    }
    return allocated;
  }
  exists_ = true;
  held_bytes_ = bytes;
  return absl::OkStatus();
}

}  // namespace perigee::storage
