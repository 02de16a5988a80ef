// SPDX-License-Identifier: Apache-2.0
//
// TopKHeap: keeps the k best of the values pushed, by a strict weak order `Less` in which better
// comes first.
//
// Invariants: at most k values are kept; the worst kept one is on top; what Push drops is never
// better than any value kept.
// Thread-safety: used by one thread at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace perigee::engine {

template <typename T, typename Less>
class TopKHeap {
 public:
  explicit TopKHeap(size_t k, Less less = Less()) : k_(k), less_(std::move(less)) {}

  /// Whether Push would keep `value`.
  bool Accepts(const T& value) const {
    return values_.size() < k_ || (k_ > 0 && less_(value, values_.front()));
  }

  /// Keeps `value` if it is among the k best so far.
  void Push(T value) {
    if (!Accepts(value)) {
      return;
    }
    if (values_.size() == k_) {
      std::pop_heap(values_.begin(), values_.end(), less_);
      values_.back() = std::move(value);
    } else {
      values_.push_back(std::move(value));
    }
    std::push_heap(values_.begin(), values_.end(), less_);
  }

  bool full() const { return values_.size() == k_; }
  size_t size() const { return values_.size(); }
  bool empty() const { return values_.empty(); }
  /// Requires: not empty.
  const T& worst() const { return values_.front(); }

  /// The kept values, best first; the heap is empty afterwards.
  std::vector<T> TakeSorted() {
    std::sort_heap(values_.begin(), values_.end(), less_);
    return std::exchange(values_, {});
  }

 private:
  size_t k_;
  Less less_;
  std::vector<T> values_;
};

}  // namespace perigee::engine
