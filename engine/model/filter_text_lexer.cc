// SPDX-License-Identifier: Apache-2.0
#include "engine/model/filter_text_lexer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "engine/model/utf8.h"
#include "engine/model/validation_error.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee {
namespace {

constexpr std::array<std::string_view, 5> kReservedWords = {"AND", "OR", "NOT", "TRUE", "FALSE"};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// Letters, digits, _ and everything beyond ASCII; the text is known to be UTF-8.
bool IsWordStart(char c) {
  return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool IsKeyCharacter(char c) { return IsWordStart(c) || IsDigit(c) || c == '-'; }

bool EqualsKeyword(std::string_view word, std::string_view keyword) {
  return absl::EqualsIgnoreCase(Absl(word), Absl(keyword));
}

}  // namespace

bool FilterToken::IsKeyword(std::string_view keyword) const {
  return kind == Kind::kWord && EqualsKeyword(text, keyword);
}

bool IsReservedFilterWord(std::string_view word) {
  return std::any_of(kReservedWords.begin(), kReservedWords.end(),
                     [&](std::string_view reserved) { return EqualsKeyword(word, reserved); });
}

bool IsTextPathKey(std::string_view key) {
  return !key.empty() && IsWordStart(key[0]) && std::all_of(key.begin(), key.end(), IsKeyCharacter);
}

absl::Status FilterTextLexer::ErrorAt(size_t offset, std::string_view message) const {
  return InvalidError("filter at column ", 1 + CountCharacters(text_.substr(0, offset)), ": ",
                      Absl(message));
}

FilterToken FilterTextLexer::Make(FilterToken::Kind kind, size_t begin) const {
  FilterToken token;
  token.kind = kind;
  token.text = text_.substr(begin, offset_ - begin);
  token.offset = begin;
  return token;
}

absl::StatusOr<FilterToken> FilterTextLexer::Next() {
  offset_ = std::min(text_.find_first_not_of(" \t\r\n", offset_), text_.size());
  if (offset_ == text_.size()) return Make(FilterToken::Kind::kEnd, offset_);
  const char c = text_[offset_];
  if (c == '\'') return String();
  if (IsWordStart(c) || c == '"') return Word();
  if (IsDigit(c) || c == '-') return Number();
  return Symbol();
}

absl::StatusOr<FilterToken> FilterTextLexer::Word() {
  const size_t begin = offset_;
  while (offset_ < text_.size()) {
    const char c = text_[offset_];
    if (c == '"') {
      // A doubled quote inside closes and opens again, which comes to the same.
      const size_t close = text_.find('"', offset_ + 1);
      if (close == std::string_view::npos) {
        return ErrorAt(offset_, "a double quote begins the name of a key and is never closed");
      }
      offset_ = close + 1;
    } else if (IsKeyCharacter(c) || c == '.' || c == '[' || c == ']') {
      ++offset_;
    } else {
      break;
    }
  }
  return Make(FilterToken::Kind::kWord, begin);
}

absl::StatusOr<FilterToken> FilterTextLexer::String() {
  const size_t begin = offset_;
  std::string value;
  for (++offset_; offset_ < text_.size(); ++offset_) {
    if (text_[offset_] == '\'') {
      ++offset_;
      if (offset_ == text_.size() || text_[offset_] != '\'') {
        FilterToken token = Make(FilterToken::Kind::kString, begin);
        token.value = std::move(value);
        return token;
      }
    }
    value += text_[offset_];
  }
  return ErrorAt(begin,
                 "the string that begins here is never closed; a quote inside is written ''");
}

size_t FilterTextLexer::DigitsFrom(size_t offset) const {
  while (offset < text_.size() && IsDigit(text_[offset])) ++offset;
  return offset;
}

absl::StatusOr<FilterToken> FilterTextLexer::Number() {
  const size_t begin = offset_;
  const size_t digits = begin + (text_[begin] == '-' ? 1 : 0);
  offset_ = DigitsFrom(digits);
  if (offset_ == digits) return ErrorAt(begin, "'-' is followed by no digits");
  bool integer = true;
  if (text_.substr(offset_, 1) == ".") {
    integer = false;
    const size_t fraction = offset_ + 1;
    offset_ = DigitsFrom(fraction);
    if (offset_ == fraction) return ErrorAt(begin, "a number has a point and no digits behind it");
  }
  if (offset_ < text_.size() && (text_[offset_] == 'e' || text_[offset_] == 'E')) {
    integer = false;
    const size_t sign = offset_ + 1;
    const bool has_sign = sign < text_.size() && (text_[sign] == '+' || text_[sign] == '-');
    const size_t exponent = sign + (has_sign ? 1 : 0);
    offset_ = DigitsFrom(exponent);
    if (offset_ == exponent) return ErrorAt(begin, "a number has an exponent without digits");
  }
  if (offset_ < text_.size() && (IsKeyCharacter(text_[offset_]) || text_[offset_] == '.')) {
    return ErrorAt(begin,
                   "neither a number nor a key; strings stand in single quotes, keys that "
                   "begin with a digit in double quotes");
  }
  FilterToken token = Make(FilterToken::Kind::kNumber, begin);
  const char* end = token.text.data() + token.text.size();
  if (integer) {
    int64_t negative = 0;
    uint64_t positive = 0;
    if (std::from_chars(token.text.data(), end, negative).ec == std::errc()) {
      token.value = negative;
    } else if (std::from_chars(token.text.data(), end, positive).ec == std::errc()) {
      token.value = positive;
    } else {
      return ErrorAt(begin, "the integer does not fit 64 bits");
    }
    return token;
  }
  double value = 0;
  if (!absl::SimpleAtod(Absl(token.text), &value) || !std::isfinite(value)) {
    return ErrorAt(begin, "the number is out of the range of a double");
  }
  token.value = value;
  return token;
}

absl::StatusOr<FilterToken> FilterTextLexer::Symbol() {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kMistakes = {{
      {"==", "equality is written ="},
      {"<>", "inequality is written !="},
      {"&&", "write AND"},
      {"||", "write OR"},
      {"!(", "write NOT (...)"},
  }};
  constexpr std::array<std::string_view, 9> kSymbols = {"!=", "<=", ">=", "=", "<",
                                                        ">",  "(",  ")",  ","};
  const std::string_view rest = text_.substr(offset_);
  for (const auto& [mistake, remedy] : kMistakes) {
    if (rest.substr(0, mistake.size()) == mistake) return ErrorAt(offset_, remedy);
  }
  const size_t begin = offset_;
  for (const std::string_view symbol : kSymbols) {
    if (rest.substr(0, symbol.size()) != symbol) continue;
    offset_ += symbol.size();
    return Make(FilterToken::Kind::kSymbol, begin);
  }
  return ErrorAt(offset_, "unexpected " + QuoteForMessage(rest.substr(0, 1)) +
                              "; keys with other characters than letters, digits, _ and - stand in "
                              "double quotes, strings in single quotes");
}

}  // namespace perigee
