// SPDX-License-Identifier: Apache-2.0
#include "engine/model/filter_rules.h"

#include <cmath>
#include <type_traits>

#include "engine/model/date_time.h"
#include "engine/model/json_writer.h"
#include "engine/model/payload_path.h"
#include "engine/model/utf8.h"
#include "engine/model/validation_error.h"
#include "perigee/model/limits.h"
#include "storage/foundation/check.h"
#include "storage/foundation/status_macros.h"

namespace perigee {
namespace {

std::string Spell(const FilterValue& value) {
  std::string json;
  AppendJson(value, json);
  return QuoteForMessage(json);
}

bool IsNumber(const FilterValue& value) {
  return value.As<int64_t>() != nullptr || value.As<uint64_t>() != nullptr ||
         value.As<double>() != nullptr;
}

absl::Status CheckPath(const std::string& path, const std::string& where) {
  const absl::Status status = PayloadPath::Parse(path).status();
  return status.ok() ? status : WithContext(status, where);
}

absl::Status CheckText(const std::string& text, const std::string& where) {
  const size_t offset = FindInvalidUtf8(text);
  if (offset == text.size()) return absl::OkStatus();
  return InvalidError(where, ": ", QuoteForMessage(text), " is not valid UTF-8 at byte ", offset);
}

absl::Status CheckListLength(size_t length, const std::string& where) {
  if (length <= limits::kFilterValuesMax) return absl::OkStatus();
  return LimitError(where, ": list of ", length, " values; the limit is ",
                    limits::kFilterValuesMax);
}

absl::Status CheckLiteral(const FilterValue& value, const std::string& where) {
  if (const auto* text = value.As<std::string>()) return CheckText(*text, where);
  if (const auto* number = value.As<double>(); number != nullptr && !std::isfinite(*number)) {
    return InvalidError(where, ": ", *number, " is not a finite number");
  }
  if (IsNumber(value) || value.As<bool>() != nullptr) return absl::OkStatus();
  if (value.is_null()) {
    return InvalidError(where, ": null cannot be compared with; use is_null");
  }
  return InvalidError(where, ": ", Spell(value),
                      " cannot be compared with; give true, false, a number or a string");
}

absl::Status CheckCoordinates(const GeoPoint& point, const std::string& where) {
  if (!(point.latitude >= -90 && point.latitude <= 90)) {
    return InvalidError(where, ": latitude is ", point.latitude, "; -90 to 90 is allowed");
  }
  if (!(point.longitude >= -180 && point.longitude <= 180)) {
    return InvalidError(where, ": longitude is ", point.longitude, "; -180 to 180 is allowed");
  }
  return absl::OkStatus();
}

struct Rules {
  const std::string& where;

  absl::Status operator()(const MatchCondition& match) const {
    PERIGEE_RETURN_IF_ERROR(CheckPath(match.path, where));
    if (match.kind < MatchCondition::Kind::kValue || match.kind > MatchCondition::Kind::kExcept) {
      return InvalidError(where, ": unknown kind of match ", static_cast<int>(match.kind));
    }
    if (match.kind == MatchCondition::Kind::kValue && match.values.size() != 1) {
      return InvalidError(where, ": a match on a value has ", match.values.size(),
                          " values; exactly one is expected");
    }
    PERIGEE_RETURN_IF_ERROR(CheckListLength(match.values.size(), where));
    for (const FilterValue& value : match.values) {
      PERIGEE_RETURN_IF_ERROR(CheckLiteral(value, where));
    }
    return absl::OkStatus();
  }

  absl::Status operator()(const TextCondition& text) const {
    PERIGEE_RETURN_IF_ERROR(CheckPath(text.path, where));
    if (text.text.empty()) return InvalidError(where, ": the text to match is empty");
    return CheckText(text.text, where);
  }

  absl::Status operator()(const RangeCondition& range) const {
    PERIGEE_RETURN_IF_ERROR(CheckPath(range.path, where));
    const FilterValue* first = nullptr;
    for (const auto* bound : {&range.lt, &range.lte, &range.gt, &range.gte}) {
      if (!bound->has_value()) continue;
      const FilterValue& value = **bound;
      PERIGEE_RETURN_IF_ERROR(CheckBound(value));
      if (first != nullptr && IsNumber(*first) != IsNumber(value)) {
        return InvalidError(where, ": bounds ", Spell(*first), " and ", Spell(value),
                            " are of different types; give numbers or date-times only");
      }
      first = &value;
    }
    if (first == nullptr) {
      return InvalidError(where, ": a range has no bound; give one of lt, lte, gt, gte");
    }
    return absl::OkStatus();
  }

  absl::Status operator()(const GeoRadiusCondition& geo) const {
    PERIGEE_RETURN_IF_ERROR(CheckPath(geo.path, where));
    if (!(geo.radius_m >= 0 && std::isfinite(geo.radius_m))) {
      return InvalidError(where, ": radius is ", geo.radius_m, "; metres from 0 are expected");
    }
    return CheckCoordinates(geo.center, where);
  }

  absl::Status operator()(const GeoBoxCondition& geo) const {
    PERIGEE_RETURN_IF_ERROR(CheckPath(geo.path, where));
    PERIGEE_RETURN_IF_ERROR(CheckCoordinates(geo.top_left, where));
    PERIGEE_RETURN_IF_ERROR(CheckCoordinates(geo.bottom_right, where));
    if (geo.top_left.latitude >= geo.bottom_right.latitude) return absl::OkStatus();
    return InvalidError(where, ": the top left latitude ", geo.top_left.latitude,
                        " is below the bottom right latitude ", geo.bottom_right.latitude);
  }

  absl::Status operator()(const HasIdCondition& has_id) const {
    PERIGEE_RETURN_IF_ERROR(CheckListLength(has_id.ids.size(), where));
    for (const PointId& id : has_id.ids) {
      if (absl::Status status = Validate(id); !status.ok()) return WithContext(status, where);
    }
    return absl::OkStatus();
  }

  absl::Status operator()(const IsEmptyCondition& is_empty) const {
    return CheckPath(is_empty.path, where);
  }

  absl::Status operator()(const IsNullCondition& is_null) const {
    return CheckPath(is_null.path, where);
  }

  absl::Status operator()(const ValuesCountCondition& count) const {
    PERIGEE_RETURN_IF_ERROR(CheckPath(count.path, where));
    if (count.lt || count.lte || count.gt || count.gte) return absl::OkStatus();
    return InvalidError(where, ": values_count has no bound; give one of lt, lte, gt, gte");
  }

  absl::Status operator()(const HasVectorCondition& has_vector) const {
    if (has_vector.name.size() > limits::kVectorNameBytesMax) {
      return LimitError(where, ": vector name of ", has_vector.name.size(), " bytes; the limit is ",
                        limits::kVectorNameBytesMax);
    }
    return CheckText(has_vector.name, where);
  }

  template <typename Branch>
  absl::Status operator()(const Branch& /*branch*/) const {
    PERIGEE_CHECK(false, "a node with children is no condition");
  }

 private:
  absl::Status CheckBound(const FilterValue& value) const {
    PERIGEE_RETURN_IF_ERROR(CheckLiteral(value, where));
    if (IsNumber(value)) return absl::OkStatus();
    const auto* text = value.As<std::string>();
    if (text != nullptr && ParseDateTime(*text).has_value()) return absl::OkStatus();
    return InvalidError(where, ": bound ", Spell(value),
                        " is neither a number nor a date-time; date-times are RFC 3339, such as "
                        "2024-02-29 or 2024-02-29T12:00:00Z");
  }
};

size_t ValueBytes(const FilterValue& value) {
  const auto* text = value.As<std::string>();
  return sizeof(uint64_t) + (text == nullptr ? 0 : text->size());
}

}  // namespace

absl::Status ValidateCondition(const Filter::Node& node, const std::string& where) {
  return std::visit(Rules{where}, node);
}

size_t ConditionBytes(const Filter::Node& node) {
  const auto bytes = [](const auto& condition) -> size_t {
    using Condition = std::decay_t<decltype(condition)>;
    size_t sum = sizeof(uint64_t);
    if constexpr (requires { condition.path; }) sum += condition.path.size();
    if constexpr (requires { condition.text; }) sum += condition.text.size();
    if constexpr (requires { condition.name; }) sum += condition.name.size();
    if constexpr (std::is_same_v<Condition, MatchCondition>) {
      for (const FilterValue& value : condition.values) sum += ValueBytes(value);
    } else if constexpr (std::is_same_v<Condition, HasIdCondition>) {
      for (const PointId& id : condition.ids) {
        sum += sizeof(uint64_t) + (id.is_integer() ? 0 : id.string().size());
      }
    } else if constexpr (std::is_same_v<Condition, RangeCondition>) {
      for (const auto* bound : {&condition.lt, &condition.lte, &condition.gt, &condition.gte}) {
        if (bound->has_value()) sum += ValueBytes(**bound);
      }
    }
    return sum;
  };
  return std::visit(bytes, node);
}

}  // namespace perigee
