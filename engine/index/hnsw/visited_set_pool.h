// SPDX-License-Identifier: Apache-2.0
//
// VisitedSet: which rows one graph search has seen, as one byte of epoch per row, so that starting
// a search costs nothing. VisitedSetPool lends them out.
//
// Invariants:
//  1. A borrowed set is empty, and lent to one borrower at a time.
//  2. Bytes are cleared once every 255 borrowings of a set.
//  3. At most kKeptMax sets wait in the pool.
// Thread-safety: the pool may be used from every thread; a set belongs to its borrower.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace perigee::engine {

class VisitedSet {
 public:
  explicit VisitedSet(uint32_t row_count) : epochs_(row_count, 0) {}

  /// Forgets everything.
  void Clear();
  /// Adds the row; false if it was there.
  bool Insert(uint32_t row) {
    if (epochs_[row] == epoch_) {
      return false;
    }
    epochs_[row] = epoch_;
    return true;
  }
  bool Contains(uint32_t row) const { return epochs_[row] == epoch_; }
  const void* Address(uint32_t row) const { return epochs_.data() + row; }

 private:
  std::vector<uint8_t> epochs_;
  uint8_t epoch_ = 0;
};

class VisitedSetPool {
 public:
  static constexpr size_t kKeptMax = 32;

  /// A borrowed set; goes back to the pool when it is destroyed. The pool must outlive it.
  class Lease {
   public:
    Lease(VisitedSetPool* pool, std::unique_ptr<VisitedSet> set);
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    VisitedSet& operator*() const { return *set_; }
    VisitedSet* operator->() const { return set_.get(); }

   private:
    VisitedSetPool* pool_;
    std::unique_ptr<VisitedSet> set_;
  };

  /// Sets of rows 0 to row_count - 1.
  explicit VisitedSetPool(uint32_t row_count) : row_count_(row_count) {}

  /// An empty set.
  Lease Borrow() ABSL_LOCKS_EXCLUDED(mutex_);
  /// Bytes of the sets that wait in the pool.
  size_t memory_bytes() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Return(std::unique_ptr<VisitedSet> set) ABSL_LOCKS_EXCLUDED(mutex_);

  const uint32_t row_count_;
  mutable absl::Mutex mutex_;
  std::vector<std::unique_ptr<VisitedSet>> free_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace perigee::engine
