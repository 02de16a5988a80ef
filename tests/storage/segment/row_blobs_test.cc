// SPDX-License-Identifier: Apache-2.0
//
// Goal: rows of bytes come back as added; offsets that would leave the section are refused.
// Method: round trips of random rows; every offset set to values around its bounds.
#include "storage/segment/row_blobs.h"

#include <doctest/doctest.h>

#include <cstring>
#include <random>

#include "storage/encoding/byte_codec.h"
#include "tests/storage/segment/sample_segment.h"
#include "tests/support/test_seed.h"

namespace perigee::storage {
namespace {

// A section's bytes at an aligned address, as a reader's buffer has them.
AlignedBuffer Aligned(std::string_view bytes) {
  AlignedBuffer buffer(bytes.size());
  if (!bytes.empty()) {
    std::memcpy(buffer.data(), bytes.data(), bytes.size());
  }
  return buffer;
}

TEST_CASE("rows come back as they were added") {
  const uint64_t seed = tests::TestSeed(30);
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  for (const uint64_t rows : {0U, 1U, 2U, 500U}) {
    RowBlobsBuilder builder;
    std::vector<std::string> expected;
    for (uint64_t row = 0; row < rows; ++row) {
      expected.push_back(RandomBytes(random, random() % 30));
      builder.Add(expected.back());
    }
    CHECK(builder.row_count() == rows);
    const std::string bytes = builder.EncodedOffsets() + std::string(builder.bytes());
    CHECK(builder.section_bytes() == bytes.size());
    const AlignedBuffer section = Aligned(bytes);
    const auto blobs = RowBlobs::Open(section.bytes(), rows);
    REQUIRE(blobs.ok());
    CHECK(blobs->row_count() == rows);
    for (uint64_t row = 0; row < rows; ++row) {
      CHECK(blobs->TextAt(row) == expected[row]);
    }
    CHECK(absl::IsDataLoss(RowBlobs::Open(section.bytes(), rows + 1).status()));
  }
}

TEST_CASE("offsets that do not ascend to the end are refused") {
  RowBlobsBuilder builder;
  for (const char* text : {"one", "", "three"}) {
    builder.Add(std::string_view(text));
  }
  const std::string bytes = builder.EncodedOffsets() + std::string(builder.bytes());
  for (size_t index = 0; index < 4; ++index) {
    for (const uint64_t value : {uint64_t{0}, uint64_t{2}, uint64_t{4}, uint64_t{7}, uint64_t{8},
                                 uint64_t{9}, uint64_t{1} << 63U, ~uint64_t{0}}) {
      AlignedBuffer section = Aligned(bytes);
      std::memcpy(section.data() + index * 8, &value, 8);
      const auto blobs = RowBlobs::Open(section.bytes(), 3);
      if (blobs.ok()) {
        // Another split of the same bytes is all that can pass.
        CHECK(blobs->At(0).size() + blobs->At(1).size() + blobs->At(2).size() == 8);
      } else {
        CHECK(absl::IsDataLoss(blobs.status()));
      }
    }
  }
  for (size_t length = 0; length < bytes.size(); ++length) {
    const AlignedBuffer cut = Aligned(std::string_view(bytes).substr(0, length));
    CHECK(absl::IsDataLoss(RowBlobs::Open(cut.bytes(), 3).status()));
  }
  CHECK(absl::IsDataLoss(RowBlobs::Open({}, ~uint64_t{0}).status()));
  const AlignedBuffer section = Aligned(bytes);
  CHECK(absl::IsDataLoss(RowBlobs::Open(section.bytes(), ~uint64_t{0}).status()));
}

}  // namespace
}  // namespace perigee::storage
