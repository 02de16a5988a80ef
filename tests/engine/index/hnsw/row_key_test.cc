// SPDX-License-Identifier: Apache-2.0
#include "engine/index/hnsw/row_key.h"

#include <doctest/doctest.h>

#include <limits>
#include <vector>

namespace perigee::engine {
namespace {

TEST_CASE("keys order and carry distance and row") {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> distances = {-3e38F, -2.0F, -1e-45F, 0.0F,    1e-45F,
                                        0.5F,   1.0F,  3e38F,   infinity};
  const std::vector<uint32_t> rows = {0, 1, 77, kHnswRowsMax - 1};
  RowKey previous = 0;
  for (const float distance : distances) {
    for (const uint32_t row : rows) {
      const RowKey key = MakeRowKey(distance, row);
      CHECK(key > (previous | kRowKeyMark));
      CHECK(RowDistanceOfKey(key) == RowDistance{distance, row});
      CHECK(RowDistanceOfKey(key | kRowKeyMark) == RowDistance{distance, row});
      CHECK(RowOfKey(key | kRowKeyMark) == row);
      previous = key;
    }
  }
}

}  // namespace
}  // namespace perigee::engine
