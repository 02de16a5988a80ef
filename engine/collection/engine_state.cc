// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/engine_state.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/log.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"
#include "storage/io/fork_generation.h"

namespace perigee::engine {
WorkPermit::~WorkPermit() {
  if (state_ != nullptr) {
    state_->EndWork();
  }
}

EngineState::EngineState(Options options)
    : options_(std::move(options)), fork_generation_(storage::ForkGeneration()) {}

bool EngineState::forked() const { return storage::ForkGeneration() != fork_generation_; }

absl::Status EngineState::CheckOpen() const {
  if (forked()) {
    return absl::FailedPreconditionError(
        "this process was forked from the one that opened the database; open it again here after "
        "that process has closed it");
  }
  if (closed()) {
    return absl::FailedPreconditionError("the database is closed; open it again");
  }
  return absl::OkStatus();
}

absl::Status EngineState::CheckWritable() const {
  if (absl::Status open = CheckOpen(); !open.ok()) {
    return open;
  }
  if (!options_.recovery_reason.empty()) {
    return ErrorWithReason(ErrorReason::kReadOnly, options_.recovery_reason);
  }
  if (options_.read_only) {
    return ErrorWithReason(ErrorReason::kReadOnly,
                           "the database was opened read-only; open it without read_only to write");
  }
  return failed_.load() ? storage_error() : absl::OkStatus();
}

absl::StatusOr<WorkPermit> EngineState::BeginWork() {
  PERIGEE_RETURN_IF_ERROR(CheckWritable());
  return BeginLook();
}

absl::StatusOr<WorkPermit> EngineState::BeginLook() {
  PERIGEE_RETURN_IF_ERROR(CheckOpen());
  absl::MutexLock lock(&mutex_);
  // The flag is set before WaitIdle takes the lock, so either it sees this permit or we see it.
  if (closed()) {
    return CheckOpen();
  }
  ++permits_;
  return WorkPermit(this);
}

void EngineState::EndWork() {
  absl::MutexLock lock(&mutex_);
  --permits_;
}

void EngineState::WaitIdle() {
  if (forked()) {
    return;  // the holders of permits do not exist in this process
  }
  const auto idle = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return permits_ == 0; };
  absl::MutexLock lock(&mutex_, absl::Condition(&idle));
}

void EngineState::Fail(const absl::Status& status) {
  absl::Status error = ErrorWithReason(
      ErrorReason::kStorageFailed,
      absl::StrCat("storage failed, the database takes no writes until it is opened again: ",
                   status.message()));
  {
    absl::MutexLock lock(&mutex_);
    if (failed_.load()) {
      return;
    }
    storage_error_ = error;
    failed_.store(true);
  }
  Log(LogLevel::kError, "storage.failed", Std(error.message()));
  if (options_.on_storage_failed) {
    options_.on_storage_failed(error);
  }
}

absl::Status EngineState::storage_error() const {
  absl::MutexLock lock(&mutex_);
  return storage_error_;
}

}  // namespace perigee::engine
