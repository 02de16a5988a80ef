// SPDX-License-Identifier: Apache-2.0
//
// Cancellation: why a long loop should stop. It holds a deadline of the monotonic clock and a flag
// that another thread may set; CancellationPoll looks at them once per kPollInterval units of work.
//
// Invariants:
//  1. Once Check() has failed it fails for good: the clock does not go back and the flag stays set.
//  2. A loop that calls Poll() per distance or per row notices a deadline within kPollInterval of
//     them (K5).
// Thread-safety: Check may be called from every thread; a CancellationPoll belongs to one thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "absl/status/status.h"

namespace perigee::engine {

class Cancellation {
 public:
  using Clock = std::chrono::steady_clock;

  /// Never stops anything.
  Cancellation() = default;
  /// Stops at `deadline`, or when `*cancelled` becomes true. `cancelled` may be nullptr; otherwise
  /// it must outlive this object and its copies.
  explicit Cancellation(Clock::time_point deadline, const std::atomic<bool>* cancelled = nullptr)
      : deadline_(deadline), cancelled_(cancelled) {}

  static Cancellation After(std::chrono::milliseconds timeout,
                            const std::atomic<bool>* cancelled = nullptr) {
    return Cancellation(Clock::now() + timeout, cancelled);
  }
  /// Stops when `*cancelled` becomes true; no deadline.
  static Cancellation OnFlag(const std::atomic<bool>* cancelled) {
    return Cancellation(Clock::time_point::max(), cancelled);
  }

  /// Ok, kCancelled or kDeadlineExceeded.
  absl::Status Check() const {
    if (cancelled_ != nullptr && cancelled_->load(std::memory_order_relaxed)) {
      return absl::CancelledError("cancelled by the caller");
    }
    if (deadline_ != Clock::time_point::max() && Clock::now() >= deadline_) {
      return absl::DeadlineExceededError(
          "the time allowed for this request is over; raise timeout_ms or ask for less");
    }
    return absl::OkStatus();
  }

  Clock::time_point deadline() const { return deadline_; }

 private:
  Clock::time_point deadline_ = Clock::time_point::max();
  const std::atomic<bool>* cancelled_ = nullptr;
};

class CancellationPoll {
 public:
  static constexpr uint32_t kPollInterval = 256;

  /// `cancellation` must outlive this object.
  explicit CancellationPoll(const Cancellation& cancellation) : cancellation_(&cancellation) {}

  /// Counts `work` distances or rows; Check() when an interval is full, ok otherwise.
  absl::Status Poll(uint32_t work = 1) {
    count_ += work;
    if (count_ < kPollInterval) [[likely]] {
      return absl::OkStatus();
    }
    count_ = 0;
    return cancellation_->Check();
  }

 private:
  const Cancellation* cancellation_;
  uint32_t count_ = 0;
};

}  // namespace perigee::engine
