// SPDX-License-Identifier: Apache-2.0
//
// The words of the text spelling of filters (docs/filters.md): paths and keywords, string and
// number literals, operators and punctuation, each with its column.
//
// Invariants:
//  1. Columns count characters from 1.
//  2. A token is made only when asked for, so memory does not grow with the text.
// Thread-safety: an object is used by one thread at a time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "perigee/model/payload_value.h"

namespace perigee {

struct FilterToken {
  enum class Kind {
    kEnd,
    kWord,    ///< a keyword or a path, as written
    kString,  ///< `value` holds what stood between the quotes
    kNumber,  ///< `value` holds an exact integer or a double
    kSymbol,  ///< = != < <= > >= ( ) ,
  };
  Kind kind = Kind::kEnd;
  std::string_view text;  ///< as written; part of the text that is read
  size_t offset = 0;      ///< in bytes
  PayloadValue value;

  bool IsSymbol(std::string_view symbol) const { return kind == Kind::kSymbol && text == symbol; }
  /// Case-insensitive; a quoted or dotted path is never a keyword. Requires: upper case.
  bool IsKeyword(std::string_view keyword) const;
};

class FilterTextLexer {
 public:
  /// `text` outlives the lexer and its tokens.
  explicit FilterTextLexer(std::string_view text) : text_(text) {}

  absl::StatusOr<FilterToken> Next();
  /// kInvalidArgument that names the column of the byte at `offset`.
  absl::Status ErrorAt(size_t offset, std::string_view message) const;

 private:
  absl::StatusOr<FilterToken> Word();
  absl::StatusOr<FilterToken> String();
  absl::StatusOr<FilterToken> Number();
  absl::StatusOr<FilterToken> Symbol();
  FilterToken Make(FilterToken::Kind kind, size_t begin) const;
  size_t DigitsFrom(size_t offset) const;

  std::string_view text_;
  size_t offset_ = 0;
};

/// Whether `key` stands unquoted in a path of the text spelling.
bool IsTextPathKey(std::string_view key);
/// Words that a path of one unquoted key cannot be, because they begin or join conditions.
bool IsReservedFilterWord(std::string_view word);

}  // namespace perigee
