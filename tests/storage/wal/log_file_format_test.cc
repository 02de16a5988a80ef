// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/log_file_format.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "storage/encoding/byte_codec.h"
#include "storage/encoding/crc32c.h"
#include "storage/foundation/error_reason.h"
#include "tests/storage/hex_example.h"

namespace perigee::storage {
namespace {

LogFileHeader SampleHeader() {
  LogFileHeader header;
  header.database_uuid = *Uuid::Parse("00112233-4455-4677-8899-aabbccddeeff");
  header.number = 42;
  header.file_bytes = 65536;
  header.salt = 0x1122334455667788;
  header.epoch = 3;
  header.predecessor_number = 41;
  header.start = {.slot = 17, .lsn = 29, .previous_crc = 0x01020304};
  header.chain = 0x0A0B0C0D;
  header.durable_lsn = 30;
  return header;
}

std::string WithHeaderChecksum(std::string block) {
  ByteWriter writer;
  writer.Bytes(block);
  writer.PatchU32(8, MaskCrc(Crc32c(writer.bytes().subspan(12))));
  return writer.Take();
}

TEST_CASE("a file header comes back as it was written") {
  const LogFileHeader header = SampleHeader();
  const std::string block = EncodeLogFileHeader(header);
  REQUIRE(block.size() == kLogBlockBytes);
  const auto read = DecodeLogFileHeader(AsBytes(block));
  REQUIRE(read.ok());
  CHECK(read->database_uuid == header.database_uuid);
  CHECK(read->number == 42);
  CHECK(read->file_bytes == 65536);
  CHECK(read->salt == header.salt);
  CHECK(read->epoch == 3);
  CHECK(read->predecessor_number == 41);
  CHECK(read->start == header.start);
  CHECK(read->chain == header.chain);
  CHECK(read->durable_lsn == 30);
}

TEST_CASE("every flipped bit and every truncation of a file header is detected") {
  const std::string block = EncodeLogFileHeader(SampleHeader());
  for (size_t bit = 0; bit < block.size() * 8; ++bit) {
    std::string damaged = block;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    REQUIRE(DecodeLogFileHeader(AsBytes(damaged)).status().code() == absl::StatusCode::kDataLoss);
  }
  for (size_t length = 0; length < block.size(); ++length) {
    REQUIRE_FALSE(DecodeLogFileHeader(AsBytes(block).first(length)).ok());
  }
}

TEST_CASE("features of later versions are refused by kind impossible values as damage") {
  struct Case {
    size_t offset;
    char value;
    absl::StatusCode code;
  };
  const Case cases[] = {
      {12, 2, absl::StatusCode::kUnimplemented},   // version
      {16, 1, absl::StatusCode::kOk},              // a compat feature
      {24, 1, absl::StatusCode::kUnimplemented},   // ro_compat: the log is opened for writing
      {32, 1, absl::StatusCode::kUnimplemented},   // incompat
      {56, 41, absl::StatusCode::kDataLoss},       // its own predecessor
      {64, 1, absl::StatusCode::kDataLoss},        // size is not a multiple of the block
      {104, 0, absl::StatusCode::kDataLoss},       // LSN 0
      {128, 1, absl::StatusCode::kUnimplemented},  // a cipher
      {140, 1, absl::StatusCode::kDataLoss},       // a key without a cipher
      {160, 1, absl::StatusCode::kDataLoss},       // padding
  };
  const std::string block = EncodeLogFileHeader(SampleHeader());
  for (const Case& each : cases) {
    std::string changed = block;
    REQUIRE(changed[each.offset] != each.value);
    changed[each.offset] = each.value;
    INFO("offset ", each.offset);
    CHECK(DecodeLogFileHeader(AsBytes(WithHeaderChecksum(changed))).status().code() == each.code);
  }
}

TEST_CASE("every reserved byte of a log file's header must be zero") {
  const std::string block = EncodeLogFileHeader(SampleHeader());
  for (size_t at = 132; at < kLogBlockBytes; ++at) {
    std::string changed = block;
    changed[at] = 1;
    const absl::Status status = DecodeLogFileHeader(AsBytes(WithHeaderChecksum(changed))).status();
    INFO("byte ", at, ": ", status.ToString());
    CHECK(GetErrorReason(status) == ErrorReason::kDamaged);
    CHECK(status.message().find("header: byte " + std::to_string(at)) != std::string_view::npos);
  }
}

TEST_CASE("a trailer comes back and every flipped bit is detected") {
  const BlockTrailer trailer = {.salt = 1,
                                .durable_lsn = 2,
                                .slot = 3,
                                .file_offset = 4096,
                                .group_length = 128,
                                .group_crc = 5,
                                .chain = 6};
  const std::string bytes = EncodeBlockTrailer(trailer);
  REQUIRE(bytes.size() == kBlockTrailerBytes);
  const auto read = DecodeBlockTrailer(AsBytes(bytes));
  REQUIRE(read.ok());
  CHECK(read->salt == 1);
  CHECK(read->durable_lsn == 2);
  CHECK(read->slot == 3);
  CHECK(read->file_offset == 4096);
  CHECK(read->group_length == 128);
  CHECK(read->group_crc == 5);
  CHECK(read->chain == 6);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    CHECK_FALSE(DecodeBlockTrailer(AsBytes(damaged)).ok());
  }
  CHECK_FALSE(DecodeBlockTrailer(AsBytes(bytes).first(63)).ok());
}

TEST_CASE("an extent always has room for its trailer") {
  CHECK(ExtentBytes(64) == 4096);
  CHECK(ExtentBytes(4096 - 64) == 4096);
  CHECK(ExtentBytes(4096 - 56) == 8192);
  CHECK(ExtentBytes(kGroupBytesMax) == kGroupBytesMax + 4096);
}

TEST_CASE("an extent is the group zeros and a trailer that names it") {
  LogGroupBuilder builder(1, LogPosition{});
  builder.Add(1, 0, AsBytes("payload"));
  const LogGroup group = builder.Finish();
  std::vector<std::byte> extent(ExtentBytes(group.bytes().size()), std::byte{0xEE});
  const uint32_t chain =
      EncodeExtent(group, {.salt = 9, .file_offset = 8192, .durable_lsn = 0, .chain = 77}, extent);
  CHECK(chain == NextChain(77, group.crc()));
  CHECK(chain != NextChain(78, group.crc()));
  CHECK(chain != NextChain(77, group.crc() + 1));
  const std::span<const std::byte> bytes(extent);
  CHECK(AsText(bytes.first(group.bytes().size())) == AsText(group.bytes()));
  for (size_t i = group.bytes().size(); i < extent.size() - kBlockTrailerBytes; ++i) {
    REQUIRE(extent[i] == std::byte{0});
  }
  const auto trailer = DecodeBlockTrailer(bytes.last(kBlockTrailerBytes));
  REQUIRE(trailer.ok());
  CHECK(trailer->salt == 9);
  CHECK(trailer->file_offset == 8192);
  CHECK(trailer->slot == group.slot());
  CHECK(trailer->group_length == group.bytes().size());
  CHECK(trailer->group_crc == group.crc());
  CHECK(trailer->chain == chain);
}

// The file that the page shows.
std::string ExampleFile() {
  LogFileHeader header;
  header.database_uuid = *Uuid::Parse("00112233-4455-4677-8899-aabbccddeeff");
  header.number = 2;
  header.file_bytes = 65536;
  header.salt = 0x0123456789ABCDEF;
  header.epoch = 7;
  header.predecessor_number = 1;
  header.start = {.slot = 5, .lsn = 10, .previous_crc = 0xC0FFEE00};
  header.chain = 0x0DDBA110;
  header.durable_lsn = 9;
  LogGroupBuilder builder(7, header.start);
  builder.Add(3, 1, AsBytes("hello"));
  const LogGroup group = builder.Finish();
  std::vector<std::byte> extent(ExtentBytes(group.bytes().size()));
  EncodeExtent(
      group,
      {.salt = header.salt, .file_offset = kLogBlockBytes, .durable_lsn = 9, .chain = header.chain},
      extent);
  std::string file = EncodeLogFileHeader(header);
  file += AsText(extent);
  file.resize(header.file_bytes, '\0');
  return file;
}

TEST_CASE("the worked example of the page decodes") {
  const std::string page = tests::ReadSourceFile("docs/formats/wal_format.md");
  CHECK(tests::HexExample(page, "log_file") == tests::EncodeHexExample(ExampleFile()));
  const std::string file = tests::DecodeHexExample(page, "log_file");
  const auto bytes = AsBytes(file);
  REQUIRE(bytes.size() == 65536);
  const auto header = DecodeLogFileHeader(bytes.first(kLogBlockBytes));
  REQUIRE(header.ok());
  CHECK(header->number == 2);
  CHECK(header->start == LogPosition{.slot = 5, .lsn = 10, .previous_crc = 0xC0FFEE00});
  const auto group_header = DecodeGroupHeader(bytes.subspan(kLogBlockBytes));
  REQUIRE(group_header.ok());
  const auto group =
      LogGroup::Decode(std::string(AsText(bytes.subspan(kLogBlockBytes, group_header->length))));
  REQUIRE(group.ok());
  const std::vector<LogRecord> records = group->Records();
  REQUIRE(records.size() == 1);
  CHECK(records[0].lsn == 10);
  CHECK(records[0].type == 3);
  CHECK(records[0].catalog_version == 1);
  CHECK(AsText(records[0].payload) == "hello");
  const auto trailer = DecodeBlockTrailer(
      bytes.subspan(2 * kLogBlockBytes - kBlockTrailerBytes, kBlockTrailerBytes));
  REQUIRE(trailer.ok());
  CHECK(trailer->salt == header->salt);
  CHECK(trailer->durable_lsn == 9);
  CHECK(trailer->chain == NextChain(header->chain, group->crc()));
}

}  // namespace
}  // namespace perigee::storage
