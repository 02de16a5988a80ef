// SPDX-License-Identifier: Apache-2.0
#include "storage/layout/scrub_record.h"

#include <doctest/doctest.h>

#include <fstream>
#include <limits>
#include <sstream>

#include "storage/encoding/byte_codec.h"
#include "storage/encoding/crc32c.h"
#include "storage/foundation/error_reason.h"

namespace perigee::storage {
namespace {

Uuid Number(uint8_t number) {
  std::string bytes(Uuid::kBytes, '\0');
  bytes[0] = static_cast<char>(number);
  bytes[Uuid::kBytes - 1] = 7;
  return Uuid::FromBytes(AsBytes(bytes));
}

ScrubRecord Sample() {
  ScrubRecord record;
  record.database_uuid = Number(200);
  record.last_full_pass_ms = 1'700'000'000'000;
  record.damages_found = 3;
  record.current_segment = Number(2);
  record.current_offset = uint64_t{5} << 30U;
  record.current_since_ms = 1'700'000'000'000;
  record.verified_at_ms = {{Number(1), 1'700'000'000'001}, {Number(3), 0}, {Number(250), 17}};
  return record;
}

std::string WithChecksum(std::string bytes) {
  bytes.resize(bytes.size() - 4);
  ByteWriter writer;
  writer.Bytes(bytes);
  writer.U32(Crc32c(AsBytes(bytes)));
  return writer.Take();
}

std::optional<ErrorReason> RefusalOf(const std::string& bytes) {
  const auto decoded = DecodeScrubRecord(AsBytes(bytes));
  REQUIRE_FALSE(decoded.ok());
  return GetErrorReason(decoded.status());
}

TEST_CASE("a scrub record survives encoding") {
  for (const ScrubRecord& record : {ScrubRecord(), Sample()}) {
    const auto decoded = DecodeScrubRecord(AsBytes(EncodeScrubRecord(record)));
    REQUIRE(decoded.ok());
    CHECK(*decoded == record);
  }
  ScrubRecord full = Sample();
  for (size_t i = 0; full.verified_at_ms.size() < kScrubSegmentsMax; ++i) {
    full.verified_at_ms.emplace(Uuid::Random(), std::numeric_limits<int64_t>::max());
  }
  const std::string bytes = EncodeScrubRecord(full);
  CHECK(bytes.size() <= kScrubRecordBytesMax);
  const auto decoded = DecodeScrubRecord(AsBytes(bytes));
  REQUIRE(decoded.ok());
  CHECK(*decoded == full);
}

TEST_CASE("every cut and every flipped bit of a scrub record is refused") {
  const std::string bytes = EncodeScrubRecord(Sample());
  for (size_t length = 0; length < bytes.size(); ++length) {
    CHECK(RefusalOf(bytes.substr(0, length)) == ErrorReason::kDamaged);
  }
  CHECK(RefusalOf(bytes + '\0') == ErrorReason::kDamaged);
  CHECK(RefusalOf(std::string(kScrubRecordBytesMax + 1, 'x')) == ErrorReason::kDamaged);
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    CHECK(RefusalOf(flipped) == ErrorReason::kDamaged);
  }
}

TEST_CASE("a scrub record that no encoder writes is refused") {
  const std::string bytes = EncodeScrubRecord(Sample());
  const auto changed = [&bytes](size_t offset, const std::string& with) {
    std::string other = bytes;
    other.replace(offset, with.size(), with);
    return WithChecksum(other);
  };
  CHECK(RefusalOf(changed(0, "X")) == ErrorReason::kDamaged);
  CHECK(RefusalOf(changed(8, "\2")) == ErrorReason::kUnknownFormat);
  CHECK(RefusalOf(changed(12, "\2")) == ErrorReason::kDamaged);  // another count
  CHECK(RefusalOf(changed(12, "\xFF\xFF\xFF\xFF")) == ErrorReason::kDamaged);
  CHECK(RefusalOf(changed(39, "\x80")) == ErrorReason::kDamaged);  // a time before 1970
  CHECK(RefusalOf(changed(79, "\x80")) == ErrorReason::kDamaged);
  CHECK(RefusalOf(changed(103, "\x80")) == ErrorReason::kDamaged);
  CHECK(RefusalOf(changed(80, "\x04")) == ErrorReason::kDamaged);                 // descends
  CHECK(RefusalOf(changed(80, "\x03")) == ErrorReason::kDamaged);                 // twice
  CHECK(RefusalOf(changed(48, std::string(16, '\0'))) == ErrorReason::kDamaged);  // of no segment
}

TEST_CASE("the example of scrub_format is what it says") {
  std::ifstream page(PERIGEE_SOURCE_DIR "/docs/formats/scrub_format.md");
  REQUIRE(page.is_open());
  std::string line;
  while (std::getline(page, line) && line != "```scrub-example") {
  }
  std::string bytes;
  while (std::getline(page, line) && line != "```") {
    std::istringstream hex(line.substr(line.find(':') + 1));
    unsigned value = 0;
    while (hex >> std::hex >> value) {
      bytes.push_back(static_cast<char>(value));
    }
  }
  const auto decoded = DecodeScrubRecord(AsBytes(bytes));
  REQUIRE(decoded.ok());
  ScrubRecord expected;
  expected.database_uuid = *Uuid::Parse("c0ffee00-1234-4567-89ab-cdef01234567");
  expected.last_full_pass_ms = 1'760'000'000'000;
  expected.damages_found = 1;
  expected.current_segment = *Uuid::Parse("22222222-2222-4222-8222-222222222222");
  expected.current_offset = 1'048'576;
  expected.current_since_ms = 1'760'000'000'100;
  expected.verified_at_ms = {
      {*Uuid::Parse("11111111-1111-4111-8111-111111111111"), 1'760'000'000'123}};
  CHECK(*decoded == expected);
}

}  // namespace
}  // namespace perigee::storage
