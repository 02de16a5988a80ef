// SPDX-License-Identifier: Apache-2.0
#include "engine/model/filter_text_lexer.h"

#include <doctest/doctest.h>

#include <limits>
#include <vector>

namespace perigee {
namespace {

using Kind = FilterToken::Kind;

std::vector<FilterToken> Tokens(std::string_view text) {
  FilterTextLexer lexer(text);
  std::vector<FilterToken> tokens;
  for (;;) {
    const absl::StatusOr<FilterToken> token = lexer.Next();
    INFO(token.status().ToString());
    REQUIRE(token.ok());
    if (token->kind == Kind::kEnd) return tokens;
    tokens.push_back(*token);
  }
}

std::string Error(std::string_view text) {
  FilterTextLexer lexer(text);
  for (;;) {
    const absl::StatusOr<FilterToken> token = lexer.Next();
    if (!token.ok()) {
      CHECK(absl::IsInvalidArgument(token.status()));
      return std::string(token.status().message());
    }
    REQUIRE(token->kind != Kind::kEnd);
  }
}

TEST_CASE("words symbols and blanks") {
  const auto tokens = Tokens("\ta.b[]>=x-1,(\"k\"\"y\".\u00e9)!=<");
  const std::vector<std::string_view> expected = {
      "a.b[]", ">=", "x-1", ",", "(", "\"k\"\"y\".\u00e9", ")", "!=", "<"};
  REQUIRE(tokens.size() == expected.size());
  for (size_t i = 0; i < tokens.size(); ++i) CHECK(tokens[i].text == expected[i]);
  CHECK(tokens[0].offset == 1);
}

TEST_CASE("literals have their value and type") {
  CHECK(Tokens("'it''s'")[0].value == PayloadValue("it's"));
  CHECK(Tokens("''")[0].value == PayloadValue(""));
  CHECK(Tokens("42")[0].value == PayloadValue(int64_t{42}));
  CHECK(Tokens("-9223372036854775808")[0].value ==
        PayloadValue(std::numeric_limits<int64_t>::min()));
  CHECK(Tokens("18446744073709551615")[0].value ==
        PayloadValue(std::numeric_limits<uint64_t>::max()));
  CHECK(Tokens("1.0")[0].value == PayloadValue(1.0));
  CHECK(Tokens("1e-400")[0].value == PayloadValue(0.0));
  CHECK(Tokens("-2.5E+3")[0].value == PayloadValue(-2500.0));
}

TEST_CASE("keywords have any case and are never quoted") {
  CHECK(Tokens("and")[0].IsKeyword("AND"));
  CHECK_FALSE(Tokens("\"and\"")[0].IsKeyword("AND"));
  CHECK_FALSE(Tokens("and.x")[0].IsKeyword("AND"));
  CHECK_FALSE(Tokens("'and'")[0].IsKeyword("AND"));
  CHECK(IsReservedFilterWord("Not"));
  CHECK_FALSE(IsReservedFilterWord("in"));
}

TEST_CASE("errors name the column in characters") {
  CHECK(Error("\u00e9\u00e9 'open").find("filter at column 4: ") == 0);
  CHECK(Error("a \"open").find("filter at column 3: ") == 0);
  for (const std::string_view bad :
       {"18446744073709551616", "-9223372036854775809", "1e999", "12ab", "1.", "1.x", "1e", "-",
        "1.2.3", "a == 1", "a <> 1", "a && b", "a || b", "!(a)", "a ; b", "a @ b", "$x", "#"}) {
    CAPTURE(bad);
    CHECK(Error(bad).find("filter at column ") == 0);
  }
}

TEST_CASE("keys that stand unquoted") {
  for (const std::string_view plain : {"a", "_x", "a-b", "a9", "\u00e9"})
    CHECK(IsTextPathKey(plain));
  for (const std::string_view odd : {"", "9a", "-a", "a b", "a.b", "a'b"}) {
    CHECK_FALSE(IsTextPathKey(odd));
  }
}

}  // namespace
}  // namespace perigee
