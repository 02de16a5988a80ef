// SPDX-License-Identifier: Apache-2.0
//
// Goal: a deletion file comes back as written, and damage, an old generation or another segment's
// file is never taken for it. Method: random round trips, every bit flipped, cut at every byte.
#include "storage/segment/deletion_file.h"

#include <doctest/doctest.h>

#include <functional>
#include <random>

#include "storage/encoding/byte_codec.h"
#include "storage/encoding/crc32c.h"
#include "storage/foundation/error_reason.h"
#include "tests/storage/hex_example.h"
#include "tests/storage/segment/sample_segment.h"
#include "tests/support/test_seed.h"

namespace perigee::storage {
namespace {

DeletionFile Sample() {
  return {.database_uuid = UuidOf(0xDB),
          .segment_uuid = UuidOf(0x55),
          .deletion_uuid = UuidOf(0xDE),
          .generation = 3,
          .complete_lsn = 90,
          .segment_rows = 50,
          .dead_rows = {{0, 12}, {7, 90}, {49, 13}}};
}

DeletionExpectation Expect(const DeletionFile& file, const DeletionReference& reference) {
  return {.database_uuid = file.database_uuid,
          .segment_uuid = file.segment_uuid,
          .segment_rows = file.segment_rows,
          .reference = reference};
}

TEST_CASE("deletion files of any size come back as written") {
  const uint64_t seed = tests::TestSeed(31);
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  for (const uint32_t rows : {0U, 1U, 2U, 5U, 1000U, 20'000U}) {
    DeletionFile file = Sample();
    file.segment_rows = rows;
    file.dead_rows.clear();
    for (uint32_t row = 0; row < rows; ++row) {
      if (random() % 3 == 0) {
        file.dead_rows.push_back({row, 1 + random() % file.complete_lsn});
      }
    }
    SimulatedFileSystem disk;
    const auto reference = WriteDeletionFile(disk, "deletion", file);
    REQUIRE(reference.ok());
    CHECK(reference->dead_rows == file.dead_rows.size());
    CHECK(reference->complete_lsn == file.complete_lsn);
    CHECK(reference->file_bytes == disk.Contents("deletion")->size());
    const auto back = ReadDeletionFile(disk, "deletion", Expect(file, *reference));
    REQUIRE(back.ok());
    CHECK(*back == file);
    CHECK(absl::IsAlreadyExists(WriteDeletionFile(disk, "deletion", file).status()));
  }
}

TEST_CASE("every reserved byte of a deletion file's header must be zero") {
  const std::string bytes = *EncodeDeletionFile(Sample());
  for (size_t at = 12; at < 188; at = at == 15 ? 136 : at + 1) {
    std::string changed = bytes;
    changed[at] = 1;
    ByteWriter crc;
    crc.U32(MaskCrc(Crc32c(AsBytes(changed).first(188))));
    changed.replace(188, 4, crc.buffer());
    const absl::Status status = DecodeDeletionFile(AsBytes(changed)).status();
    INFO("byte ", at, ": ", status.ToString());
    CHECK(GetErrorReason(status) == ErrorReason::kDamaged);
    CHECK(status.message().find("byte " + std::to_string(at)) != std::string_view::npos);
  }
}

TEST_CASE("rows out of order, out of range or beyond the LSN are refused") {
  const auto refused = [](const std::function<void(DeletionFile&)>& change) {
    DeletionFile file = Sample();
    change(file);
    CHECK(absl::IsInvalidArgument(EncodeDeletionFile(file).status()));
  };
  refused([](DeletionFile& f) { std::swap(f.dead_rows[0], f.dead_rows[1]); });
  refused([](DeletionFile& f) { f.dead_rows[1] = f.dead_rows[0]; });
  refused([](DeletionFile& f) { f.dead_rows[2].row = 50; });
  refused([](DeletionFile& f) { f.dead_rows[0].lsn = 0; });
  refused([](DeletionFile& f) { f.dead_rows[0].lsn = 91; });
  refused([](DeletionFile& f) { f.segment_rows = 2; });
  refused([](DeletionFile& f) { f.segment_rows = kSegmentRowsMax + 1; });
  refused([](DeletionFile& f) { f.generation = 0; });
  refused([](DeletionFile& f) { f.deletion_uuid = Uuid(); });
}

TEST_CASE("every flipped bit and every cut of a deletion file is damage") {
  const DeletionFile file = Sample();
  const std::string bytes = EncodeDeletionFile(file).value();
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    CHECK(absl::IsDataLoss(DecodeDeletionFile(AsBytes(changed)).status()));
  }
  for (size_t length = 0; length < bytes.size(); ++length) {
    CHECK(absl::IsDataLoss(DecodeDeletionFile(AsBytes(bytes.substr(0, length))).status()));
  }
  CHECK(absl::IsDataLoss(DecodeDeletionFile(AsBytes(bytes + '\0')).status()));
}

TEST_CASE("a header with a right checksum and impossible numbers is damage") {
  const std::string bytes = EncodeDeletionFile(Sample()).value();
  const auto with = [&bytes](size_t offset, uint64_t value, size_t count) {
    std::string changed = bytes;
    ByteWriter field;
    field.U64(value);
    changed.replace(offset, count, field.buffer().substr(0, count));
    ByteWriter crc;
    crc.U32(MaskCrc(Crc32c(AsBytes(changed).first(188))));
    changed.replace(188, 4, crc.buffer());
    return DecodeDeletionFile(AsBytes(changed)).status();
  };
  for (const uint64_t count :
       {uint64_t{2}, uint64_t{4}, uint64_t{1} << 32U, uint64_t{1} << 60U, ~uint64_t{0}}) {
    CHECK(absl::IsDataLoss(with(112, count, 8)));
  }
  CHECK(absl::IsDataLoss(with(104, 49, 8)));             // rows of the segment
  CHECK(absl::IsDataLoss(with(96, 89, 8)));              // complete LSN
  CHECK(absl::IsDataLoss(with(88, 0, 8)));               // generation
  CHECK(absl::IsUnimplemented(with(8, 2, 4)));           // format version
  CHECK(absl::IsUnimplemented(with(32, 1, 8)));          // incompat
  CHECK(with(16, ~uint64_t{0}, 8) == absl::OkStatus());  // compat
}

TEST_CASE("a stale generation or a foreign file is noticed") {
  SimulatedFileSystem disk;
  const DeletionFile file = Sample();
  const DeletionReference reference = WriteDeletionFile(disk, "deletion", file).value();
  const auto expect_damage = [&disk](const DeletionExpectation& expected) {
    const absl::Status status = ReadDeletionFile(disk, "deletion", expected).status();
    CHECK(GetErrorReason(status) == ErrorReason::kDamaged);
    CHECK(status.message().find("deletion") != std::string::npos);
  };
  DeletionExpectation expected = Expect(file, reference);
  expected.segment_uuid = UuidOf(1);
  expect_damage(expected);
  expected = Expect(file, reference);
  expected.database_uuid = UuidOf(1);
  expect_damage(expected);
  expected = Expect(file, reference);
  expected.reference.generation = 4;
  expect_damage(expected);
  expected = Expect(file, reference);
  expected.reference.checksum[3] ^= std::byte{1};
  expect_damage(expected);
  expected = Expect(file, reference);
  expected.segment_rows = 1;  // so small that the file cannot be its deletions
  expect_damage(expected);
  CHECK(absl::IsNotFound(ReadDeletionFile(disk, "missing", Expect(file, reference)).status()));
}

TEST_CASE("each failing call of writing is an error") {
  SimulatedFileSystem whole;
  REQUIRE(WriteDeletionFile(whole, "deletion", Sample()).ok());
  for (uint64_t call = 1; call <= whole.calls(); ++call) {
    SimulatedFileSystem disk;
    disk.AddErrorPlan({.call_number = call});
    CHECK_FALSE(WriteDeletionFile(disk, "deletion", Sample()).ok());
    CHECK(disk.syncs_after_failed_sync() == 0);
  }
}

TEST_CASE("the worked example of the format page") {
  const std::string page = tests::ReadSourceFile("docs/formats/segment_format.md");
  const auto file = DecodeDeletionFile(AsBytes(tests::DecodeHexExample(page, "deletion")));
  REQUIRE(file.ok());
  CHECK(*file == Sample());
  CHECK(tests::EncodeHexExample(EncodeDeletionFile(Sample()).value()) ==
        tests::HexExample(page, "deletion"));
}

}  // namespace
}  // namespace perigee::storage
