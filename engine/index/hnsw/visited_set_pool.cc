// SPDX-License-Identifier: Apache-2.0
#include "engine/index/hnsw/visited_set_pool.h"

#include <algorithm>
#include <utility>

namespace perigee::engine {

void VisitedSet::Clear() {
  if (epoch_ == UINT8_MAX) {
    std::fill(epochs_.begin(), epochs_.end(), uint8_t{0});
    epoch_ = 0;
  }
  ++epoch_;
}

VisitedSetPool::Lease::Lease(VisitedSetPool* pool, std::unique_ptr<VisitedSet> set)
    : pool_(pool), set_(std::move(set)) {}

VisitedSetPool::Lease::~Lease() {
  if (set_ != nullptr) {
    pool_->Return(std::move(set_));
  }
}

VisitedSetPool::Lease VisitedSetPool::Borrow() {
  std::unique_ptr<VisitedSet> set;
  {
    absl::MutexLock lock(&mutex_);
    if (!free_.empty()) {
      set = std::move(free_.back());
      free_.pop_back();
    }
  }
  if (set == nullptr) {
    set = std::make_unique<VisitedSet>(row_count_);
  }
  set->Clear();
  return Lease(this, std::move(set));
}

size_t VisitedSetPool::memory_bytes() const {
  absl::MutexLock lock(&mutex_);
  return free_.size() * size_t{row_count_};
}

void VisitedSetPool::Return(std::unique_ptr<VisitedSet> set) {
  absl::MutexLock lock(&mutex_);
  if (free_.size() < kKeptMax) {
    free_.push_back(std::move(set));
  }
}

}  // namespace perigee::engine
