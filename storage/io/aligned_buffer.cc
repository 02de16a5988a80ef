// SPDX-License-Identifier: Apache-2.0
#include "storage/io/aligned_buffer.h"

#include <cstring>
#include <new>
#include <utility>

#include "storage/foundation/check.h"

namespace perigee::storage {

AlignedBuffer::AlignedBuffer(size_t size, size_t alignment) : size_(size), alignment_(alignment) {
  PERIGEE_CHECK(alignment != 0 && (alignment & (alignment - 1)) == 0, "alignment ", alignment);
  if (size > 0) {
    data_ = static_cast<std::byte*>(::operator new(size, std::align_val_t(alignment)));
    std::memset(data_, 0, size);
  }
}

AlignedBuffer::~AlignedBuffer() {
  if (data_ != nullptr) {
    ::operator delete(data_, std::align_val_t(alignment_));
  }
}

AlignedBuffer::AlignedBuffer(AlignedBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      alignment_(other.alignment_) {}

AlignedBuffer& AlignedBuffer::operator=(AlignedBuffer&& other) noexcept {
  if (this != &other) {
    AlignedBuffer moved(std::move(other));
    std::swap(data_, moved.data_);
    std::swap(size_, moved.size_);
    std::swap(alignment_, moved.alignment_);
  }
  return *this;
}

}  // namespace perigee::storage
