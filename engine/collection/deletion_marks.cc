// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/deletion_marks.h"

#include "storage/foundation/check.h"

namespace perigee::engine {

DeletionMarks::Block::Block() {
  for (std::atomic<uint64_t>& lsn : lsns) {
    lsn.store(kNeverDead, std::memory_order_relaxed);
  }
}

DeletionMarks::DeletionMarks(uint32_t row_capacity)
    : row_capacity_(row_capacity), blocks_((size_t{row_capacity} + kBlockMask) >> kBlockShift) {
  memory_bytes_.store(blocks_.size() * sizeof(blocks_[0]), std::memory_order_relaxed);
}

DeletionMarks::~DeletionMarks() {
  for (std::atomic<Block*>& block : blocks_) {
    delete block.load(std::memory_order_relaxed);
  }
}

bool DeletionMarks::MarkDead(uint32_t row, uint64_t lsn) {
  PERIGEE_CHECK(row < row_capacity_, "row ", row, " capacity ", row_capacity_);
  PERIGEE_CHECK(lsn != kNeverDead);
  std::atomic<Block*>& slot = blocks_[row >> kBlockShift];
  Block* block = slot.load(std::memory_order_relaxed);
  if (block == nullptr) {
    block = new Block();
    // Released, so that a reader that sees the block sees its initial values.
    slot.store(block, std::memory_order_release);
    memory_bytes_.fetch_add(sizeof(Block), std::memory_order_relaxed);
  }
  std::atomic<uint64_t>& dead_lsn = block->lsns[row & kBlockMask];
  if (dead_lsn.load(std::memory_order_relaxed) != kNeverDead) {
    return false;
  }
  // Relaxed is enough: a reader of an older snapshot takes both values for "not dead yet", and a
  // newer snapshot is published after this store.
  dead_lsn.store(lsn, std::memory_order_relaxed);
  dead_count_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

}  // namespace perigee::engine
