// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/log_group.h"

#include <doctest/doctest.h>

#include <string>

#include "storage/encoding/byte_codec.h"
#include "storage/encoding/crc32c.h"
#include "storage/foundation/error_reason.h"

namespace perigee::storage {
namespace {

constexpr LogPosition kPosition = {.slot = 5, .lsn = 100, .previous_crc = 0xABCD};

LogGroup SampleGroup() {
  LogGroupBuilder builder(7, kPosition);
  CHECK(builder.Add(1, 0, AsBytes("first")) == 100);
  CHECK(builder.Add(0x8001, 9, AsBytes("")) == 101);
  CHECK(builder.Add(3, 2, AsBytes("eight by")) == 102);
  return builder.Finish();
}

std::string BytesOf(const LogGroup& group) { return std::string(AsText(group.bytes())); }

// Recomputes both checksums, so that the checks behind them are reached.
std::string WithChecksums(std::string bytes) {
  ByteWriter writer;
  writer.Bytes(bytes);
  writer.PatchU32(44, MaskCrc(Crc32c(writer.bytes().subspan(kGroupHeaderBytes))));
  writer.PatchU32(4, MaskCrc(Crc32c(writer.bytes().subspan(8, kGroupHeaderBytes - 8))));
  return writer.Take();
}

TEST_CASE("a group comes back as it was built") {
  const LogGroup built = SampleGroup();
  const auto group = LogGroup::Decode(BytesOf(built));
  REQUIRE(group.ok());
  CHECK(group->epoch() == 7);
  CHECK(group->slot() == 5);
  CHECK(group->first_lsn() == 100);
  CHECK(group->last_lsn() == 102);
  CHECK(group->count() == 3);
  CHECK(group->flags() == 0);
  CHECK(group->previous_crc() == 0xABCD);
  CHECK(group->crc() == built.crc());
  CHECK(group->next_position() == LogPosition{.slot = 6, .lsn = 103, .previous_crc = built.crc()});
  CHECK(group->bytes().size() ==
        kGroupHeaderBytes + RecordBytes(5) + RecordBytes(0) + RecordBytes(8));
  const std::vector<LogRecord> records = group->Records();
  REQUIRE(records.size() == 3);
  CHECK(records[0].lsn == 100);
  CHECK(records[0].type == 1);
  CHECK(AsText(records[0].payload) == "first");
  CHECK(records[1].type == 0x8001);
  CHECK(records[1].catalog_version == 9);
  CHECK(records[1].payload.empty());
  CHECK(records[2].lsn == 102);
  CHECK(AsText(records[2].payload) == "eight by");
}

TEST_CASE("a mark has no records and keeps the LSN") {
  for (const uint16_t flag : {kGroupDurableMark, kGroupCleanClose}) {
    LogGroupBuilder builder(7, kPosition);
    const auto group = LogGroup::Decode(BytesOf(builder.Finish(flag)));
    REQUIRE(group.ok());
    CHECK(group->count() == 0);
    CHECK(group->last_lsn() == 99);
    CHECK(group->flags() == flag);
    CHECK(group->next_position().lsn == 100);
    CHECK(group->Records().empty());
  }
}

TEST_CASE("every truncation and every extension of a group is refused") {
  const std::string bytes = BytesOf(SampleGroup());
  for (size_t length = 0; length < bytes.size(); ++length) {
    CHECK(LogGroup::Decode(bytes.substr(0, length)).status().code() == absl::StatusCode::kDataLoss);
  }
  CHECK_FALSE(LogGroup::Decode(bytes + std::string(8, '\0')).ok());
}

TEST_CASE("every flipped bit of a group is detected") {
  const std::string bytes = BytesOf(SampleGroup());
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    INFO("bit ", bit);
    CHECK(LogGroup::Decode(damaged).status().code() == absl::StatusCode::kDataLoss);
  }
}

TEST_CASE("with right checksums every field is still checked") {
  const std::string bytes = BytesOf(SampleGroup());
  struct Case {
    size_t offset;
    char value;
    absl::StatusCode code;
  };
  const Case cases[] = {
      {24, 99, absl::StatusCode::kDataLoss},      // first LSN: records disagree
      {32, 2, absl::StatusCode::kDataLoss},       // count too small: bytes left over
      {32, 4, absl::StatusCode::kDataLoss},       // count too large
      {32, 0, absl::StatusCode::kDataLoss},       // a mark with a body
      {40, 8, absl::StatusCode::kDataLoss},       // length
      {43, 1, absl::StatusCode::kDataLoss},       // length above the limit
      {48, 2, absl::StatusCode::kUnimplemented},  // version
      {50, 1, absl::StatusCode::kDataLoss},       // a mark with records
      {50, 4, absl::StatusCode::kUnimplemented},  // a flag of a later version
      {52, 1, absl::StatusCode::kUnimplemented},  // reserved
      {64, 6, absl::StatusCode::kDataLoss},       // payload length: its checksum
      {66, 1, absl::StatusCode::kDataLoss},       // payload length beyond the group
      {70, 1, absl::StatusCode::kDataLoss},       // record flags
      {72, 101, absl::StatusCode::kDataLoss},     // record LSN
      {80, 0, absl::StatusCode::kDataLoss},       // payload checksum
      {88 + 6, 1, absl::StatusCode::kDataLoss},   // padding behind the payload
  };
  for (const Case& each : cases) {
    std::string changed = bytes;
    REQUIRE(changed[each.offset] != each.value);
    changed[each.offset] = each.value;
    INFO("offset ", each.offset, " value ", static_cast<int>(each.value));
    CHECK(LogGroup::Decode(WithChecksums(changed)).status().code() == each.code);
  }
  CHECK(LogGroup::Decode(WithChecksums(bytes)).ok());
}

TEST_CASE("LSN and slot do not wrap") {
  LogGroupBuilder builder(1, {.slot = ~uint64_t{0}, .lsn = 1});
  CHECK_FALSE(LogGroup::Decode(BytesOf(builder.Finish(kGroupDurableMark))).ok());
  LogGroupBuilder last(1, {.slot = 0, .lsn = ~uint64_t{0}});
  last.Add(1, 0, {});
  CHECK_FALSE(LogGroup::Decode(BytesOf(last.Finish())).ok());
}

TEST_CASE("the largest payload fits a group alone and no more") {
  LogGroupBuilder builder(1, LogPosition{});
  CHECK(builder.Fits(kRecordPayloadBytesMax));
  CHECK_FALSE(builder.Fits(kRecordPayloadBytesMax + 1));
  CHECK_FALSE(builder.Fits(~size_t{0}));
  const std::string payload(kRecordPayloadBytesMax, 'x');
  builder.Add(1, 0, AsBytes(payload));
  CHECK_FALSE(builder.Fits(0));
  const LogGroup group = builder.Finish();
  CHECK(group.bytes().size() == kGroupBytesMax);
  CHECK(LogGroup::Decode(BytesOf(group)).ok());
}

}  // namespace
}  // namespace perigee::storage
