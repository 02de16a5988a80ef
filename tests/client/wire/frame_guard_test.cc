// SPDX-License-Identifier: Apache-2.0
#include "client/wire/frame_guard.h"

#include <doctest/doctest.h>

#include <random>

#include "tests/support/test_seed.h"

namespace perigee::wire {
namespace {

std::vector<std::byte> Bytes(const std::vector<uint32_t>& words) {
  std::vector<std::byte> bytes;
  for (const uint32_t word : words) {
    for (uint32_t shift = 0; shift < 32; shift += 8) {
      bytes.push_back(static_cast<std::byte>((word >> shift) & 0xFFU));
    }
  }
  return bytes;
}

absl::StatusOr<size_t> HeaderBytes(const std::vector<uint32_t>& words,
                                   const FrameLimits& limits = kAuthenticatedLimits) {
  const std::vector<std::byte> bytes = Bytes(words);
  return FrameGuard::HeaderBytes(std::span<const std::byte, 8>(bytes.data(), 8), limits);
}

TEST_CASE("the eight hostile bytes are refused") {
  CHECK(!HeaderBytes({0xFFFFFFFF, 0}).ok());
  CHECK(!HeaderBytes({0xFFFFFFFF, 0xFFFFFFFF}).ok());
  CHECK(!HeaderBytes({0xFFFFFFFE, 1}).ok());
}

TEST_CASE("segment counts at their limits") {
  CHECK(*HeaderBytes({0, 1}) == 8);
  CHECK(*HeaderBytes({1, 1}) == 16);
  CHECK(*HeaderBytes({2, 1}) == 16);
  CHECK(*HeaderBytes({63, 1}) == 264);
  CHECK(!HeaderBytes({64, 1}).ok());
  CHECK(HeaderBytes({3, 1}, kUnauthenticatedLimits).ok());
  CHECK(!HeaderBytes({4, 1}, kUnauthenticatedLimits).ok());
}

TEST_CASE("the header that asks for 64 MiB is refused before authentication") {
  const std::vector<std::byte> header = Bytes({0, 8U << 20U});
  CHECK(!FrameGuard::SegmentWords(header, kUnauthenticatedLimits).ok());
  CHECK(FrameGuard::SegmentWords(header, kAuthenticatedLimits).ok());
  CHECK(!FrameGuard::SegmentWords(Bytes({0, (8U << 20U) + 1}), kAuthenticatedLimits).ok());
}

TEST_CASE("sizes are summed in 64 bits") {
  // 64 segments of 2^26 words sum to 2^32 words: zero in 32 bits.
  std::vector<uint32_t> words = {63};
  words.insert(words.end(), 64, 1U << 26U);
  words.push_back(0);
  CHECK(!FrameGuard::SegmentWords(Bytes(words), kAuthenticatedLimits).ok());
  words = {1, 0xFFFFFFFF, 1, 0};
  CHECK(!FrameGuard::SegmentWords(Bytes(words), kAuthenticatedLimits).ok());
}

TEST_CASE("a frame without a word is refused") {
  CHECK(!FrameGuard::SegmentWords(Bytes({0, 0}), kAuthenticatedLimits).ok());
  CHECK(*FrameGuard::SegmentWords(Bytes({1, 0, 1, 0}), kAuthenticatedLimits) ==
        std::vector<uint32_t>{0, 1});
}

TEST_CASE("random headers are refused or within the limits") {
  const uint64_t seed = tests::TestSeed(8);
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    std::vector<uint32_t> words(2);
    for (uint32_t& word : words) {
      word = static_cast<uint32_t>(random() >> (random() % 64));
    }
    const auto header_bytes = HeaderBytes(words);
    if (!header_bytes.ok()) {
      continue;
    }
    while (words.size() * 4 < *header_bytes) {
      words.push_back(static_cast<uint32_t>(random() >> (random() % 64)));
    }
    const auto sizes = FrameGuard::SegmentWords(Bytes(words), kAuthenticatedLimits);
    if (!sizes.ok()) {
      continue;
    }
    uint64_t sum = 0;
    for (const uint32_t size : *sizes) {
      sum += size;
    }
    CHECK(sizes->size() == uint64_t{words[0]} + 1);
    CHECK(sum >= 1);
    CHECK(sum * 8 <= kAuthenticatedLimits.message_bytes_max);
  }
}

}  // namespace
}  // namespace perigee::wire
