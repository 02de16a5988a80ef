// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/uuid.h"

#include <doctest/doctest.h>

namespace perigee::tools::inspect {
namespace {

TEST_CASE("a uuid has one spelling") {
  const std::string text = "c0ffee00-1234-4567-89ab-cdef01234567";
  const auto uuid = Uuid::Parse(text);
  REQUIRE(uuid.has_value());
  CHECK(uuid->ToString() == text);
  CHECK(uuid->bytes[0] == 0xc0);
  CHECK(uuid->bytes[15] == 0x67);
  CHECK_FALSE(uuid->is_nil());
  for (const char* wrong :
       {"C0FFEE00-1234-4567-89ab-cdef01234567", "c0ffee00123445678-9ab-cdef01234567",
        "c0ffee00-1234-4567-89ab-cdef0123456", "c0ffee00-1234-4567-89ab-cdef012345678",
        "g0ffee00-1234-4567-89ab-cdef01234567", ""}) {
    CHECK_FALSE(Uuid::Parse(wrong).has_value());
  }
}

TEST_CASE("too few bytes give the nil uuid") {
  CHECK(Uuid::From("abc").is_nil());
  CHECK_FALSE(Uuid::From("0123456789abcdef").is_nil());
}

}  // namespace
}  // namespace perigee::tools::inspect
