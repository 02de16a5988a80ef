// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/model/filter_rules.h"
#include "engine/model/json_reader.h"
#include "engine/model/json_writer.h"
#include "engine/model/name_hint.h"
#include "engine/model/payload_path.h"
#include "engine/model/utf8.h"
#include "engine/model/validation_error.h"
#include "perigee/model/filter.h"
#include "perigee/model/limits.h"
#include "storage/foundation/status_macros.h"

namespace perigee {
namespace {

using Keys = std::span<const std::string_view>;

constexpr std::array<std::string_view, 4> kClauseKeys = {"must", "should", "must_not",
                                                         "min_should"};
constexpr std::array<std::string_view, 6> kFieldKeys = {
    "key", "match", "range", "geo_radius", "geo_bounding_box", "values_count"};
constexpr std::array<std::string_view, 4> kSingleKeys = {"is_empty", "is_null", "has_id",
                                                         "has_vector"};
constexpr std::array<std::string_view, 10> kAllKeys = {
    "must",  "should",   "must_not", "min_should", "key",
    "match", "is_empty", "is_null",  "has_id",     "has_vector"};
constexpr std::array<std::string_view, 4> kMatchKeys = {"value", "any", "except", "text"};
constexpr std::array<std::string_view, 4> kRangeKeys = {"gt", "gte", "lt", "lte"};
constexpr std::array<std::string_view, 1> kPathKeys = {"key"};
constexpr std::array<std::string_view, 2> kMinShouldKeys = {"conditions", "min_count"};
constexpr std::array<std::string_view, 2> kRadiusKeys = {"center", "radius"};
constexpr std::array<std::string_view, 2> kBoxKeys = {"top_left", "bottom_right"};
constexpr std::array<std::string_view, 2> kPointKeys = {"lat", "lon"};

JsonLimits FilterJsonLimits() {
  // A level of the filter is at most three of JSON: {"min_should": {"conditions": [ ... ]}}.
  return {.text_bytes_max = limits::kFilterBytesMax,
          .depth_max = 3 * limits::kFilterDepthMax + 8,
          .keys_max = 8 * limits::kFilterNodesMax,
          .key_bytes_max = limits::kPayloadKeyBytesMax,
          .string_bytes_max = limits::kFilterBytesMax,
          // Literals take more when stored than as text: a list of single digits, for example.
          .stored_bytes_max = 8 * limits::kFilterBytesMax};
}

std::string Spell(const PayloadValue& value) {
  std::string json;
  AppendJson(value, json);
  return QuoteForMessage(json);
}

std::string Keyed(const std::string& where, std::string_view key) {
  return where + "." + std::string(key);
}

bool Has(Keys keys, std::string_view key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

absl::Status CheckKeys(const PayloadObject& object, Keys allowed, const std::string& where) {
  for (const auto& [key, value] : object) {
    if (Has(allowed, key)) continue;
    return InvalidError(where, ": unknown key ", QuoteForMessage(key),
                        "; allowed: ", JoinNames(allowed), DidYouMean(key, allowed));
  }
  return absl::OkStatus();
}

absl::StatusOr<const PayloadObject*> Object(const PayloadValue& value, const std::string& where,
                                            Keys allowed) {
  const auto* object = value.As<PayloadObject>();
  if (object == nullptr) {
    return InvalidError(where, ": ", Spell(value),
                        " is not an object; one with these keys is expected: ", JoinNames(allowed));
  }
  PERIGEE_RETURN_IF_ERROR(CheckKeys(*object, allowed, where));
  return object;
}

absl::StatusOr<const PayloadArray*> Array(const PayloadValue& value, const std::string& where) {
  const auto* array = value.As<PayloadArray>();
  if (array == nullptr) return InvalidError(where, ": ", Spell(value), " is not a list");
  if (array->size() > limits::kFilterValuesMax) {
    return LimitError(where, ": list of ", array->size(), " values; the limit is ",
                      limits::kFilterValuesMax);
  }
  return array;
}

absl::StatusOr<std::string> String(const PayloadValue& value, const std::string& where) {
  const auto* text = value.As<std::string>();
  if (text == nullptr) return InvalidError(where, ": ", Spell(value), " is not a string");
  return *text;
}

/// The path in its one spelling, so that equal filters compare equal.
absl::StatusOr<std::string> Path(const PayloadValue& value, const std::string& where) {
  PERIGEE_ASSIGN_OR_RETURN(const std::string text, String(value, where));
  const absl::StatusOr<PayloadPath> path = PayloadPath::Parse(text);
  if (!path.ok()) return WithContext(path.status(), where);
  return path->Canonical();
}

absl::StatusOr<uint64_t> Unsigned(const PayloadValue& value, const std::string& where) {
  if (const auto* number = value.As<uint64_t>()) return *number;
  if (const auto* number = value.As<int64_t>(); number != nullptr && *number >= 0) {
    return static_cast<uint64_t>(*number);
  }
  return InvalidError(where, ": ", Spell(value), " is not a whole number from 0");
}

absl::StatusOr<double> Double(const PayloadValue& value, const std::string& where) {
  if (const auto* number = value.As<double>()) return *number;
  if (const auto* number = value.As<int64_t>()) return static_cast<double>(*number);
  if (const auto* number = value.As<uint64_t>()) return static_cast<double>(*number);
  return InvalidError(where, ": ", Spell(value), " is not a number");
}

absl::StatusOr<const PayloadValue*> Member(const PayloadObject& object, std::string_view key,
                                           const std::string& where) {
  const PayloadValue* value = FindMember(object, key);
  if (value == nullptr) {
    return InvalidError(where, ": key ", QuoteForMessage(key), " is missing");
  }
  return value;
}

/// The only member; kInvalidArgument unless there is exactly one.
absl::StatusOr<const std::pair<std::string, PayloadValue>*> OnlyMember(const PayloadObject& object,
                                                                       const std::string& where,
                                                                       Keys allowed) {
  if (object.size() != 1) {
    return InvalidError(where, " has ", object.size(),
                        " keys; exactly one is expected of: ", JoinNames(allowed));
  }
  return object.data();
}

// One function per condition. Each takes the value behind the condition's key.

absl::StatusOr<Filter> Match(std::string path, const PayloadValue& value,
                             const std::string& where) {
  PERIGEE_ASSIGN_OR_RETURN(const PayloadObject* object, Object(value, where, kMatchKeys));
  PERIGEE_ASSIGN_OR_RETURN(const auto* member, OnlyMember(*object, where, kMatchKeys));
  const auto& [key, operand] = *member;
  const std::string place = Keyed(where, key);
  if (key == "text") {
    PERIGEE_ASSIGN_OR_RETURN(std::string text, String(operand, place));
    return Filter{TextCondition{.path = std::move(path), .text = std::move(text)}};
  }
  MatchCondition match{.path = std::move(path), .kind = MatchCondition::Kind::kValue, .values = {}};
  if (key == "value") {
    match.values.push_back(operand);
  } else {
    PERIGEE_ASSIGN_OR_RETURN(const PayloadArray* list, Array(operand, place));
    match.kind = key == "any" ? MatchCondition::Kind::kAny : MatchCondition::Kind::kExcept;
    match.values = *list;
  }
  PERIGEE_RETURN_IF_ERROR(ValidateCondition(match, place));
  return Filter{std::move(match)};
}

absl::StatusOr<Filter> Range(std::string path, const PayloadValue& value,
                             const std::string& where) {
  PERIGEE_ASSIGN_OR_RETURN(const PayloadObject* object, Object(value, where, kRangeKeys));
  RangeCondition range;
  range.path = std::move(path);
  for (const auto& [key, bound] : *object) {
    if (bound.is_null()) continue;  // clients that serialise a struct write the absent ones so
    (key == "gt"    ? range.gt
     : key == "gte" ? range.gte
     : key == "lt"  ? range.lt
                    : range.lte) = bound;
  }
  PERIGEE_RETURN_IF_ERROR(ValidateCondition(range, where));
  return Filter{std::move(range)};
}

absl::StatusOr<Filter> ValuesCount(std::string path, const PayloadValue& value,
                                   const std::string& where) {
  PERIGEE_ASSIGN_OR_RETURN(const PayloadObject* object, Object(value, where, kRangeKeys));
  ValuesCountCondition count;
  count.path = std::move(path);
  for (const auto& [key, bound] : *object) {
    if (bound.is_null()) continue;
    PERIGEE_ASSIGN_OR_RETURN(const uint64_t number, Unsigned(bound, Keyed(where, key)));
    (key == "gt"    ? count.gt
     : key == "gte" ? count.gte
     : key == "lt"  ? count.lt
                    : count.lte) = number;
  }
  PERIGEE_RETURN_IF_ERROR(ValidateCondition(count, where));
  return Filter{std::move(count)};
}

absl::StatusOr<GeoPoint> Coordinates(const PayloadObject& object, std::string_view key,
                                     const std::string& where) {
  PERIGEE_ASSIGN_OR_RETURN(const PayloadValue* value, Member(object, key, where));
  const std::string place = Keyed(where, key);
  PERIGEE_ASSIGN_OR_RETURN(const PayloadObject* point, Object(*value, place, kPointKeys));
  PERIGEE_ASSIGN_OR_RETURN(const PayloadValue* latitude, Member(*point, "lat", place));
  PERIGEE_ASSIGN_OR_RETURN(const PayloadValue* longitude, Member(*point, "lon", place));
  GeoPoint coordinates;
  PERIGEE_ASSIGN_OR_RETURN(coordinates.latitude, Double(*latitude, place + ".lat"));
  PERIGEE_ASSIGN_OR_RETURN(coordinates.longitude, Double(*longitude, place + ".lon"));
  return coordinates;
}

absl::StatusOr<Filter> GeoRadius(std::string path, const PayloadValue& value,
                                 const std::string& where) {
  PERIGEE_ASSIGN_OR_RETURN(const PayloadObject* object, Object(value, where, kRadiusKeys));
  GeoRadiusCondition geo;
  geo.path = std::move(path);
  PERIGEE_ASSIGN_OR_RETURN(geo.center, Coordinates(*object, "center", where));
  PERIGEE_ASSIGN_OR_RETURN(const PayloadValue* radius, Member(*object, "radius", where));
  PERIGEE_ASSIGN_OR_RETURN(geo.radius_m, Double(*radius, where + ".radius"));
  PERIGEE_RETURN_IF_ERROR(ValidateCondition(geo, where));
  return Filter{std::move(geo)};
}

absl::StatusOr<Filter> GeoBox(std::string path, const PayloadValue& value,
                              const std::string& where) {
  PERIGEE_ASSIGN_OR_RETURN(const PayloadObject* object, Object(value, where, kBoxKeys));
  GeoBoxCondition geo;
  geo.path = std::move(path);
  PERIGEE_ASSIGN_OR_RETURN(geo.top_left, Coordinates(*object, "top_left", where));
  PERIGEE_ASSIGN_OR_RETURN(geo.bottom_right, Coordinates(*object, "bottom_right", where));
  PERIGEE_RETURN_IF_ERROR(ValidateCondition(geo, where));
  return Filter{std::move(geo)};
}

/// {"key": path, <one condition>}
absl::StatusOr<Filter> FieldCondition(const PayloadObject& object, const std::string& where) {
  PERIGEE_RETURN_IF_ERROR(CheckKeys(object, kFieldKeys, where));
  PERIGEE_ASSIGN_OR_RETURN(const PayloadValue* key, Member(object, "key", where));
  PERIGEE_ASSIGN_OR_RETURN(std::string path, Path(*key, where + ".key"));
  const std::pair<std::string, PayloadValue>* condition = nullptr;
  for (const auto& member : object) {
    if (member.first == "key" || member.second.is_null()) continue;
    if (condition != nullptr) {
      return InvalidError(where, ": both ", condition->first, " and ", member.first,
                          " in one condition; put each into its own object of must");
    }
    condition = &member;
  }
  if (condition == nullptr) {
    return InvalidError(
        where, ": no condition beside key; give one of: ", JoinNames(Keys(kFieldKeys).subspan(1)));
  }
  const std::string place = Keyed(where, condition->first);
  if (condition->first == "match") return Match(std::move(path), condition->second, place);
  if (condition->first == "range") return Range(std::move(path), condition->second, place);
  if (condition->first == "values_count") {
    return ValuesCount(std::move(path), condition->second, place);
  }
  if (condition->first == "geo_radius") return GeoRadius(std::move(path), condition->second, place);
  return GeoBox(std::move(path), condition->second, place);
}

absl::StatusOr<Filter> HasId(const PayloadValue& value, const std::string& where) {
  PERIGEE_ASSIGN_OR_RETURN(const PayloadArray* list, Array(value, where));
  HasIdCondition has_id;
  for (size_t i = 0; i < list->size(); ++i) {
    const PayloadValue& id = (*list)[i];
    const std::string place = absl::StrCat(where, "[", i, "]");
    if (const auto* text = id.As<std::string>()) {
      has_id.ids.emplace_back(*text);
    } else {
      PERIGEE_ASSIGN_OR_RETURN(const uint64_t number, Unsigned(id, place));
      has_id.ids.emplace_back(number);
    }
  }
  PERIGEE_RETURN_IF_ERROR(ValidateCondition(has_id, where));
  return Filter{std::move(has_id)};
}

/// {"is_empty": {"key": path}} and its like.
absl::StatusOr<Filter> SingleCondition(const PayloadObject& object, const std::string& where) {
  PERIGEE_RETURN_IF_ERROR(CheckKeys(object, kSingleKeys, where));
  PERIGEE_ASSIGN_OR_RETURN(const auto* member, OnlyMember(object, where, kSingleKeys));
  const auto& [key, value] = *member;
  const std::string place = Keyed(where, key);
  if (key == "has_id") return HasId(value, place);
  if (key == "has_vector") {
    PERIGEE_ASSIGN_OR_RETURN(std::string name, String(value, place));
    HasVectorCondition has_vector{.name = std::move(name)};
    PERIGEE_RETURN_IF_ERROR(ValidateCondition(has_vector, place));
    return Filter{std::move(has_vector)};
  }
  PERIGEE_ASSIGN_OR_RETURN(const PayloadObject* inner, Object(value, place, kPathKeys));
  PERIGEE_ASSIGN_OR_RETURN(const PayloadValue* path_value, Member(*inner, "key", place));
  PERIGEE_ASSIGN_OR_RETURN(std::string path, Path(*path_value, place + ".key"));
  if (key == "is_empty") return Filter{IsEmptyCondition{.path = std::move(path)}};
  return Filter{IsNullCondition{.path = std::move(path)}};
}

/// Clauses, which nest; recursion is bounded by the depth limit.
class ClauseParser {
 public:
  absl::StatusOr<Filter> Any(const PayloadValue& value, const std::string& where, size_t depth) {
    if (depth > limits::kFilterDepthMax) {
      return LimitError(where, ": the filter is deeper than ", limits::kFilterDepthMax,
                        " levels, which is the limit");
    }
    if (++nodes_ > limits::kFilterNodesMax) {
      return LimitError(where, ": the filter has more than ", limits::kFilterNodesMax,
                        " nodes, which is the limit; lists (match any) count as one");
    }
    const auto* object = value.As<PayloadObject>();
    if (object == nullptr) {
      return InvalidError(where, ": ", Spell(value), " is not an object with a condition");
    }
    if (FindMember(*object, "key") != nullptr) return FieldCondition(*object, where);
    for (const auto& [key, member] : *object) {
      if (Has(kSingleKeys, key)) return SingleCondition(*object, where);
      if (Has(kFieldKeys, key)) {
        return InvalidError(where, ": key 'key' is missing; ", key, " needs the path it is about");
      }
    }
    return Clauses(*object, where, depth);
  }

 private:
  absl::StatusOr<Filter> Clauses(const PayloadObject& object, const std::string& where,
                                 size_t depth) {
    for (const auto& [key, value] : object) {
      if (Has(kClauseKeys, key)) continue;
      return InvalidError(where, ": unknown key ", QuoteForMessage(key),
                          "; allowed: ", JoinNames(kAllKeys), DidYouMean(key, kAllKeys));
    }
    AndNode all;
    PERIGEE_ASSIGN_OR_RETURN(all.children, List(object, "must", where, depth));
    PERIGEE_ASSIGN_OR_RETURN(std::vector<Filter> should, List(object, "should", where, depth));
    if (should.size() == 1) all.children.push_back(std::move(should[0]));
    if (should.size() > 1) all.children.push_back({OrNode{.children = std::move(should)}});
    if (const PayloadValue* value = FindMember(object, "min_should");
        value != nullptr && !value->is_null()) {
      PERIGEE_ASSIGN_OR_RETURN(Filter node, MinShould(*value, where + ".min_should", depth));
      all.children.push_back(std::move(node));
    }
    PERIGEE_ASSIGN_OR_RETURN(std::vector<Filter> nots, List(object, "must_not", where, depth));
    for (Filter& child : nots) {
      NotNode node;
      node.children.push_back(std::move(child));
      all.children.push_back({std::move(node)});
    }
    if (all.children.size() == 1) return std::move(all.children[0]);
    return Filter{std::move(all)};
  }

  /// The conditions under `key`: a list, or one object alone; none if it is absent or null.
  absl::StatusOr<std::vector<Filter>> List(const PayloadObject& object, std::string_view key,
                                           const std::string& where, size_t depth) {
    std::vector<Filter> children;
    const PayloadValue* value = FindMember(object, key);
    if (value == nullptr || value->is_null()) return children;
    const std::string place = Keyed(where, key);
    if (value->As<PayloadObject>() != nullptr) {
      PERIGEE_ASSIGN_OR_RETURN(Filter child, Any(*value, place, depth + 1));
      children.push_back(std::move(child));
      return children;
    }
    PERIGEE_ASSIGN_OR_RETURN(const PayloadArray* list, Array(*value, place));
    for (size_t i = 0; i < list->size(); ++i) {
      PERIGEE_ASSIGN_OR_RETURN(Filter child,
                               Any((*list)[i], absl::StrCat(place, "[", i, "]"), depth + 1));
      children.push_back(std::move(child));
    }
    return children;
  }

  absl::StatusOr<Filter> MinShould(const PayloadValue& value, const std::string& where,
                                   size_t depth) {
    PERIGEE_ASSIGN_OR_RETURN(const PayloadObject* object, Object(value, where, kMinShouldKeys));
    PERIGEE_ASSIGN_OR_RETURN(const PayloadValue* count, Member(*object, "min_count", where));
    MinShouldNode node;
    PERIGEE_ASSIGN_OR_RETURN(node.count, Unsigned(*count, where + ".min_count"));
    PERIGEE_ASSIGN_OR_RETURN(node.children, List(*object, "conditions", where, depth));
    return Filter{std::move(node)};
  }

  size_t nodes_ = 0;
};

}  // namespace

absl::StatusOr<Filter> ParseFilterJson(std::string_view json) {
  PERIGEE_ASSIGN_OR_RETURN(const PayloadValue value, ReadJson(json, FilterJsonLimits(), "filter"));
  PERIGEE_ASSIGN_OR_RETURN(Filter filter, ClauseParser().Any(value, "filter", 1));
  // Clauses of one object make two levels of the tree, so its depth is known only now.
  PERIGEE_RETURN_IF_ERROR(Validate(filter));
  return filter;
}

}  // namespace perigee
