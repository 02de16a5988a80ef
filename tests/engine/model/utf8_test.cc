// SPDX-License-Identifier: Apache-2.0
#include "engine/model/utf8.h"

#include <doctest/doctest.h>

namespace perigee {
namespace {

TEST_CASE("well-formed UTF-8 of every length is accepted") {
  CHECK(IsValidUtf8(""));
  CHECK(IsValidUtf8("ascii"));
  CHECK(IsValidUtf8("\u00e9\u07ff\u0800\uffff"));
  CHECK(IsValidUtf8("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"));
  CHECK(IsValidUtf8(std::string_view("a\0b", 3)));
}

TEST_CASE("ill-formed UTF-8 is found at its first byte") {
  CHECK(FindInvalidUtf8("ab\x80") == 2);
  CHECK(FindInvalidUtf8("\xC0\x80") == 0);          // overlong
  CHECK(FindInvalidUtf8("\xE0\x9F\xBF") == 0);      // overlong
  CHECK(FindInvalidUtf8("\xF0\x8F\xBF\xBF") == 0);  // overlong
  CHECK(FindInvalidUtf8("x\xED\xA0\x80") == 1);     // surrogate
  CHECK(FindInvalidUtf8("\xF4\x90\x80\x80") == 0);  // above U+10FFFF
  CHECK(FindInvalidUtf8("\xF5\x80\x80\x80") == 0);
  for (const std::string_view cut : {"\xC3", "\xE4\xB8", "\xF0\x9F\x98"}) {
    CHECK(FindInvalidUtf8(cut) == 0);
  }
}

TEST_CASE("characters are counted - not bytes") {
  CHECK(CountCharacters("a\u00e9\u4e16") == 3);
  CHECK(CountCharacters("") == 0);
}

TEST_CASE("quoting for messages gives valid UTF-8 whatever it gets") {
  CHECK(QuoteForMessage("a\u00e9") == "'a\u00e9'");
  CHECK(QuoteForMessage("a\n\xFF") == "'a\\x0a\\xff'");
  CHECK(QuoteForMessage("abcdef", 3) == "'abc...'");
  CHECK(QuoteForMessage("") == "''");
}

}  // namespace
}  // namespace perigee
