// SPDX-License-Identifier: Apache-2.0
//
// ThreadRing: the calling thread's ring, borrowed for one batch of operations. A thread gets a ring
// at its first use and keeps it from batch to batch.
//
// Invariants:
//  1. A ring is given back when its thread ends; when nobody has used it for kIdle and any thread
//     borrows or GiveBackIdleRings is called; and, the longest idle first, when kRingsMax are there
//     and one more thread wants one. So an idle thread keeps no ring for ever, and a process has at
//     most kRingsMax of them.
//  2. A thread gets no ring, and uses POSIX calls, when all are busy, when the kernel refused it
//     one (it does not ask again), and in a child made by fork (U11).
//  3. A ring is taken from a thread only between batches, when nothing is in flight (U7).
//
// Thread-safety: all functions may be called from every thread; a ThreadRing stays on its thread.
#pragma once

#include <cstddef>

#include "absl/time/time.h"
#include "storage/io/uring_queue.h"
#include "storage/io/uring_ring.h"

namespace perigee::storage {

/// More threads than this seldom wait for the disk at once.
inline constexpr size_t kRingsMax = 32;
inline constexpr absl::Duration kRingIdle = absl::Seconds(10);

class ThreadRing {
 public:
  /// Takes the calling thread's ring for the life of this object.
  ThreadRing();
  ~ThreadRing();
  ThreadRing(const ThreadRing&) = delete;
  ThreadRing& operator=(const ThreadRing&) = delete;

  explicit operator bool() const { return ring_ != nullptr; }
  UringRing* operator->() const { return ring_; }

 private:
  UringRing* ring_ = nullptr;
  void* holder_ = nullptr;
};

/// Gives back the rings that no thread has used for `idle`; returns how many.
size_t GiveBackIdleRings(absl::Duration idle = kRingIdle);
/// Rings there are now.
size_t ThreadRingCount();

/// For tests: rings are made by `factory` from now on (nullptr: by the kernel). All rings are given
/// back. Requires: no thread is using one.
void SetUringQueueFactory(UringQueueFactory factory);

}  // namespace perigee::storage
