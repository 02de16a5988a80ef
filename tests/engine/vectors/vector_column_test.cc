// SPDX-License-Identifier: Apache-2.0
#include "engine/vectors/vector_column.h"

#include <doctest/doctest.h>

#include <array>
#include <vector>

#include "engine/distance/float16.h"

namespace perigee::engine {
namespace {

TEST_CASE("presence from a bitmap from bytes or always") {
  const std::array<std::byte, 2> bitmap = {std::byte{0b1000'0001}, std::byte{0b10}};
  VectorColumn::Parts parts;
  parts.dimension = 1;
  parts.row_count = 10;
  CHECK(VectorColumn(parts).Present(9));
  CHECK(VectorColumn(parts).always_present());
  CHECK(VectorColumn(parts).CountPresent() == 10);

  parts.presence_bitmap = bitmap.data();
  const VectorColumn sealed(parts);
  CHECK_FALSE(sealed.always_present());
  CHECK(sealed.Present(0));
  CHECK_FALSE(sealed.Present(1));
  CHECK(sealed.Present(7));
  CHECK(sealed.Present(9));
  CHECK(sealed.CountPresent() == 3);

  const std::vector<uint8_t> bits = {0b01, 0b10, 0b11, 0, 0b10, 0, 0, 0, 0, 0b110};
  parts.presence_bitmap = nullptr;
  parts.presence_bytes = ChunkedRows<uint8_t>::Contiguous(bits.data());
  parts.presence_mask = 0b10;
  const VectorColumn growing(parts);
  CHECK_FALSE(growing.Present(0));
  CHECK(growing.Present(1));
  CHECK(growing.CountPresent() == 4);
}

TEST_CASE("rows and norms from contiguous and chunked storage") {
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  const std::vector<double> norms = {1.5, 2.5, 3.5};
  VectorColumn::Parts parts;
  parts.dimension = 2;
  parts.row_count = 3;
  parts.rows = ChunkedRows<std::byte>::Contiguous(reinterpret_cast<const std::byte*>(values.data()),
                                                  2 * sizeof(float));
  CHECK(VectorColumn(parts).Norm(1) == 0.0);
  parts.norms = ChunkedRows<double>::Contiguous(norms.data());
  const VectorColumn column(parts);
  std::array<float, 2> row{};
  column.CopyRow(2, row);
  CHECK(row[0] == 5.0F);
  CHECK(row[1] == 6.0F);
  CHECK(column.Norm(1) == 2.5);

  ChunkedArray<std::byte> halves({.capacity_rows = 8, .width = 4, .rows_per_chunk_log2 = 1});
  for (uint16_t i = 0; i < 5; ++i) {
    auto* element = reinterpret_cast<uint16_t*>(halves.Append());
    element[0] = FloatToFloat16(static_cast<float>(i));
    element[1] = FloatToFloat16(0.5F);
  }
  parts.element = VectorElement::kFloat16;
  parts.row_count = 5;
  parts.rows = halves.View();
  const VectorColumn chunked(parts);
  CHECK(chunked.row_data_bytes() == 4);
  chunked.CopyRow(4, row);
  CHECK(row[0] == 4.0F);
  CHECK(row[1] == 0.5F);
}

}  // namespace
}  // namespace perigee::engine
