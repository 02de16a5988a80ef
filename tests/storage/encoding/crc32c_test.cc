// SPDX-License-Identifier: Apache-2.0
#include "storage/encoding/crc32c.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "storage/encoding/byte_codec.h"

namespace perigee::storage {
namespace {

TEST_CASE("CRC32C has the values published with the iSCSI standard") {
  CHECK(Crc32c({}) == 0);
  CHECK(Crc32c(AsBytes("123456789")) == 0xE306'9283U);
  CHECK(Crc32c(AsBytes(std::string(32, '\0'))) == 0x8A91'36AAU);
  CHECK(Crc32c(AsBytes(std::string(32, '\xFF'))) == 0x62A8'AB43U);
  std::string ascending;
  for (int i = 0; i < 32; ++i) {
    ascending.push_back(static_cast<char>(i));
  }
  CHECK(Crc32c(AsBytes(ascending)) == 0x46DD'794EU);
}

TEST_CASE("the table and the instructions agree at every length and offset") {
  constexpr uint64_t kSeed = 20240611;
  INFO("seed ", kSeed);
  std::mt19937_64 random(kSeed);
  std::vector<std::byte> bytes(300);
  for (std::byte& byte : bytes) {
    byte = static_cast<std::byte>(random());
  }
  for (size_t offset = 0; offset < 9; ++offset) {
    for (size_t length = 0; length + offset <= bytes.size(); ++length) {
      const auto part = std::span<const std::byte>(bytes).subspan(offset, length);
      REQUIRE(Crc32c(part, 77) == Crc32cPortable(part, 77));
    }
  }
}

TEST_CASE("a CRC continues over parts") {
  const std::string text = "one shared house for every vector";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    const uint32_t head = Crc32c(AsBytes(text.substr(0, cut)));
    CHECK(Crc32c(AsBytes(text.substr(cut)), head) == Crc32c(AsBytes(text)));
    CHECK(Crc32cPortable(AsBytes(text.substr(cut)), head) == Crc32c(AsBytes(text)));
  }
}

TEST_CASE("bytes are told apart from the CRC behind them") {
  const std::string text = "one shared house for every vector";
  ByteWriter writer;
  writer.Bytes(text);
  writer.U32(Crc32c(writer.bytes()));
  const std::string sealed = writer.Take();
  const auto inside = WithoutCrc(AsBytes(sealed));
  REQUIRE(inside.has_value());
  CHECK(AsText(*inside) == text);
  for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    std::string damaged = sealed;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    CHECK_FALSE(WithoutCrc(AsBytes(damaged)).has_value());
  }
  for (size_t length = 0; length < 4; ++length) {
    CHECK_FALSE(WithoutCrc(AsBytes(std::string(length, '\xFF'))).has_value());
  }
  CHECK(WithoutCrc(AsBytes(std::string(4, '\0'))).value().empty());  // the CRC of nothing
}

TEST_CASE("masking is reversible and changes the value") {
  for (const uint32_t crc : {0U, 1U, 0xE306'9283U, 0xFFFF'FFFFU}) {
    CHECK(UnmaskCrc(MaskCrc(crc)) == crc);
    CHECK(MaskCrc(crc) != crc);
  }
}

}  // namespace
}  // namespace perigee::storage
