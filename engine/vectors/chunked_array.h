// SPDX-License-Identifier: Apache-2.0
//
// ChunkedArray: an append-only array of rows of `width` elements each, in chunks of a fixed number
// of rows, with a capacity given at construction. ChunkedRows is the read-only view of it, or of
// one contiguous array, that VectorColumn is made of.
//
// Invariants:
//  1. A row's address never changes; its elements start as zero and 64-byte aligned per chunk.
//  2. The table of chunks is allocated once, so an append writes only its own row and at most one
//     new entry of the table, and never what a reader of earlier rows reads.
//  3. The array publishes nothing by itself: a reader may touch row r only after a synchronising
//     publication (a snapshot) made after r was appended and filled.
//
// Thread-safety: one writer; any number of readers of published rows, without a lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

#include "storage/foundation/check.h"

namespace perigee::engine {

/// Read-only rows of `width` elements, contiguous or in chunks; a value of a few words.
template <typename T>
class ChunkedRows {
 public:
  /// No rows: At must not be called.
  ChunkedRows() = default;

  static ChunkedRows Contiguous(const T* rows, size_t width = 1) {
    ChunkedRows view;
    view.contiguous_ = rows;
    view.width_ = width;
    return view;
  }
  static ChunkedRows Chunked(const T* const* chunks, uint32_t rows_per_chunk_log2,
                             size_t width = 1) {
    ChunkedRows view;
    view.chunks_ = chunks;
    view.rows_per_chunk_log2_ = rows_per_chunk_log2;
    view.chunk_row_mask_ = (uint32_t{1} << rows_per_chunk_log2) - 1;
    view.width_ = width;
    return view;
  }

  const T* At(uint32_t row) const {
    if (chunks_ == nullptr) {
      return contiguous_ + size_t{row} * width_;
    }
    return chunks_[row >> rows_per_chunk_log2_] + size_t{row & chunk_row_mask_} * width_;
  }

  bool empty() const { return contiguous_ == nullptr && chunks_ == nullptr; }
  size_t width() const { return width_; }

 private:
  const T* contiguous_ = nullptr;
  const T* const* chunks_ = nullptr;
  size_t width_ = 1;
  uint32_t rows_per_chunk_log2_ = 0;
  uint32_t chunk_row_mask_ = 0;
};

template <typename T>
class ChunkedArray {
  static_assert(std::is_trivially_copyable_v<T>, "rows are read while others are written");

 public:
  struct Options {
    uint32_t capacity_rows = 0;
    size_t width = 1;                   ///< elements per row
    uint32_t rows_per_chunk_log2 = 10;  ///< at most 30
  };

  /// Allocates the table of chunks, no rows. Requires: width > 0, rows_per_chunk_log2 <= 30.
  explicit ChunkedArray(const Options& options)
      : options_(options), owned_(ChunkCount(options)), chunks_(owned_.size(), nullptr) {
    PERIGEE_CHECK(options.width > 0);
  }
  ChunkedArray(const ChunkedArray&) = delete;
  ChunkedArray& operator=(const ChunkedArray&) = delete;

  /// Adds a row of zeros and returns its `width` elements, for the writer to fill before it
  /// publishes. Requires: size() < capacity_rows().
  T* Append() {
    PERIGEE_CHECK(size_ < options_.capacity_rows, "capacity ", options_.capacity_rows);
    const uint32_t chunk = size_ >> options_.rows_per_chunk_log2;
    const uint32_t offset = size_ & ((uint32_t{1} << options_.rows_per_chunk_log2) - 1);
    if (offset == 0) {
      owned_[chunk].reset(Allocate());
      chunks_[chunk] = owned_[chunk].get();
    }
    ++size_;
    return owned_[chunk].get() + size_t{offset} * options_.width;
  }

  /// The elements of a published row (any row, for the writer).
  const T* At(uint32_t row) const { return View().At(row); }
  /// The writer's own access to a row's elements, e.g. for an atomic_ref.
  T* MutableAt(uint32_t row) { return const_cast<T*>(At(row)); }

  /// A view that stays valid, also for rows published later, while this array lives.
  ChunkedRows<T> View() const {
    return ChunkedRows<T>::Chunked(chunks_.data(), options_.rows_per_chunk_log2, options_.width);
  }

  /// Rows appended; for the writer only.
  uint32_t size() const { return size_; }
  uint32_t capacity_rows() const { return options_.capacity_rows; }
  size_t row_bytes() const { return options_.width * sizeof(T); }
  /// Bytes of the chunks allocated; for the writer only.
  size_t memory_bytes() const {
    const size_t rows_per_chunk = size_t{1} << options_.rows_per_chunk_log2;
    return (size_t{size_} + rows_per_chunk - 1) / rows_per_chunk * rows_per_chunk * row_bytes();
  }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(T* chunk) const { ::operator delete(chunk, kAlignment); }
  };

  static size_t ChunkCount(const Options& options) {
    PERIGEE_CHECK(options.rows_per_chunk_log2 <= 30, options.rows_per_chunk_log2);
    return (uint64_t{options.capacity_rows} + (uint64_t{1} << options.rows_per_chunk_log2) - 1) >>
           options.rows_per_chunk_log2;
  }

  T* Allocate() const {
    const size_t elements = options_.width << options_.rows_per_chunk_log2;
    PERIGEE_CHECK(options_.width <= (std::numeric_limits<size_t>::max() / sizeof(T)) >>
                  options_.rows_per_chunk_log2);
    T* chunk = static_cast<T*>(::operator new(elements * sizeof(T), kAlignment));
    std::uninitialized_value_construct_n(chunk, elements);
    return chunk;
  }

  Options options_;
  std::vector<std::unique_ptr<T[], Free>> owned_;
  std::vector<const T*> chunks_;
  uint32_t size_ = 0;
};

}  // namespace perigee::engine
