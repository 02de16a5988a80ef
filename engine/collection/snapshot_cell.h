// SPDX-License-Identifier: Apache-2.0
//
// SnapshotCell: the place where the log writer publishes a collection's newest snapshot and where
// read calls take it from.
//
// Invariants: Load returns a snapshot at least as new as the last one stored before it began.
// Thread-safety: Load from every thread without waiting for a lock that is held for long; Store
// from one thread at a time. libstdc++ 12 guards an atomic shared_ptr with a bit that
// ThreadSanitizer does not understand, so under it the cell uses a mutex.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "absl/synchronization/mutex.h"

#if defined(__SANITIZE_THREAD__)
#define PERIGEE_SNAPSHOT_CELL_MUTEX 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PERIGEE_SNAPSHOT_CELL_MUTEX 1
#endif
#endif

namespace perigee::engine {

class CollectionSnapshot;

class SnapshotCell {
 public:
  /// The newest snapshot; null before the first Store.
  std::shared_ptr<const CollectionSnapshot> Load() const {
#ifdef PERIGEE_SNAPSHOT_CELL_MUTEX
    absl::MutexLock lock(&mutex_);
    return snapshot_;
#else
    return snapshot_.load(std::memory_order_acquire);
#endif
  }

  void Store(std::shared_ptr<const CollectionSnapshot> snapshot) {
#ifdef PERIGEE_SNAPSHOT_CELL_MUTEX
    // The old snapshot is destroyed after the lock was released.
    absl::MutexLock lock(&mutex_);
    snapshot_.swap(snapshot);
#else
    snapshot_.store(std::move(snapshot), std::memory_order_release);
#endif
  }

 private:
#ifdef PERIGEE_SNAPSHOT_CELL_MUTEX
  mutable absl::Mutex mutex_;
  std::shared_ptr<const CollectionSnapshot> snapshot_ ABSL_GUARDED_BY(mutex_);
#else
  std::atomic<std::shared_ptr<const CollectionSnapshot> > snapshot_;
#endif
};

}  // namespace perigee::engine
