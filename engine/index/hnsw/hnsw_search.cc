// SPDX-License-Identifier: Apache-2.0
#include "engine/index/hnsw/hnsw_search.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "engine/index/hnsw/row_key.h"
#include "perigee/model/limits.h"
#include "storage/foundation/status_macros.h"

namespace perigee::engine {
namespace {

constexpr size_t kCacheLineBytes = 64;
// The hardware follows a row once its first lines are on the way.
constexpr size_t kPrefetchBytesMax = 8 * kCacheLineBytes;
// How many rows ahead of the one being compared are fetched.
constexpr uint32_t kPrefetchRowsAhead = 4;
// With more candidates than this, moving them in a sorted list costs more than two heaps do.
constexpr size_t kSortedFrontierMax = 1024;

// What a walk has found: which node to expand next, and the best to return. When every row may be
// returned both are one sorted list, since what falls off its end is neither.
class SortedFrontier {
 public:
  explicit SortedFrontier(size_t capacity) : keys_(capacity) {}

  bool Accepts(RowKey key) const { return size_ < keys_.size() || key < keys_[size_ - 1]; }

  // Requires: Accepts(key).
  void Add(RowKey key) {
    RowKey* const begin = keys_.data();
    RowKey* const place = std::lower_bound(begin, begin + size_, key);
    const size_t kept = size_ < keys_.size() ? size_++ : size_ - 1;
    std::memmove(place + 1, place, static_cast<size_t>(begin + kept - place) * sizeof(RowKey));
    *place = key;
    next_ = std::min(next_, static_cast<size_t>(place - begin));
  }

  std::optional<uint32_t> TakeNext() {
    while (next_ < size_ && (keys_[next_] & kRowKeyMark) != 0) {
      ++next_;
    }
    if (next_ == size_) {
      return std::nullopt;
    }
    keys_[next_] |= kRowKeyMark;
    return RowOfKey(keys_[next_++]);
  }

  // Likely the next to be taken.
  std::optional<uint32_t> Peek() const {
    return next_ < size_ ? std::optional(RowOfKey(keys_[next_])) : std::nullopt;
  }

  std::vector<RowKey> TakeResults() {
    keys_.resize(size_);
    return std::move(keys_);
  }

 private:
  std::vector<RowKey> keys_;  // size_ of them used, ascending; marked: expanded
  size_t size_ = 0;
  size_t next_ = 0;  // every key before it is marked
};

// The general form: rows that may not be returned are expanded all the same.
class HeapFrontier {
 public:
  explicit HeapFrontier(size_t capacity) : capacity_(capacity) {}

  bool Accepts(RowKey key) const { return results_.size() < capacity_ || key < results_.front(); }

  void Add(RowKey key) {
    AddCandidate(key);
    AddResult(key);
  }

  void AddCandidate(RowKey key) {
    candidates_.push_back(key);
    std::push_heap(candidates_.begin(), candidates_.end(), std::greater<RowKey>());
  }

  void AddResult(RowKey key) {
    if (results_.size() == capacity_) {
      std::pop_heap(results_.begin(), results_.end());
      results_.back() = key;
    } else {
      results_.push_back(key);
    }
    std::push_heap(results_.begin(), results_.end());
  }

  std::optional<uint32_t> TakeNext() {
    // The nearest candidate may be the worst result itself, which is still to be expanded.
    if (candidates_.empty() ||
        (results_.size() == capacity_ && candidates_.front() > results_.front())) {
      return std::nullopt;
    }
    const uint32_t row = RowOfKey(candidates_.front());
    std::pop_heap(candidates_.begin(), candidates_.end(), std::greater<RowKey>());
    candidates_.pop_back();
    return row;
  }

  std::optional<uint32_t> Peek() const {
    return candidates_.empty() ? std::nullopt : std::optional(RowOfKey(candidates_.front()));
  }

  std::vector<RowKey> TakeResults() {
    std::sort_heap(results_.begin(), results_.end());
    return std::move(results_);
  }

 private:
  size_t capacity_;
  std::vector<RowKey> candidates_;  // the nearest on top
  std::vector<RowKey> results_;     // the farthest on top
};

template <typename Frontier, bool kFiltered>
class Walk {
 public:
  Walk(const HnswSearchSpace& space, const IndexSearchOptions& options, VisitedSet& visited)
      : graph_(space.graph),
        column_(space.column),
        query_(space.query),
        visited_(visited),
        options_(options),
        frontier_(std::min<size_t>(std::max(options.k, options.ef), space.graph.node_count())),
        prefetch_bytes_(std::min(space.column.row_data_bytes(), kPrefetchBytesMax)) {}

  absl::StatusOr<IndexSearchResult> Run() {
    const Cancellation never;
    CancellationPoll poll(options_.cancellation != nullptr ? *options_.cancellation : never);
    Offer(Descend());
    while (const std::optional<uint32_t> row = frontier_.TakeNext()) {
      if (result_.distances >= options_.distances_max) {
        result_.gave_up = true;
        break;
      }
      PERIGEE_RETURN_IF_ERROR(poll.Poll(1 + Expand(*row)));
    }
    for (const RowKey key : frontier_.TakeResults()) {
      result_.rows.push_back(RowDistanceOfKey(key));
    }
    return std::move(result_);
  }

 private:
  float Distance(uint32_t row) {
    ++result_.distances;
    return query_.DistanceTo(column_.RowBytes(row), column_.Norm(row));
  }

  // Greedy from the entry down to level 1; the row to begin with on level 0.
  RowDistance Descend() {
    RowDistance nearest = {Distance(graph_.header().entry_row), graph_.header().entry_row};
    uint32_t position = graph_.header().entry_position;
    for (uint32_t level = graph_.max_level(); level > 0; --level) {
      for (bool moved = true; moved;) {
        moved = false;
        // The whole list of the node that the round began with, even after a nearer one is found.
        for (const uint32_t link : graph_.UpperLinks(position, level)) {
          if (link == kNoLink) {
            break;
          }
          const uint32_t row = graph_.UpperRow(link);
          const float distance = Distance(row);
          if (distance < nearest.distance) {
            nearest = {distance, row};
            position = link;
            moved = true;
          }
        }
      }
    }
    visited_.Insert(nearest.row);
    return nearest;
  }

  void Offer(const RowDistance& found) {
    const RowKey key = MakeRowKey(found.distance, found.row);
    if (!frontier_.Accepts(key)) {
      return;
    }
    if constexpr (kFiltered) {
      frontier_.AddCandidate(key);
      ++result_.rows_tested;
      if ((*options_.filter)(found.row)) {
        frontier_.AddResult(key);
      }
    } else {
      frontier_.Add(key);
    }
  }

  void PrefetchRow(uint32_t row) const {
    const std::byte* bytes = column_.RowBytes(row);
    for (size_t offset = 0; offset < prefetch_bytes_; offset += kCacheLineBytes) {
      __builtin_prefetch(bytes + offset);
    }
    if (column_.has_norms()) {
      __builtin_prefetch(column_.NormAddress(row));
    }
  }

  // Compares with the neighbours not seen yet; how many.
  uint32_t Expand(uint32_t row) {
    uint32_t fresh[2 * limits::kHnswMMax];
    uint32_t count = 0;
    for (const uint32_t link : graph_.Links0(row)) {
      if (link == kNoLink) {
        break;
      }
      fresh[count] = link;
      count += visited_.Insert(link) ? 1U : 0U;
    }
    for (uint32_t i = 0; i < std::min(count, kPrefetchRowsAhead); ++i) {
      PrefetchRow(fresh[i]);
    }
    for (uint32_t i = 0; i < count; ++i) {
      if (i + kPrefetchRowsAhead < count) {
        PrefetchRow(fresh[i + kPrefetchRowsAhead]);
      }
      Offer({Distance(fresh[i]), fresh[i]});
    }
    if (const std::optional<uint32_t> next = frontier_.Peek()) {
      const uint32_t* links = graph_.Links0(*next).data();
      __builtin_prefetch(links);
      __builtin_prefetch(links + kCacheLineBytes / sizeof(uint32_t));
    }
    return count;
  }

  const HnswGraph& graph_;
  const VectorColumn& column_;
  const QueryVector& query_;
  VisitedSet& visited_;
  const IndexSearchOptions& options_;
  Frontier frontier_;
  const size_t prefetch_bytes_;
  IndexSearchResult result_;
};

}  // namespace

absl::StatusOr<IndexSearchResult> SearchHnswGraph(const HnswSearchSpace& space,
                                                  const IndexSearchOptions& options,
                                                  VisitedSet& visited) {
  if (space.graph.empty() || options.k == 0) {
    return IndexSearchResult();
  }
  if (options.filter != nullptr) {
    return Walk<HeapFrontier, true>(space, options, visited).Run();
  }
  if (std::max(options.k, options.ef) > kSortedFrontierMax) {
    return Walk<HeapFrontier, false>(space, options, visited).Run();
  }
  return Walk<SortedFrontier, false>(space, options, visited).Run();
}

}  // namespace perigee::engine
