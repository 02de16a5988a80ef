// SPDX-License-Identifier: Apache-2.0
#include "storage/encoding/sha256.h"

#include <doctest/doctest.h>

#include <array>

#include "storage/encoding/byte_codec.h"

namespace perigee::storage {
namespace {

TEST_CASE("the half of SHA-256 has the published values") {
  const std::array<unsigned char, 16> of_abc = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
                                                0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23};
  const std::array<unsigned char, 16> of_nothing = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
                                                    0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24};
  const auto abc = Sha256Half(AsBytes("abc"));
  const auto nothing = Sha256Half({});
  for (size_t i = 0; i < abc.size(); ++i) {
    CHECK(abc[i] == static_cast<std::byte>(of_abc[i]));
    CHECK(nothing[i] == static_cast<std::byte>(of_nothing[i]));
  }
}

TEST_CASE("SHA-256 of bytes that come in pieces is that of the whole") {
  CHECK(ToHex(Sha256(AsBytes("abc"))) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256Hasher hasher;
  hasher.Update(AsBytes("a"));
  hasher.Update({});
  hasher.Update(AsBytes("bc"));
  CHECK(hasher.Finish() == Sha256(AsBytes("abc")));
}

}  // namespace
}  // namespace perigee::storage
