// SPDX-License-Identifier: Apache-2.0
#include "storage/encoding/byte_codec.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>

#include "storage/foundation/error_reason.h"

namespace perigee::storage {
namespace {

std::string Sample() {
  ByteWriter writer;
  writer.U8(0xAB);
  writer.U16(0x1234);
  writer.U32(0x89ABCDEF);
  writer.U64(0x0102030405060708);
  writer.I64(-2);
  writer.F32(1.5F);
  writer.F64(-0.25);
  writer.LengthPrefixed("abc");
  writer.Pad(8);
  return writer.Take();
}

void ReadSample(ByteReader& reader) {
  CHECK(reader.U8() == 0xAB);
  CHECK(reader.U16() == 0x1234);
  CHECK(reader.U32() == 0x89ABCDEF);
  CHECK(reader.U64() == 0x0102030405060708);
  CHECK(reader.I64() == -2);
  CHECK(reader.F32() == 1.5F);
  CHECK(reader.F64() == -0.25);
  CHECK(reader.LengthPrefixedText(3) == "abc");
  reader.Pad(8);
}

TEST_CASE("fields come back as they were written") {
  const std::string bytes = Sample();
  CHECK(bytes.size() == 48);
  ByteReader reader(bytes);
  ReadSample(reader);
  CHECK(reader.Finish().ok());
}

TEST_CASE("integers are little-endian") {
  ByteWriter writer;
  writer.U32(0x04030201);
  CHECK(writer.buffer() == std::string("\x01\x02\x03\x04"));
}

TEST_CASE("every truncation fails and stays failed") {
  const std::string bytes = Sample();
  for (size_t length = 0; length < bytes.size(); ++length) {
    ByteReader reader(std::string_view(bytes).substr(0, length));
    reader.U8();
    reader.U16();
    reader.U32();
    reader.U64();
    reader.I64();
    reader.F32();
    reader.F64();
    reader.LengthPrefixed(3);
    reader.Pad(8);
    REQUIRE_FALSE(reader.ok());
    CHECK(reader.status().code() == absl::StatusCode::kDataLoss);
    CHECK(reader.U64() == 0);
    CHECK(reader.Bytes(0).empty());
    CHECK(reader.remaining() == 0);
  }
}

TEST_CASE("a length above the limit or the bytes left is refused") {
  ByteWriter writer;
  writer.LengthPrefixed("abcdef");
  ByteReader over_limit(writer.bytes());
  CHECK(over_limit.LengthPrefixed(5).empty());
  CHECK_FALSE(over_limit.ok());

  ByteWriter liar;
  liar.U32(std::numeric_limits<uint32_t>::max());
  ByteReader over_end(liar.bytes());
  CHECK(over_end.LengthPrefixed(std::numeric_limits<size_t>::max()).empty());
  CHECK_FALSE(over_end.ok());
}

TEST_CASE("a count is bounded by its limit and by the bytes left") {
  ByteWriter writer;
  writer.U32(3);
  writer.Zeros(12);
  ByteReader good(writer.bytes());
  CHECK(good.Count(3, 4) == 3);
  CHECK(good.ok());
  ByteReader over_limit(writer.bytes());
  CHECK(over_limit.Count(2, 4) == 0);
  CHECK_FALSE(over_limit.ok());
  ByteReader over_bytes(writer.bytes());
  CHECK(over_bytes.Count(100, 5) == 0);
  CHECK_FALSE(over_bytes.ok());
}

TEST_CASE("padding must be zero") {
  ByteReader reader(std::string_view("\x01\x00\x00\x07", 4));
  reader.U8();
  reader.Pad(4);
  CHECK_FALSE(reader.ok());
  CHECK(reader.position() == 1);
}

TEST_CASE("reserved bytes must be zero and only they") {
  std::string block(16, '\0');
  block[3] = 1;
  block[8] = 1;
  CHECK(CheckReserved(AsBytes(block), 4, 8, "sample").ok());
  CHECK(CheckReserved(AsBytes(block), 8, 8, "sample").ok());
  CHECK(CheckReserved(AsBytes(block), 9, 16, "sample").ok());
  for (size_t at = 4; at < 8; ++at) {
    std::string changed = block;
    changed[at] = '\x80';
    const absl::Status status = CheckReserved(AsBytes(changed), 4, 8, "sample");
    CHECK(GetErrorReason(status) == ErrorReason::kDamaged);
    CHECK(status.message() == "sample: byte " + std::to_string(at) +
                                  " is in use; bytes 4 to 7 are reserved, and zero in this "
                                  "version of the format");
  }
}

TEST_CASE("left over bytes are a failure") {
  ByteReader reader(std::string_view("ab"));
  reader.U8();
  CHECK(reader.status().ok());
  CHECK_FALSE(reader.Finish().ok());
}

TEST_CASE("a patched field replaces four bytes") {
  ByteWriter writer;
  writer.U32(0);
  writer.U32(9);
  writer.PatchU32(0, 7);
  ByteReader reader(writer.bytes());
  CHECK(reader.U32() == 7);
  CHECK(reader.U32() == 9);
}

}  // namespace
}  // namespace perigee::storage
