// SPDX-License-Identifier: Apache-2.0
//
// AlignedBuffer: bytes at an address that direct I/O and vector instructions accept.
//
// Invariants: data() is a multiple of alignment(); a buffer of size 0 owns no memory; the bytes are
// zero when made.
// Thread-safety: like std::vector: readers at once, or one writer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace perigee::storage {

class AlignedBuffer {
 public:
  /// Enough for direct I/O on every disk in use, and for a whole page.
  static constexpr size_t kDefaultAlignment = 4096;

  AlignedBuffer() = default;
  /// `size` zero bytes. Requires: `alignment` is a power of two. Callers bound `size` before, as
  /// for every allocation; when memory is short the process gets std::bad_alloc.
  explicit AlignedBuffer(size_t size, size_t alignment = kDefaultAlignment);
  ~AlignedBuffer();

  AlignedBuffer(AlignedBuffer&& other) noexcept;
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept;
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;

  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  size_t alignment() const { return alignment_; }

  std::span<std::byte> bytes() { return {data_, size_}; }
  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
  size_t alignment_ = kDefaultAlignment;
};

/// `value` rounded up to a multiple of `alignment`. Requires: a power of two, no overflow.
constexpr uint64_t AlignUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}
/// `value` rounded down to a multiple of `alignment`. Requires: a power of two.
constexpr uint64_t AlignDown(uint64_t value, uint64_t alignment) {
  return value & ~(alignment - 1);
}

}  // namespace perigee::storage
