// SPDX-License-Identifier: Apache-2.0
#include "storage/encoding/uuid.h"

#include <doctest/doctest.h>

#include <string>
#include <unordered_set>

#include "absl/container/flat_hash_set.h"

namespace perigee::storage {
namespace {

TEST_CASE("random uuids differ are version 4 and survive their text") {
  absl::flat_hash_set<Uuid> seen;
  std::unordered_set<Uuid> seen_by_std;
  for (int i = 0; i < 200; ++i) {
    const Uuid uuid = Uuid::Random();
    CHECK(seen.insert(uuid).second);
    CHECK(seen_by_std.insert(uuid).second);
    const std::string text = uuid.ToString();
    REQUIRE(text.size() == Uuid::kTextLength);
    CHECK(text[14] == '4');
    CHECK(std::string("89ab").find(text[19]) != std::string::npos);
    const auto parsed = Uuid::Parse(text);
    REQUIRE(parsed.ok());
    CHECK(*parsed == uuid);
    CHECK(Uuid::FromBytes(uuid.bytes()) == uuid);
    CHECK_FALSE(uuid.is_nil());
  }
}

TEST_CASE("text has one spelling") {
  const std::string text = "00112233-4455-6677-8899-aabbccddeeff";
  const auto uuid = Uuid::Parse(text);
  REQUIRE(uuid.ok());
  CHECK(uuid->ToString() == text);
  CHECK(uuid->bytes()[1] == std::byte{0x11});
  for (const char* bad :
       {"", "00112233-4455-6677-8899-AABBCCDDEEFF", "00112233445566778899aabbccddeeff0000",
        "00112233-4455-6677-8899-aabbccddeef", "00112233-4455-6677-8899-aabbccddeefg",
        "../12233-4455-6677-8899-aabbccddeeff"}) {
    CHECK(Uuid::Parse(bad).status().code() == absl::StatusCode::kInvalidArgument);
  }
}

TEST_CASE("order is that of the bytes and the default is nil") {
  CHECK(Uuid().is_nil());
  CHECK(*Uuid::Parse("00000000-0000-0000-0000-000000000001") <
        *Uuid::Parse("f0000000-0000-0000-0000-000000000000"));
}

}  // namespace
}  // namespace perigee::storage
