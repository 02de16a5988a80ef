// SPDX-License-Identifier: Apache-2.0
//
// RowBlobs: the view of a section with one byte string per row (ids, payload): rows + 1 offsets of
// 64 bits, counted from the end of the offsets, then the bytes. RowBlobsBuilder makes such bytes.
//
// Invariants: after Open, offsets ascend from 0 to the number of bytes, so At never leaves them.
// Thread-safety: an immutable view; the builder belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace perigee::storage {

class RowBlobs {
 public:
  RowBlobs() = default;
  /// Validates all offsets (F3); kDataLoss otherwise. `section` must outlive the view and be
  /// aligned to 8 bytes.
  static absl::StatusOr<RowBlobs> Open(std::span<const std::byte> section, uint64_t row_count);

  uint64_t row_count() const { return row_count_; }
  /// Requires: row < row_count().
  std::span<const std::byte> At(uint64_t row) const;
  std::string_view TextAt(uint64_t row) const;

 private:
  std::span<const std::byte> section_;
  uint64_t row_count_ = 0;
};

class RowBlobsBuilder {
 public:
  RowBlobsBuilder() : offsets_{0} {}
  void Add(std::span<const std::byte> bytes);
  void Add(std::string_view bytes);
  uint64_t row_count() const { return offsets_.size() - 1; }
  uint64_t section_bytes() const { return offsets_.size() * sizeof(uint64_t) + bytes_.size(); }
  /// The two parts of the section, to be appended in this order; valid until the next Add.
  std::string EncodedOffsets() const;
  std::string_view bytes() const { return bytes_; }

 private:
  std::vector<uint64_t> offsets_;
  std::string bytes_;
};

}  // namespace perigee::storage
