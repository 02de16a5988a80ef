// SPDX-License-Identifier: Apache-2.0
//
// LoadProgress: which parts of the sealed segments of a collection are in memory. A database opens
// before they are; calls wait here for the parts they need.
//
// Invariants:
//  1. A part is there for all segments at once, and never goes away.
//  2. Before a part is finished, segments in which it is damaged have become missing segments: who
//     takes a snapshot after Wait finds only what can be read in it.
//  3. A collection that nothing is loaded for has every part from the start.
//
// Thread-safety: all methods may be called from every thread; Begin before the collection is
// shared.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "engine/execution/cancellation.h"

namespace perigee::engine {

/// A set of parts; ids, their order and LSNs: enough to write and to find a row.
inline constexpr uint32_t kIdsLoaded = 1;
inline constexpr uint32_t kPayloadLoaded = 2;
/// Vectors, their norms, and which rows have them.
inline constexpr uint32_t kVectorsLoaded = 4;
/// Graphs; without them vectors are compared one by one.
inline constexpr uint32_t kIndexesLoaded = 8;
/// What a segment cannot be read without; damage in it makes the segment a missing one.
inline constexpr uint32_t kSourceLoaded = kIdsLoaded | kPayloadLoaded | kVectorsLoaded;
inline constexpr uint32_t kAllLoaded = kSourceLoaded | kIndexesLoaded;

class LoadProgress {
 public:
  LoadProgress() = default;
  LoadProgress(const LoadProgress&) = delete;
  LoadProgress& operator=(const LoadProgress&) = delete;

  /// Nothing is there yet.
  void Begin() { loaded_.store(0, std::memory_order_relaxed); }
  /// `parts` are there from now on.
  void Finish(uint32_t parts);

  bool Has(uint32_t parts) const {
    return (loaded_.load(std::memory_order_acquire) & parts) == parts;
  }
  /// Waits for `parts`. The error of `cancellation` when that comes first; its flag is looked at
  /// when Wake is called.
  absl::Status Wait(uint32_t parts, const Cancellation& cancellation) const;
  void Wake() const { const absl::MutexLock lock(&mutex_); }

  /// "loading: vectors", or empty when all is there.
  std::string InWords() const;

 private:
  mutable absl::Mutex mutex_;  // for waiting alone
  std::atomic<uint32_t> loaded_ = kAllLoaded;
};

}  // namespace perigee::engine
