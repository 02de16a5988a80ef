// SPDX-License-Identifier: Apache-2.0
//
// UringQueue: what a ring asks of the kernel: to take operations and to tell which have completed.
// KernelUringQueue asks it through liburing; tests put a kernel of their own in its place, one that
// is slow, refuses, cuts transfers short and answers in any order.
//
// Invariants:
//  1. An operation is the kernel's from Submit on until its completion was taken; its buffer and
//     descriptor must stay as they are for that long (U7).
//  2. Results are byte counts or negative errno values; errno is not looked at (U2).
//
// Thread-safety: one thread at a time; destruction by any thread, when nothing is in flight.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "absl/status/statusor.h"

namespace perigee::storage {

struct UringOperation {
  enum class Kind { kRead, kWrite, kDataSync };

  Kind kind = Kind::kRead;
  int descriptor = -1;
  uint64_t offset = 0;
  std::byte* buffer = nullptr;  ///< not written to by kWrite
  size_t length = 0;            ///< the kernel moves no more than UringRing::kLengthMax at once
  int32_t result = 0;           ///< set by UringRing::Run
};

struct UringCompletion {
  uint64_t tag = 0;
  int32_t result = 0;
};

class UringQueue {
 public:
  virtual ~UringQueue() = default;

  /// Puts an operation into the queue. Requires: fewer than UringRing::kDepth are queued or in
  /// flight.
  virtual void Add(const UringOperation& operation, uint64_t tag) = 0;
  /// Hands over what is queued and waits until `wanted` completions are there. A negative errno
  /// value when the kernel took nothing more or was interrupted.
  virtual int SubmitAndWait(unsigned wanted) = 0;
  /// Takes up to out.size() completions that are there; returns how many.
  virtual size_t Take(std::span<UringCompletion> out) = 0;
  /// Operations that the kernel has not accepted yet.
  virtual unsigned queued() const = 0;
  /// Completions that the kernel found no room for. Never, with so few in flight (U3).
  virtual uint32_t overflows() const = 0;
  /// Whether the kernel has shown that it refuses every operation but ours (U12).
  virtual bool is_restricted() const = 0;
};

/// Makes a queue for the calling thread, or says why there is none.
using UringQueueFactory = std::function<absl::StatusOr<std::unique_ptr<UringQueue>>()>;

}  // namespace perigee::storage
