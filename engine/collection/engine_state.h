// SPDX-License-Identifier: Apache-2.0
//
// EngineState: whether an open database may be read and written, shared by the database, its
// collections and its maintenance. One place decides what a closed, forked, read-only, full or
// failed database answers.
//
// Invariants:
//  1. States only get worse: once closed or failed, a handle stays so until the directory is opened
//     again (D5: a failed flush is never retried).
//  2. The failure callback runs at most once, outside of every lock of this class.
//  3. In a forked child every check fails, because the threads and the lock did not come along.
//  4. Work that needs more than memory (the log, the manifest, files) holds a WorkPermit; WaitIdle
//     returns only when none is left, so nobody uses a part that is being taken down.
//
// Thread-safety: all methods may be called from every thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace perigee::engine {

class EngineState;

/// Keeps the database from being taken down while it lives.
class WorkPermit {
 public:
  WorkPermit(WorkPermit&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  WorkPermit& operator=(WorkPermit&&) = delete;
  ~WorkPermit();

 private:
  friend class EngineState;
  explicit WorkPermit(EngineState* state) : state_(state) {}
  EngineState* state_;
};

class EngineState {
 public:
  struct Options {
    uint64_t epoch = 0;
    bool read_only = false;
    /// Why a database that was to be written to is read-only; empty when that was asked for.
    std::string recovery_reason = {};
    std::function<void(const absl::Status&)> on_storage_failed = nullptr;
  };

  explicit EngineState(Options options);
  EngineState(const EngineState&) = delete;
  EngineState& operator=(const EngineState&) = delete;

  /// kFailedPrecondition when closed or when this process is a fork of the one that opened it.
  absl::Status CheckOpen() const;
  /// CheckOpen, then kReadOnly for a read-only handle and kStorageFailed after a failure.
  absl::Status CheckWritable() const;

  /// Storage failed: all later writes are refused with `status` as the cause. The first call wins.
  void Fail(const absl::Status& status);
  /// Ok, or kStorageFailed with the cause.
  absl::Status storage_error() const;

  /// Ok to write to log, manifest and files while the permit lives; errors as of CheckWritable.
  absl::StatusOr<WorkPermit> BeginWork();
  /// Ok to look at them; errors as of CheckOpen.
  absl::StatusOr<WorkPermit> BeginLook();

  /// Refuses everything from now on. False when closed before.
  bool MarkClosed() { return !closed_.exchange(true); }
  /// Waits for the permits that are out; afterwards no part of the database is in use.
  /// Requires: MarkClosed was called.
  void WaitIdle();
  bool closed() const { return closed_.load(); }
  bool forked() const;

  uint64_t epoch() const { return options_.epoch; }
  bool read_only() const { return options_.read_only; }
  const std::string& recovery_reason() const { return options_.recovery_reason; }

 private:
  friend class WorkPermit;
  void EndWork();

  const Options options_;
  const uint64_t fork_generation_;
  std::atomic<bool> closed_ = false;
  std::atomic<bool> failed_ = false;
  mutable absl::Mutex mutex_;
  uint64_t permits_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status storage_error_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace perigee::engine
