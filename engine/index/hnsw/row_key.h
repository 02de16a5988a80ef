// SPDX-License-Identifier: Apache-2.0
//
// RowKey: a distance and a row in one integer whose order is (distance, row), so that the lists of
// a walk compare and move eight bytes. The lowest bit is free for a mark that does not disturb it.
//
// Invariants: rows are below kHnswRowsMax; distances are as QueryVector gives them: no NaN, no -0.
// Thread-safety: pure functions.
#pragma once

#include <bit>
#include <cstdint>

#include "engine/index/hnsw/hnsw_graph.h"
#include "engine/index/vector_index.h"

namespace perigee::engine {

using RowKey = uint64_t;

static_assert(kHnswRowsMax == uint32_t{1} << 31U, "a row and a mark share 32 bits");

inline constexpr RowKey kRowKeyMark = 1;

inline RowKey MakeRowKey(float distance, uint32_t row) {
  const uint32_t bits = std::bit_cast<uint32_t>(distance);
  // Flips negative numbers, whose bits fall as they rise, and puts the others above them.
  const uint32_t ordered = (bits & 0x8000'0000U) != 0 ? ~bits : bits | 0x8000'0000U;
  return (uint64_t{ordered} << 32U) | (uint64_t{row} << 1U);
}

inline uint32_t RowOfKey(RowKey key) { return static_cast<uint32_t>(key & 0xFFFF'FFFFU) >> 1U; }

inline RowDistance RowDistanceOfKey(RowKey key) {
  const auto ordered = static_cast<uint32_t>(key >> 32U);
  const uint32_t bits = (ordered & 0x8000'0000U) != 0 ? ordered & 0x7FFF'FFFFU : ~ordered;
  return {std::bit_cast<float>(bits), RowOfKey(key)};
}

}  // namespace perigee::engine
