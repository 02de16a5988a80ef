// SPDX-License-Identifier: Apache-2.0
#include "engine/vectors/vector_column.h"

#include <cstring>

#include "engine/distance/float16.h"
#include "storage/foundation/check.h"

namespace perigee::engine {

void VectorColumn::CopyRow(uint32_t row, std::span<float> values) const {
  PERIGEE_CHECK(values.size() == parts_.dimension, values.size(), " of ", parts_.dimension);
  const std::byte* bytes = RowBytes(row);
  if (parts_.element == VectorElement::kFloat32) {
    std::memcpy(values.data(), bytes, values.size_bytes());
    return;
  }
  for (size_t i = 0; i < values.size(); ++i) {
    uint16_t half;
    std::memcpy(&half, bytes + i * sizeof(half), sizeof(half));
    values[i] = Float16ToFloat(half);
  }
}

}  // namespace perigee::engine
