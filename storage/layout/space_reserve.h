// SPDX-License-Identifier: Apache-2.0
//
// SpaceReserve: the file RESERVE, whose bytes mean nothing and whose blocks are given back to the
// disk, a part at a time, when work that must go on finds it full (D14): the log and the manifest,
// deletions, and rewriting what takes less space afterwards. Upserts are refused before.
//
// Invariants:
//  1. Nothing depends on the file: it may be missing, short or without blocks at any time. It is
//     never flushed, since a reserve that a power cut takes away is made again.
//  2. No failure of its calls is an error of the database; the reserve is then as good as used up.
//
// Thread-safety: all methods may be called from every thread; SetOnReleased before the others.
#pragma once

#include <cstdint>
#include <functional>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace perigee::storage {

class DurableDirectory;

class SpaceReserve {
 public:
  /// Of `wanted_bytes`, 0 for none. `files` outlives the object.
  SpaceReserve(DurableDirectory& files, uint64_t wanted_bytes);

  /// Looks at what an earlier process left.
  void Find();
  /// Makes the file as large as it is to be; what there is stays when the disk has no room.
  absl::Status Refill();
  /// Gives up `bytes`, or what is left. False when nothing was.
  bool Release(uint64_t bytes);
  /// Runs `work`; while it fails for want of space, gives up a part of the reserve and runs it
  /// again. What `work` leaves behind when it fails must not keep it from being repeated.
  absl::Status Attempt(absl::FunctionRef<absl::Status()> work);

  uint64_t held_bytes() const;
  uint64_t wanted_bytes() const { return wanted_bytes_; }
  /// Bytes that Refill would take.
  uint64_t missing_bytes() const;
  /// Of these, what was given up: free space that is spoken for. A reserve that was never made owes
  /// nothing.
  uint64_t owed_bytes() const;
  /// Called after each release, outside of all locks: somebody should refill it when there is room.
  void SetOnReleased(std::function<void()> on_released);

 private:
  absl::Status Resize(uint64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  DurableDirectory& files_;
  const uint64_t wanted_bytes_;
  mutable absl::Mutex mutex_;
  bool exists_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t held_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::function<void()> on_released_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace perigee::storage
