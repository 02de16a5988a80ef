// SPDX-License-Identifier: Apache-2.0
//
// VectorColumn: read-only view of one named vector of one segment: originals, presence and norms.
// The same type serves a sealed segment (contiguous sections) and the growing one (chunks).
//
// Invariants:
//  1. It owns nothing; whoever makes one keeps the bytes alive and unchanged.
//  2. A row without the vector has zero elements and norm 0; it is never compared.
//  3. Norms are those computed in f64 when the row was written; they exist under cosine.
//
// Thread-safety: immutable; the rows below row_count() must have been published to the reader.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/vectors/chunked_array.h"
#include "perigee/model/collection_schema.h"

namespace perigee::engine {

static_assert(std::endian::native == std::endian::little, "sections are used as they are stored");

/// Bytes of one element.
constexpr size_t VectorElementBytes(VectorElement element) {
  return element == VectorElement::kFloat16 ? 2 : 4;
}

class VectorColumn {
 public:
  struct Parts {
    VectorElement element = VectorElement::kFloat32;
    uint32_t dimension = 0;
    uint32_t row_count = 0;
    /// Rows of at least dimension * VectorElementBytes(element) bytes; width() is the stride.
    ChunkedRows<std::byte> rows;
    /// f64 per row; empty when the metric needs none.
    ChunkedRows<double> norms;
    /// Presence: a bitmap (bit r % 8 of byte r / 8), or one byte per row of which `presence_mask`
    /// selects the bit of this vector, or neither when every row has the vector.
    const std::byte* presence_bitmap = nullptr;
    ChunkedRows<uint8_t> presence_bytes;
    uint8_t presence_mask = 0;
  };

  VectorColumn() = default;
  explicit VectorColumn(const Parts& parts) : parts_(parts) {}

  VectorElement element() const { return parts_.element; }
  uint32_t dimension() const { return parts_.dimension; }
  uint32_t row_count() const { return parts_.row_count; }

  /// Whether the row has this vector. Requires: row < row_count().
  bool Present(uint32_t row) const {
    if (parts_.presence_bitmap != nullptr) {
      return ((std::to_integer<unsigned>(parts_.presence_bitmap[row >> 3]) >> (row & 7U)) & 1U) !=
             0;
    }
    if (!parts_.presence_bytes.empty()) {
      return (*parts_.presence_bytes.At(row) & parts_.presence_mask) != 0;
    }
    return true;
  }
  /// No presence information: every row has the vector.
  bool always_present() const {
    return parts_.presence_bitmap == nullptr && parts_.presence_bytes.empty();
  }
  /// Rows below row_count() that have the vector; walks all rows.
  uint32_t CountPresent() const {
    uint32_t count = 0;
    for (uint32_t row = 0; row < parts_.row_count; ++row) {
      count += Present(row) ? 1U : 0U;
    }
    return count;
  }

  /// The stored elements, f32 or f16, little-endian, element-aligned.
  const std::byte* RowBytes(uint32_t row) const { return parts_.rows.At(row); }
  /// The stored norm; 0 without norms.
  double Norm(uint32_t row) const { return parts_.norms.empty() ? 0.0 : *parts_.norms.At(row); }
  bool has_norms() const { return !parts_.norms.empty(); }
  const double* NormAddress(uint32_t row) const { return parts_.norms.At(row); }

  /// The row's values as f32, exactly. Requires: values.size() == dimension().
  void CopyRow(uint32_t row, std::span<float> values) const;

  size_t row_data_bytes() const { return parts_.dimension * VectorElementBytes(parts_.element); }

 private:
  Parts parts_;
};

}  // namespace perigee::engine
