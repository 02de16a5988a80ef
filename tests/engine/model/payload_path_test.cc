// SPDX-License-Identifier: Apache-2.0
#include "engine/model/payload_path.h"

#include <doctest/doctest.h>

namespace perigee {
namespace {

PayloadPath Parsed(std::string_view text) {
  const absl::StatusOr<PayloadPath> path = PayloadPath::Parse(text);
  CAPTURE(text);
  REQUIRE(path.ok());
  return *path;
}

TEST_CASE("keys are joined by dots and brackets count array levels") {
  CHECK(Parsed("lang").steps == std::vector<PayloadPath::Step>{{"lang", 0}});
  CHECK(Parsed("a.b[].c[][]").steps ==
        std::vector<PayloadPath::Step>{{"a", 0}, {"b", 1}, {"c", 2}});
  CHECK(Parsed("with blank.2020").steps ==
        std::vector<PayloadPath::Step>{{"with blank", 0}, {"2020", 0}});
}

TEST_CASE("odd keys stand in double quotes") {
  CHECK(Parsed("\"a.b\".\"q\"\"t\"[]").steps ==
        std::vector<PayloadPath::Step>{{"a.b", 0}, {"q\"t", 1}});
  CHECK(Parsed("\"\"").steps == std::vector<PayloadPath::Step>{{"", 0}});
}

TEST_CASE("the canonical spelling quotes only where it must and reads back") {
  CHECK(Parsed("\"lang\"").Canonical() == "lang");
  for (const std::string_view text :
       {"a", "a.b[].c", "\"a.b\"", "\"\"", "x.\"[\"[]", "a\u00e9 b"}) {
    CHECK(Parsed(text).Canonical() == text);
    CHECK(Parsed(Parsed(text).Canonical()) == Parsed(text));
  }
}

TEST_CASE("what is no path is refused") {
  for (const std::string_view bad : {"", ".", "a.", ".a", "a..b", "a[", "a[0]", "a]", "[]", "a[]b",
                                     "\"a", "\"a\"b", "a\"b\"", "a\xFF"}) {
    CAPTURE(bad);
    CHECK(absl::IsInvalidArgument(PayloadPath::Parse(bad).status()));
  }
}

TEST_CASE("paths are limited in bytes and depth") {
  CHECK(PayloadPath::Parse(std::string(1024, 'a')).ok());
  CHECK(absl::IsInvalidArgument(PayloadPath::Parse(std::string(1025, 'a')).status()));
  std::string deep = "a";
  for (int i = 1; i < 32; ++i) deep += ".a";
  CHECK(PayloadPath::Parse(deep).ok());
  CHECK(absl::IsInvalidArgument(PayloadPath::Parse(deep + ".a").status()));
  CHECK(absl::IsInvalidArgument(PayloadPath::Parse(deep + "[]").status()));
}

}  // namespace
}  // namespace perigee
