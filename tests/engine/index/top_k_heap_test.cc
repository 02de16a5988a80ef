// SPDX-License-Identifier: Apache-2.0
#include "engine/index/top_k_heap.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <random>
#include <vector>

namespace perigee::engine {
namespace {

TEST_CASE("keeps what sorting would keep") {
  std::mt19937 random(5);
  for (const size_t count : {0U, 1U, 5U, 100U}) {
    for (const size_t k : {0U, 1U, 4U, 100U, 200U}) {
      std::vector<uint32_t> values(count);
      TopKHeap<uint32_t, std::less<uint32_t>> heap(k);
      for (uint32_t& value : values) {
        value = static_cast<uint32_t>(random() % 50);
        heap.Push(value);
      }
      std::sort(values.begin(), values.end());
      values.resize(std::min(count, k));
      CHECK(heap.size() == values.size());
      CHECK(heap.full() == (values.size() == k));
      if (!values.empty()) {
        CHECK(heap.worst() == values.back());
        CHECK(heap.Accepts(values.back()) == !heap.full());
      }
      CHECK(heap.TakeSorted() == values);
      CHECK(heap.empty());
    }
  }
}

}  // namespace
}  // namespace perigee::engine
