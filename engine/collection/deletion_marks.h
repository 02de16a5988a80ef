// SPDX-License-Identifier: Apache-2.0
//
// DeletionMarks: for every row of one segment the LSN of the write that ended it, if there is one.
// A snapshot at seq S sees a row iff its dead LSN is greater than S, so a mark set by a later write
// never changes what an older snapshot sees.
//
// Invariants:
//  1. A row dies at most once; its dead LSN never changes afterwards.
//  2. Memory is taken only for blocks of rows in which something died.
//
// Thread-safety: one thread marks; any number of threads read at the same time. A mark with LSN <=
// S is seen by every reader that obtained the snapshot of S, because marking happens before
// publishing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

namespace perigee::engine {

/// The dead LSN of a row that nothing has deleted or replaced.
inline constexpr uint64_t kNeverDead = std::numeric_limits<uint64_t>::max();

class DeletionMarks {
 public:
  /// For rows below `row_capacity`.
  explicit DeletionMarks(uint32_t row_capacity);
  ~DeletionMarks();
  DeletionMarks(const DeletionMarks&) = delete;
  DeletionMarks& operator=(const DeletionMarks&) = delete;

  /// Ends `row` at `lsn`; false, changing nothing, if it was dead already. Requires: row below the
  /// capacity, lsn below kNeverDead.
  bool MarkDead(uint32_t row, uint64_t lsn);

  uint64_t DeadLsn(uint32_t row) const {
    const Block* block = blocks_[row >> kBlockShift].load(std::memory_order_acquire);
    return block == nullptr ? kNeverDead
                            : block->lsns[row & kBlockMask].load(std::memory_order_relaxed);
  }
  bool LiveAt(uint32_t row, uint64_t seq) const { return DeadLsn(row) > seq; }

  /// Rows marked so far.
  uint64_t dead_count() const { return dead_count_.load(std::memory_order_relaxed); }
  uint64_t memory_bytes() const { return memory_bytes_.load(std::memory_order_relaxed); }

  /// Calls visit(row, dead_lsn), in the order of rows, for every row with
  /// after_lsn < dead_lsn <= through_lsn.
  template <typename Visit>
  void ForEachDead(uint64_t after_lsn, uint64_t through_lsn, Visit visit) const {
    for (size_t i = 0; i < blocks_.size(); ++i) {
      const Block* block = blocks_[i].load(std::memory_order_acquire);
      if (block == nullptr) {
        continue;
      }
      for (uint32_t j = 0; j <= kBlockMask; ++j) {
        const uint64_t lsn = block->lsns[j].load(std::memory_order_relaxed);
        if (lsn != kNeverDead && lsn > after_lsn && lsn <= through_lsn) {
          visit(static_cast<uint32_t>(i << kBlockShift) + j, lsn);
        }
      }
    }
  }

 private:
  static constexpr uint32_t kBlockShift = 10;
  static constexpr uint32_t kBlockMask = (1U << kBlockShift) - 1;
  struct Block {
    Block();
    std::atomic<uint64_t> lsns[kBlockMask + 1];
  };

  const uint32_t row_capacity_;
  std::vector<std::atomic<Block*>> blocks_;
  std::atomic<uint64_t> dead_count_{0};
  std::atomic<uint64_t> memory_bytes_{0};
};

}  // namespace perigee::engine
