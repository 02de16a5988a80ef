// SPDX-License-Identifier: Apache-2.0
//
// UringRing: submits reads, writes and flushes to a queue of the kernel and waits for all of them.
//
// Invariants:
//  1. A ring is used by the thread that made it, and by no child of a fork (U3, U11).
//  2. Run returns only when every operation that the kernel accepted has completed, whatever
//     failed, so buffers and descriptors may go when it returns. Until then the buffers are
//     poisoned for AddressSanitizer, which cannot see what the kernel does to them (U7).
//  3. At most kDepth operations are in flight: fewer than either queue holds, so the completion
//     queue cannot overflow. If it says it did, the ring is broken and so is the result of every
//     operation of that Run (U3).
//  4. Operations of one Run may complete in any order, so what must come after something else goes
//     into a later Run (U4, U5). Short counts are the caller's to continue (U6).
//
// Thread-safety: none; storage/io/thread_ring.h gives each thread its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "storage/io/uring_queue.h"

namespace perigee::storage {

class UringRing {
 public:
  static constexpr unsigned kDepth = 64;
  static constexpr size_t kLengthMax = size_t{1} << 30U;

  /// A ring of the kernel for the calling thread; errors as MakeKernelUringQueue.
  static absl::StatusOr<std::unique_ptr<UringRing>> Create();
  /// A ring over any queue.
  explicit UringRing(std::unique_ptr<UringQueue> queue);
  ~UringRing();
  UringRing(const UringRing&) = delete;
  UringRing& operator=(const UringRing&) = delete;

  /// Runs all operations, in any order, and sets their results.
  void Run(std::span<UringOperation> operations);
  void Run(UringOperation& operation) { Run(std::span(&operation, 1)); }

  /// Whether the kernel holds the ring to our operations (U12).
  bool is_restricted() const { return queue_->is_restricted(); }
  /// Whether the kernel has ceased to take operations; they fail with EIO from then on.
  bool is_broken() const { return is_broken_; }

 private:
  void RunSome(std::span<UringOperation> operations);
  void Break(std::span<UringOperation> operations, int refusal, size_t completed);
  size_t Collect(std::span<UringOperation> operations);

  std::unique_ptr<UringQueue> queue_;
  const uint64_t fork_generation_;
  bool is_broken_ = false;  // an entry was refused and may still be queued: not to be used again
};

}  // namespace perigee::storage
