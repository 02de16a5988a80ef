// SPDX-License-Identifier: Apache-2.0
//
// Filter: which points a call is about, as one typed tree with two spellings that mean exactly the
// same and round-trip: JSON as Qdrant's users write it, and a text form for people:
// lang = 'en' AND year >= 2020 AND tags IN ('a','b') AND NOT draft = true   (docs/filters.md).
//
// Invariants:
//  1. Two-valued: NOT is the complement, so NOT draft = true matches a missing draft. A comparison
//     with a missing or null value is false.
//  2. On arrays a condition holds if one element satisfies all of it; `tags` means `tags[]`. Except
//     holds if a value exists and no element is listed.
//  3. The literal's type decides, never a field declaration. 1 and 1.0 are equal numbers; '1' is
//  not.
//  4. Depth at most 16, nodes at most 256, values in a list at most 4,096 (limits.h). Decoding,
//     evaluation and destruction are bounded by that depth.
// Thread-safety: value types.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "perigee/model/payload_value.h"
#include "perigee/model/point_id.h"

namespace perigee {

/// A literal of a comparison: bool, integer, float or string.
using FilterValue = PayloadValue;

/// path = value, path IN (...), path EXCEPT (...)
struct MatchCondition {
  enum class Kind : uint8_t { kValue = 1, kAny = 2, kExcept = 3 };
  std::string path = {};
  Kind kind = Kind::kValue;
  std::vector<FilterValue> values = {};  ///< exactly one for kValue

  friend bool operator==(const MatchCondition&, const MatchCondition&) = default;
};

/// All words of `text` occur; answers kUnimplemented until text fields exist.
struct TextCondition {
  std::string path = {};
  std::string text = {};
  friend bool operator==(const TextCondition&, const TextCondition&) = default;
};

/// Bounds are all numbers, or all RFC 3339 date-times (strings). At least one is set.
struct RangeCondition {
  std::string path = {};
  std::optional<FilterValue> lt = {};
  std::optional<FilterValue> lte = {};
  std::optional<FilterValue> gt = {};
  std::optional<FilterValue> gte = {};
  friend bool operator==(const RangeCondition&, const RangeCondition&) = default;
};

struct GeoPoint {
  double latitude = 0;
  double longitude = 0;
  friend bool operator==(const GeoPoint&, const GeoPoint&) = default;
};

/// Answers kUnimplemented until geo fields exist.
struct GeoRadiusCondition {
  std::string path = {};
  GeoPoint center = {};
  double radius_m = 0;
  friend bool operator==(const GeoRadiusCondition&, const GeoRadiusCondition&) = default;
};

/// Answers kUnimplemented until geo fields exist.
struct GeoBoxCondition {
  std::string path = {};
  GeoPoint top_left = {};
  GeoPoint bottom_right = {};
  friend bool operator==(const GeoBoxCondition&, const GeoBoxCondition&) = default;
};

struct HasIdCondition {
  std::vector<PointId> ids = {};
  friend bool operator==(const HasIdCondition&, const HasIdCondition&) = default;
};

/// Missing, null or [] .
struct IsEmptyCondition {
  std::string path = {};
  friend bool operator==(const IsEmptyCondition&, const IsEmptyCondition&) = default;
};

/// Present and null (or an array with a null element).
struct IsNullCondition {
  std::string path = {};
  friend bool operator==(const IsNullCondition&, const IsNullCondition&) = default;
};

/// Number of values at the path: 0 if missing or null, 1 for a scalar or object, else array length.
struct ValuesCountCondition {
  std::string path = {};
  std::optional<uint64_t> lt = {};
  std::optional<uint64_t> lte = {};
  std::optional<uint64_t> gt = {};
  std::optional<uint64_t> gte = {};
  friend bool operator==(const ValuesCountCondition&, const ValuesCountCondition&) = default;
};

struct HasVectorCondition {
  std::string name = {};
  friend bool operator==(const HasVectorCondition&, const HasVectorCondition&) = default;
};

struct Filter;

/// All children hold; no children: everything matches.
struct AndNode {
  std::vector<Filter> children;
  friend bool operator==(const AndNode&, const AndNode&);
};

/// One child holds. At least one child.
struct OrNode {
  std::vector<Filter> children;
  friend bool operator==(const OrNode&, const OrNode&);
};

/// Exactly one child, which does not hold.
struct NotNode {
  std::vector<Filter> children;
  friend bool operator==(const NotNode&, const NotNode&);
};

/// At least `count` of the children hold.
struct MinShouldNode {
  uint64_t count = 0;
  std::vector<Filter> children;
  friend bool operator==(const MinShouldNode&, const MinShouldNode&);
};

struct Filter {
  using Node =
      std::variant<AndNode, OrNode, NotNode, MinShouldNode, MatchCondition, TextCondition,
                   RangeCondition, GeoRadiusCondition, GeoBoxCondition, HasIdCondition,
                   IsEmptyCondition, IsNullCondition, ValuesCountCondition, HasVectorCondition>;
  /// An AndNode without children matches everything.
  Node node = {};

  friend bool operator==(const Filter&, const Filter&) = default;
};

/// kInvalidArgument naming the place in the tree, the value and the limit.
absl::Status Validate(const Filter& filter);

/// The JSON spelling: must, should, must_not, min_should and the conditions of docs/filters.md.
/// Unknown keys are an error that names their path and the keys that are allowed.
absl::StatusOr<Filter> ParseFilterJson(std::string_view json);
std::string ToJson(const Filter& filter);

/// The text spelling; an error names the column and what was expected there. Servers never call it
/// (S8).
absl::StatusOr<Filter> ParseFilterText(std::string_view text);
std::string ToText(const Filter& filter);

/// JSON if the first character that is not white space is '{', else text.
absl::StatusOr<Filter> ParseFilter(std::string_view spelling);

}  // namespace perigee
