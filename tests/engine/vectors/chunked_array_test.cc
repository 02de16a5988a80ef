// SPDX-License-Identifier: Apache-2.0
#include "engine/vectors/chunked_array.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace perigee::engine {
namespace {

TEST_CASE("rows keep their address and start as zeros") {
  ChunkedArray<float> array({.capacity_rows = 100, .width = 3, .rows_per_chunk_log2 = 3});
  std::vector<const float*> addresses;
  for (uint32_t row = 0; row < 100; ++row) {
    float* values = array.Append();
    CHECK(values[0] == 0.0F);
    CHECK(values[2] == 0.0F);
    values[0] = static_cast<float>(row);
    values[2] = -1.0F;
    addresses.push_back(values);
  }
  const ChunkedRows<float> view = array.View();
  for (uint32_t row = 0; row < 100; ++row) {
    CHECK(array.At(row) == addresses[row]);
    CHECK(view.At(row) == addresses[row]);
    CHECK(*view.At(row) == static_cast<float>(row));
    if (row % 8 == 0) {
      CHECK(reinterpret_cast<uintptr_t>(view.At(row)) % 64 == 0);
    }
  }
  CHECK(array.size() == 100);
  CHECK(array.memory_bytes() == 104 * 12);
}

TEST_CASE("a contiguous view addresses rows by width") {
  const std::vector<uint16_t> rows = {1, 2, 3, 4, 5, 6};
  const auto view = ChunkedRows<uint16_t>::Contiguous(rows.data(), 2);
  CHECK(*view.At(2) == 5);
  CHECK_FALSE(view.empty());
  CHECK(ChunkedRows<uint16_t>().empty());
}

TEST_CASE("readers of published rows need no lock" * doctest::test_suite("concurrency")) {
  constexpr uint32_t kRows = 20'000;
  ChunkedArray<uint32_t> array({.capacity_rows = kRows, .width = 2, .rows_per_chunk_log2 = 6});
  std::atomic<uint32_t> published{0};
  std::atomic<uint64_t> wrong{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      const ChunkedRows<uint32_t> view = array.View();
      uint32_t count = 0;
      while (count < kRows) {
        count = published.load(std::memory_order_acquire);
        for (uint32_t row = count > 200 ? count - 200 : 0; row < count; ++row) {
          wrong += view.At(row)[0] == row && view.At(row)[1] == ~row ? 0 : 1;
        }
      }
    });
  }
  for (uint32_t row = 0; row < kRows; ++row) {
    uint32_t* values = array.Append();
    values[0] = row;
    values[1] = ~row;
    published.store(row + 1, std::memory_order_release);
  }
  for (std::thread& reader : readers) {
    reader.join();
  }
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace perigee::engine
