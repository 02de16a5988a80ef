// SPDX-License-Identifier: Apache-2.0
#include "storage/io/aligned_buffer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

namespace perigee::storage {
namespace {

TEST_CASE("buffers are aligned and zero") {
  for (const size_t alignment : {1U, 8U, 64U, 512U, 4096U, 65536U}) {
    for (const size_t size : {1U, 100U, 4096U, 5000U}) {
      const AlignedBuffer buffer(size, alignment);
      CHECK(reinterpret_cast<uintptr_t>(buffer.data()) % alignment == 0);
      CHECK(buffer.alignment() == alignment);
      CHECK(buffer.size() == size);
      CHECK(std::all_of(buffer.bytes().begin(), buffer.bytes().end(),
                        [](std::byte byte) { return byte == std::byte{0}; }));
    }
  }
  CHECK(AlignedBuffer(0).data() == nullptr);
  CHECK(AlignedBuffer().empty());
}

TEST_CASE("moving takes the bytes along") {
  AlignedBuffer first(10);
  first.bytes()[3] = std::byte{7};
  const std::byte* const data = first.data();
  AlignedBuffer second(std::move(first));
  CHECK(second.data() == data);
  CHECK(first.empty());  // NOLINT(bugprone-use-after-move): moved-from is empty by contract
  AlignedBuffer third(99, 64);
  third = std::move(second);
  CHECK(third.data() == data);
  CHECK(third.size() == 10);
  CHECK(third.bytes()[3] == std::byte{7});
  CHECK(second.empty());  // NOLINT(bugprone-use-after-move)
}

TEST_CASE("rounding") {
  CHECK(AlignUp(0, 4096) == 0);
  CHECK(AlignUp(1, 4096) == 4096);
  CHECK(AlignUp(4096, 4096) == 4096);
  CHECK(AlignDown(4095, 4096) == 0);
  CHECK(AlignDown(4097, 4096) == 4096);
}

}  // namespace
}  // namespace perigee::storage
