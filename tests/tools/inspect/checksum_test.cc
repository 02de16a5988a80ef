// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/checksum.h"

#include <doctest/doctest.h>

#include <string>

namespace perigee::tools::inspect {
namespace {

// One bit after the other, as the definition has it.
uint32_t SlowCrc(std::string_view bytes) {
  uint32_t crc = 0xffffffff;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 1U) != 0 ? crc >> 1U ^ 0x82f63b78U : crc >> 1U;
    }
  }
  return ~crc;
}

TEST_CASE("CRC32C has the published check values") {
  CHECK(Crc32c("123456789") == 0xe3069283);
  CHECK(Crc32c("") == 0);
  CHECK(Crc32c(std::string(32, '\0')) == 0x8a9136aa);
  CHECK(Crc32c(std::string(32, '\xff')) == 0x62a8ab43);
}

TEST_CASE("eight bytes at once give what one bit at a time gives") {
  std::string bytes;
  for (int i = 0; i < 100; ++i) {
    CHECK(Crc32c(bytes) == SlowCrc(bytes));
    bytes.push_back(static_cast<char>(i * 37 + 11));
  }
}

TEST_CASE("hashes of parts are those of the whole") {
  CHECK(Sha256Hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256Stream stream;
  stream.Add("a");
  stream.Add("");
  stream.Add("bc");
  CHECK(stream.Hex() == Sha256Hex("abc"));
  CHECK(Sha256Stream().Hex() == Sha256Hex(""));
  CHECK(HexOf(HashOf({"a", "", "bc"})) == "ba7816bf8f01cfea414140de5dae2223");
  CHECK(HashOf({"abc"}) == HashOf({"ab", "c"}));
}

TEST_CASE("the masked form differs from the plain one") {
  const uint32_t crc = Crc32c("123456789");
  CHECK(MaskedCrc32c("123456789") == (crc >> 11U | crc << 21U) + 0x70657267U);
}

}  // namespace
}  // namespace perigee::tools::inspect
