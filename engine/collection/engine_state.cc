// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/engine_state.h"

#include <pthread.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/log.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::engine {
namespace {

// Counts the forks between the first process and this one. The handler runs in the child before
// fork() returns there, so no call of the child can see the old number.
std::atomic<uint64_t>& ForkGeneration() {
  static std::atomic<uint64_t> generation = 0;
  static const int registered =
      pthread_atfork(nullptr, nullptr, [] { ForkGeneration().fetch_add(1); });
  (void)registered;
  return generation;
}

}  // namespace

WorkPermit::~WorkPermit() {
  if (state_ != nullptr) {
    state_->EndWork();
  }
}

EngineState::EngineState(Options options)
    : options_(std::move(options)), fork_generation_(ForkGeneration().load()) {}

bool EngineState::forked() const { return ForkGeneration().load() != fork_generation_; }

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
  if (options_.read_only) {
    return ErrorWithReason(ErrorReason::kReadOnly,
                           "the database was opened read-only; open it without read_only to write");
  }
  return failed_.load() ? storage_error() : absl::OkStatus();
}

absl::StatusOr<WorkPermit> EngineState::BeginWork() {
  PERIGEE_RETURN_IF_ERROR(CheckWritable());
  absl::MutexLock lock(&mutex_);
  // Close() sets the flag before it takes the lock, so either it sees this permit or we see it.
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

bool EngineState::Close() {
  if (closed_.exchange(true)) {
    return false;
  }
  // In a forked child the holders of permits do not exist.
  if (!forked()) {
    const auto idle = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return permits_ == 0; };
    absl::MutexLock lock(&mutex_, absl::Condition(&idle));
  }
  return true;
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
