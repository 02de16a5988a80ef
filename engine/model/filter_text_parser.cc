// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/model/filter_rules.h"
#include "engine/model/filter_text_lexer.h"
#include "engine/model/name_hint.h"
#include "engine/model/payload_path.h"
#include "engine/model/utf8.h"
#include "engine/model/validation_error.h"
#include "perigee/model/filter.h"
#include "perigee/model/limits.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee {
namespace {

using Kind = FilterToken::Kind;

constexpr std::array<std::string_view, 8> kFunctions = {
    "HAS_ID", "HAS_VECTOR", "COUNT", "RANGE", "GEO_RADIUS", "GEO_BOX", "AT LEAST", "NOT"};
constexpr std::array<std::string_view, 6> kWordOperators = {"IN",    "NOT",     "EXCEPT",
                                                            "MATCH", "BETWEEN", "IS"};
constexpr std::string_view kOperators =
    "an operator: = != < <= > >= IN NOT IN EXCEPT MATCH BETWEEN IS";

/// Recursive descent over or, and, unary and primary. `nesting` counts the parentheses and NOTs
/// around the place that is parsed: a printed filter has no more of them than levels, so the depth
/// limit bounds the recursion.
class FilterTextParser {
 public:
  explicit FilterTextParser(std::string_view text) : lexer_(text) {}

  absl::StatusOr<Filter> Run() {
    PERIGEE_RETURN_IF_ERROR(Advance());
    if (token_.kind == Kind::kEnd) {
      return lexer_.ErrorAt(0, "the filter is empty; write TRUE for everything");
    }
    PERIGEE_ASSIGN_OR_RETURN(Filter filter, Or(0));
    if (token_.kind != Kind::kEnd) return Unexpected("AND, OR or the end");
    return filter;
  }

 private:
  // Tokens.

  absl::Status Advance() {
    PERIGEE_ASSIGN_OR_RETURN(token_, lexer_.Next());
    return absl::OkStatus();
  }

  absl::StatusOr<FilterToken> Take() {
    FilterToken taken = std::move(token_);
    PERIGEE_RETURN_IF_ERROR(Advance());
    return taken;
  }

  /// The token after the current one, which stays current.
  absl::StatusOr<FilterToken> Peek() const {
    FilterTextLexer ahead = lexer_;
    return ahead.Next();
  }

  absl::Status Unexpected(std::string_view expected) const {
    const std::string found = token_.kind == Kind::kEnd ? "the end" : QuoteForMessage(token_.text);
    return lexer_.ErrorAt(token_.offset,
                          absl::StrCat("expected ", Absl(expected), ", found ", found));
  }

  absl::Status ExpectSymbol(std::string_view symbol) {
    if (!token_.IsSymbol(symbol)) return Unexpected(QuoteForMessage(symbol));
    return Advance();
  }

  absl::Status ExpectKeyword(std::string_view keyword) {
    if (!token_.IsKeyword(keyword)) return Unexpected(keyword);
    return Advance();
  }

  // Nodes.

  absl::Status CountNode() {
    if (++nodes_ <= limits::kFilterNodesMax) return absl::OkStatus();
    return LimitError("the filter has more than ", limits::kFilterNodesMax,
                      " conditions and branches, which is the limit; lists (IN) count as one");
  }

  absl::Status CheckNesting(size_t nesting) const {
    if (nesting <= limits::kFilterDepthMax) return absl::OkStatus();
    const absl::Status error = lexer_.ErrorAt(token_.offset, "");
    return LimitError(error.message(), "nested deeper than ", limits::kFilterDepthMax,
                      " levels, which is the limit");
  }

  /// A condition that the rules accept, else an error at the column where it began.
  template <typename Condition>
  absl::StatusOr<Filter> Checked(size_t offset, Condition condition) {
    PERIGEE_RETURN_IF_ERROR(CountNode());
    const absl::Status place = lexer_.ErrorAt(offset, "");
    std::string where(Std(place.message()));
    where.resize(where.find_last_not_of(": ") + 1);
    PERIGEE_RETURN_IF_ERROR(ValidateCondition(condition, where));
    return Filter{std::move(condition)};
  }

  static Filter Not(Filter child) {
    NotNode node;
    node.children.push_back(std::move(child));
    return Filter{std::move(node)};
  }

  absl::StatusOr<Filter> Or(size_t nesting) {
    OrNode node;
    for (;;) {
      PERIGEE_ASSIGN_OR_RETURN(Filter child, And(nesting));
      node.children.push_back(std::move(child));
      if (!token_.IsKeyword("OR")) break;
      PERIGEE_RETURN_IF_ERROR(Advance());
    }
    if (node.children.size() == 1) return std::move(node.children[0]);
    PERIGEE_RETURN_IF_ERROR(CountNode());
    return Filter{std::move(node)};
  }

  absl::StatusOr<Filter> And(size_t nesting) {
    AndNode node;
    for (;;) {
      PERIGEE_ASSIGN_OR_RETURN(Filter child, Unary(nesting));
      node.children.push_back(std::move(child));
      if (!token_.IsKeyword("AND")) break;
      PERIGEE_RETURN_IF_ERROR(Advance());
    }
    if (node.children.size() == 1) return std::move(node.children[0]);
    PERIGEE_RETURN_IF_ERROR(CountNode());
    return Filter{std::move(node)};
  }

  absl::StatusOr<Filter> Unary(size_t nesting) {
    if (!token_.IsKeyword("NOT")) return Primary(nesting);
    PERIGEE_RETURN_IF_ERROR(CheckNesting(nesting + 1));
    PERIGEE_RETURN_IF_ERROR(Advance());
    PERIGEE_RETURN_IF_ERROR(CountNode());
    PERIGEE_ASSIGN_OR_RETURN(Filter child, Unary(nesting + 1));
    return Not(std::move(child));
  }

  absl::StatusOr<Filter> Parenthesised(size_t nesting) {
    PERIGEE_RETURN_IF_ERROR(CheckNesting(nesting + 1));
    PERIGEE_RETURN_IF_ERROR(ExpectSymbol("("));
    PERIGEE_ASSIGN_OR_RETURN(Filter inner, Or(nesting + 1));
    PERIGEE_RETURN_IF_ERROR(ExpectSymbol(")"));
    return inner;
  }

  absl::StatusOr<Filter> Primary(size_t nesting) {
    if (token_.IsSymbol("(")) return Parenthesised(nesting);
    if (token_.IsKeyword("TRUE") || token_.IsKeyword("FALSE")) {
      const bool everything = token_.IsKeyword("TRUE");
      PERIGEE_RETURN_IF_ERROR(Advance());
      PERIGEE_RETURN_IF_ERROR(CountNode());
      return everything ? Filter() : Not(Filter());
    }
    if (token_.kind != Kind::kWord || token_.IsKeyword("AND") || token_.IsKeyword("OR")) {
      return Unexpected("a condition such as lang = 'en'");
    }
    PERIGEE_ASSIGN_OR_RETURN(const FilterToken after, Peek());
    if (after.IsSymbol("(")) return Function();
    if (token_.IsKeyword("AT") && after.IsKeyword("LEAST")) return AtLeast(nesting);
    return Predicate();
  }

  /// AT LEAST n OF (a, b, c)
  absl::StatusOr<Filter> AtLeast(size_t nesting) {
    PERIGEE_RETURN_IF_ERROR(CheckNesting(nesting + 1));
    PERIGEE_RETURN_IF_ERROR(CountNode());
    PERIGEE_RETURN_IF_ERROR(ExpectKeyword("AT"));
    PERIGEE_RETURN_IF_ERROR(ExpectKeyword("LEAST"));
    MinShouldNode node;
    PERIGEE_ASSIGN_OR_RETURN(node.count, Unsigned());
    PERIGEE_RETURN_IF_ERROR(ExpectKeyword("OF"));
    PERIGEE_RETURN_IF_ERROR(ExpectSymbol("("));
    for (;;) {
      PERIGEE_ASSIGN_OR_RETURN(Filter child, Or(nesting + 1));
      node.children.push_back(std::move(child));
      if (!token_.IsSymbol(",")) break;
      PERIGEE_RETURN_IF_ERROR(Advance());
    }
    PERIGEE_RETURN_IF_ERROR(ExpectSymbol(")"));
    return Filter{std::move(node)};
  }

  // Conditions that begin with a word and a parenthesis.

  absl::StatusOr<Filter> Function() {
    PERIGEE_ASSIGN_OR_RETURN(const FilterToken name, Take());
    PERIGEE_RETURN_IF_ERROR(ExpectSymbol("("));
    if (name.IsKeyword("HAS_ID")) return HasId(name.offset);
    if (name.IsKeyword("HAS_VECTOR")) return HasVector(name.offset);
    if (name.IsKeyword("COUNT")) return Count(name.offset);
    if (name.IsKeyword("RANGE")) return Range(name.offset);
    if (name.IsKeyword("GEO_RADIUS")) return GeoRadius(name.offset);
    if (name.IsKeyword("GEO_BOX")) return GeoBox(name.offset);
    return lexer_.ErrorAt(
        name.offset,
        absl::StrCat("no condition is called ", QuoteForMessage(name.text),
                     "; these take parentheses: HAS_ID, HAS_VECTOR, COUNT, RANGE, GEO_RADIUS, "
                     "GEO_BOX",
                     DidYouMean(name.text, kFunctions)));
  }

  absl::StatusOr<Filter> HasId(size_t offset) {
    HasIdCondition has_id;
    PERIGEE_ASSIGN_OR_RETURN(const std::vector<FilterValue> values, ListUntilClosed());
    for (const FilterValue& value : values) {
      if (const auto* text = value.As<std::string>()) {
        has_id.ids.emplace_back(*text);
      } else if (const auto* big = value.As<uint64_t>()) {
        has_id.ids.emplace_back(*big);
      } else if (const auto* number = value.As<int64_t>(); number != nullptr && *number >= 0) {
        has_id.ids.emplace_back(static_cast<uint64_t>(*number));
      } else {
        return lexer_.ErrorAt(offset, absl::StrCat("HAS_ID has ", ToJson(value),
                                                   "; ids are whole numbers from 0 or strings"));
      }
    }
    return Checked(offset, std::move(has_id));
  }

  absl::StatusOr<Filter> HasVector(size_t offset) {
    if (token_.kind != Kind::kString) return Unexpected("the vector's name in single quotes");
    PERIGEE_ASSIGN_OR_RETURN(const FilterToken name, Take());
    PERIGEE_RETURN_IF_ERROR(ExpectSymbol(")"));
    return Checked(offset, HasVectorCondition{.name = *name.value.As<std::string>()});
  }

  /// COUNT(path) op n, after the parenthesis
  absl::StatusOr<Filter> Count(size_t offset) {
    ValuesCountCondition count;
    PERIGEE_ASSIGN_OR_RETURN(count.path, Path());
    PERIGEE_RETURN_IF_ERROR(ExpectSymbol(")"));
    if (token_.IsKeyword("BETWEEN")) {
      PERIGEE_RETURN_IF_ERROR(Advance());
      PERIGEE_ASSIGN_OR_RETURN(count.gte, Unsigned());
      PERIGEE_RETURN_IF_ERROR(ExpectKeyword("AND"));
      PERIGEE_ASSIGN_OR_RETURN(count.lte, Unsigned());
      return Checked(offset, std::move(count));
    }
    const bool equal = token_.IsSymbol("=");
    const bool unequal = token_.IsSymbol("!=");
    if (!equal && !unequal) {
      PERIGEE_RETURN_IF_ERROR(CountBound(count));
      return Checked(offset, std::move(count));
    }
    PERIGEE_RETURN_IF_ERROR(Advance());
    PERIGEE_ASSIGN_OR_RETURN(count.gte, Unsigned());
    count.lte = count.gte;
    PERIGEE_ASSIGN_OR_RETURN(Filter filter, Checked(offset, std::move(count)));
    if (equal) return filter;
    PERIGEE_RETURN_IF_ERROR(CountNode());
    return Not(std::move(filter));
  }

  /// RANGE(path, >= 1, < 5) or RANGE(COUNT(path), ...), after the parenthesis: all bounds hold for
  /// the same element.
  absl::StatusOr<Filter> Range(size_t offset) {
    PERIGEE_ASSIGN_OR_RETURN(const FilterToken after, Peek());
    if (token_.IsKeyword("COUNT") && after.IsSymbol("(")) {
      ValuesCountCondition count;
      PERIGEE_RETURN_IF_ERROR(Advance());
      PERIGEE_RETURN_IF_ERROR(Advance());
      PERIGEE_ASSIGN_OR_RETURN(count.path, Path());
      PERIGEE_RETURN_IF_ERROR(ExpectSymbol(")"));
      while (token_.IsSymbol(",")) {
        PERIGEE_RETURN_IF_ERROR(Advance());
        PERIGEE_RETURN_IF_ERROR(CountBound(count));
      }
      PERIGEE_RETURN_IF_ERROR(ExpectSymbol(")"));
      return Checked(offset, std::move(count));
    }
    RangeCondition range;
    PERIGEE_ASSIGN_OR_RETURN(range.path, Path());
    while (token_.IsSymbol(",")) {
      PERIGEE_RETURN_IF_ERROR(Advance());
      PERIGEE_RETURN_IF_ERROR(RangeBound(range));
    }
    PERIGEE_RETURN_IF_ERROR(ExpectSymbol(")"));
    return Checked(offset, std::move(range));
  }

  /// GEO_RADIUS(path, latitude, longitude, metres), after the parenthesis
  absl::StatusOr<Filter> GeoRadius(size_t offset) {
    GeoRadiusCondition geo;
    PERIGEE_ASSIGN_OR_RETURN(geo.path, Path());
    PERIGEE_ASSIGN_OR_RETURN(geo.center.latitude, CommaDouble());
    PERIGEE_ASSIGN_OR_RETURN(geo.center.longitude, CommaDouble());
    PERIGEE_ASSIGN_OR_RETURN(geo.radius_m, CommaDouble());
    PERIGEE_RETURN_IF_ERROR(ExpectSymbol(")"));
    return Checked(offset, std::move(geo));
  }

  /// GEO_BOX(path, top latitude, left longitude, bottom latitude, right longitude)
  absl::StatusOr<Filter> GeoBox(size_t offset) {
    GeoBoxCondition geo;
    PERIGEE_ASSIGN_OR_RETURN(geo.path, Path());
    PERIGEE_ASSIGN_OR_RETURN(geo.top_left.latitude, CommaDouble());
    PERIGEE_ASSIGN_OR_RETURN(geo.top_left.longitude, CommaDouble());
    PERIGEE_ASSIGN_OR_RETURN(geo.bottom_right.latitude, CommaDouble());
    PERIGEE_ASSIGN_OR_RETURN(geo.bottom_right.longitude, CommaDouble());
    PERIGEE_RETURN_IF_ERROR(ExpectSymbol(")"));
    return Checked(offset, std::move(geo));
  }

  // Conditions that begin with a path.

  absl::StatusOr<Filter> Predicate() {
    const size_t offset = token_.offset;
    PERIGEE_ASSIGN_OR_RETURN(std::string path, Path());
    if (token_.kind == Kind::kSymbol) return Comparison(offset, std::move(path));
    if (token_.IsKeyword("IN")) {
      return Match(offset, std::move(path), MatchCondition::Kind::kAny);
    }
    if (token_.IsKeyword("EXCEPT")) {
      return Match(offset, std::move(path), MatchCondition::Kind::kExcept);
    }
    if (token_.IsKeyword("NOT")) {
      PERIGEE_RETURN_IF_ERROR(Advance());
      if (!token_.IsKeyword("IN")) return Unexpected("IN");
      PERIGEE_RETURN_IF_ERROR(CountNode());
      PERIGEE_ASSIGN_OR_RETURN(Filter match,
                               Match(offset, std::move(path), MatchCondition::Kind::kAny));
      return Not(std::move(match));
    }
    if (token_.IsKeyword("BETWEEN")) return Between(offset, std::move(path));
    if (token_.IsKeyword("IS")) return Is(offset, std::move(path));
    if (token_.IsKeyword("MATCH")) {
      PERIGEE_RETURN_IF_ERROR(Advance());
      if (token_.kind != Kind::kString) return Unexpected("words in single quotes");
      PERIGEE_ASSIGN_OR_RETURN(const FilterToken words, Take());
      return Checked(
          offset, TextCondition{.path = std::move(path), .text = *words.value.As<std::string>()});
    }
    if (token_.kind != Kind::kWord) return Unexpected(kOperators);
    return Unexpected(absl::StrCat(Absl(kOperators), DidYouMean(token_.text, kWordOperators)));
  }

  absl::StatusOr<Filter> Comparison(size_t offset, std::string path) {
    const bool equal = token_.IsSymbol("=");
    if (equal || token_.IsSymbol("!=")) {
      PERIGEE_RETURN_IF_ERROR(Advance());
      MatchCondition match{
          .path = std::move(path),
          .kind = equal ? MatchCondition::Kind::kValue : MatchCondition::Kind::kExcept,
          .values = {}};
      PERIGEE_ASSIGN_OR_RETURN(FilterValue value, Literal());
      match.values.push_back(std::move(value));
      return Checked(offset, std::move(match));
    }
    RangeCondition range;
    range.path = std::move(path);
    PERIGEE_RETURN_IF_ERROR(RangeBound(range));
    return Checked(offset, std::move(range));
  }

  absl::StatusOr<Filter> Match(size_t offset, std::string path, MatchCondition::Kind kind) {
    PERIGEE_RETURN_IF_ERROR(Advance());
    PERIGEE_RETURN_IF_ERROR(ExpectSymbol("("));
    MatchCondition match{.path = std::move(path), .kind = kind, .values = {}};
    PERIGEE_ASSIGN_OR_RETURN(match.values, ListUntilClosed());
    return Checked(offset, std::move(match));
  }

  absl::StatusOr<Filter> Between(size_t offset, std::string path) {
    RangeCondition range;
    range.path = std::move(path);
    PERIGEE_RETURN_IF_ERROR(Advance());
    PERIGEE_ASSIGN_OR_RETURN(range.gte, Literal());
    PERIGEE_RETURN_IF_ERROR(ExpectKeyword("AND"));
    PERIGEE_ASSIGN_OR_RETURN(range.lte, Literal());
    return Checked(offset, std::move(range));
  }

  /// IS [NOT] NULL, IS [NOT] EMPTY
  absl::StatusOr<Filter> Is(size_t offset, std::string path) {
    PERIGEE_RETURN_IF_ERROR(Advance());
    const bool negated = token_.IsKeyword("NOT");
    if (negated) {
      PERIGEE_RETURN_IF_ERROR(Advance());
      PERIGEE_RETURN_IF_ERROR(CountNode());
    }
    const bool null = token_.IsKeyword("NULL");
    if (!null && !token_.IsKeyword("EMPTY")) {
      return Unexpected("NULL, EMPTY, NOT NULL or NOT EMPTY");
    }
    PERIGEE_RETURN_IF_ERROR(Advance());
    absl::StatusOr<Filter> filter =
        null ? Checked(offset, IsNullCondition{.path = std::move(path)})
             : Checked(offset, IsEmptyCondition{.path = std::move(path)});
    if (!filter.ok() || !negated) return filter;
    return Not(*std::move(filter));
  }

  // Parts of conditions.

  absl::StatusOr<std::string> Path() {
    if (token_.kind != Kind::kWord) return Unexpected("a path such as lang or meta.year");
    const absl::StatusOr<PayloadPath> path = PayloadPath::Parse(token_.text);
    if (!path.ok()) return lexer_.ErrorAt(token_.offset, Std(path.status().message()));
    PERIGEE_RETURN_IF_ERROR(Advance());
    return path->Canonical();
  }

  absl::StatusOr<FilterValue> Literal() {
    if (token_.kind == Kind::kString || token_.kind == Kind::kNumber) {
      PERIGEE_ASSIGN_OR_RETURN(FilterToken literal, Take());
      return std::move(literal.value);
    }
    const bool value = token_.IsKeyword("TRUE");
    if (value || token_.IsKeyword("FALSE")) {
      PERIGEE_RETURN_IF_ERROR(Advance());
      return FilterValue(value);
    }
    if (token_.IsKeyword("NULL")) {
      return Unexpected("a value (nothing equals null; write IS NULL)");
    }
    return Unexpected("a value: TRUE, FALSE, a number, or a string in single quotes");
  }

  /// Values up to the closing parenthesis; the opening one is behind.
  absl::StatusOr<std::vector<FilterValue>> ListUntilClosed() {
    std::vector<FilterValue> values;
    while (!token_.IsSymbol(")")) {
      if (!values.empty()) PERIGEE_RETURN_IF_ERROR(ExpectSymbol(","));
      if (values.size() == limits::kFilterValuesMax) {
        return LimitError("filter: a list has more than ", limits::kFilterValuesMax,
                          " values, which is the limit");
      }
      PERIGEE_ASSIGN_OR_RETURN(FilterValue value, Literal());
      values.push_back(std::move(value));
    }
    PERIGEE_RETURN_IF_ERROR(Advance());
    return values;
  }

  absl::StatusOr<uint64_t> Unsigned() {
    const auto* small = token_.value.As<int64_t>();
    const auto* big = token_.value.As<uint64_t>();
    if (token_.kind != Kind::kNumber || (big == nullptr && (small == nullptr || *small < 0))) {
      return Unexpected("a whole number from 0");
    }
    const uint64_t number = big != nullptr ? *big : static_cast<uint64_t>(*small);
    PERIGEE_RETURN_IF_ERROR(Advance());
    return number;
  }

  absl::StatusOr<double> CommaDouble() {
    PERIGEE_RETURN_IF_ERROR(ExpectSymbol(","));
    if (token_.kind != Kind::kNumber) return Unexpected("a number");
    PERIGEE_ASSIGN_OR_RETURN(const FilterToken number, Take());
    if (const auto* value = number.value.As<double>()) return *value;
    if (const auto* value = number.value.As<int64_t>()) return static_cast<double>(*value);
    return static_cast<double>(*number.value.As<uint64_t>());
  }

  /// The bound that an operator sets; it must not be set yet.
  template <typename Condition>
  auto TakeBound(Condition& condition) -> absl::StatusOr<decltype(&condition.lt)> {
    auto* bound = token_.IsSymbol("<")    ? &condition.lt
                  : token_.IsSymbol("<=") ? &condition.lte
                  : token_.IsSymbol(">")  ? &condition.gt
                  : token_.IsSymbol(">=") ? &condition.gte
                                          : nullptr;
    if (bound == nullptr) return Unexpected("one of < <= > >=");
    if (bound->has_value()) return Unexpected("each of < <= > >= at most once");
    PERIGEE_RETURN_IF_ERROR(Advance());
    return bound;
  }

  absl::Status RangeBound(RangeCondition& range) {
    PERIGEE_ASSIGN_OR_RETURN(auto* bound, TakeBound(range));
    PERIGEE_ASSIGN_OR_RETURN(*bound, Literal());
    return absl::OkStatus();
  }

  absl::Status CountBound(ValuesCountCondition& count) {
    PERIGEE_ASSIGN_OR_RETURN(auto* bound, TakeBound(count));
    PERIGEE_ASSIGN_OR_RETURN(*bound, Unsigned());
    return absl::OkStatus();
  }

  FilterTextLexer lexer_;
  FilterToken token_;
  size_t nodes_ = 0;
};

}  // namespace

absl::StatusOr<Filter> ParseFilterText(std::string_view text) {
  if (text.size() > limits::kFilterBytesMax) {
    return LimitError("filter has ", text.size(), " bytes; the limit is ", limits::kFilterBytesMax);
  }
  if (const size_t offset = FindInvalidUtf8(text); offset != text.size()) {
    return InvalidError("filter is not valid UTF-8 at byte ", offset);
  }
  PERIGEE_ASSIGN_OR_RETURN(Filter filter, FilterTextParser(text).Run());
  PERIGEE_RETURN_IF_ERROR(Validate(filter));
  return filter;
}

}  // namespace perigee
