// SPDX-License-Identifier: Apache-2.0
#include "tools/point_json/point_json.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/foundation/status_macros.h"

namespace perigee::tools {
namespace {

absl::StatusOr<float> NumberOf(const PayloadValue& value, size_t position) {
  double number = 0;
  if (const auto* as_double = value.As<double>()) {
    number = *as_double;
  } else if (const auto* as_signed = value.As<int64_t>()) {
    number = static_cast<double>(*as_signed);
  } else if (const auto* as_unsigned = value.As<uint64_t>()) {
    number = static_cast<double>(*as_unsigned);
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("value ", position, " of the vector is ", ToJson(value), ", not a number"));
  }
  const auto result = static_cast<float>(number);
  if (!std::isfinite(result)) {
    return absl::InvalidArgumentError(
        absl::StrCat("value ", position, " of the vector is out of the range of f32"));
  }
  return result;
}

absl::Status SetVectors(const PayloadValue& value, Point& point) {
  if (const auto* named = value.As<PayloadObject>()) {
    for (const auto& [name, vector] : *named) {
      PERIGEE_ASSIGN_OR_RETURN(point.vectors[name], VectorOfJson(vector));
    }
    return absl::OkStatus();
  }
  PERIGEE_ASSIGN_OR_RETURN(point.vectors[""], VectorOfJson(value));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<float>> VectorOfJson(const PayloadValue& value) {
  const auto* array = value.As<PayloadArray>();
  if (array == nullptr) {
    return absl::InvalidArgumentError("a vector is a JSON array of numbers");
  }
  std::vector<float> values;
  values.reserve(array->size());
  for (const PayloadValue& item : *array) {
    PERIGEE_ASSIGN_OR_RETURN(const float number, NumberOf(item, values.size()));
    values.push_back(number);
  }
  return values;
}

absl::StatusOr<PointId> PointIdOfJson(const PayloadValue& value) {
  if (const auto* text = value.As<std::string>()) {
    return PointId(*text);
  }
  if (const auto* number = value.As<int64_t>(); number != nullptr && *number >= 0) {
    return PointId(static_cast<uint64_t>(*number));
  }
  if (const auto* number = value.As<uint64_t>()) {
    return PointId(*number);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "id ", ToJson(value), " is neither a string nor an integer from 0 to 18446744073709551615"));
}

absl::StatusOr<PointLineFields> ParsePointLineFields(std::string_view line) {
  PERIGEE_ASSIGN_OR_RETURN(const PayloadValue value, ParsePayloadValueJson(line));
  const auto* object = value.As<PayloadObject>();
  if (object == nullptr) {
    return absl::InvalidArgumentError(
        "a point is a JSON object: {\"id\": …, \"payload\": {…}, \"vector\": […]}");
  }
  PointLineFields fields;
  for (const auto& [key, member] : *object) {
    if (key == "id") {
      PERIGEE_ASSIGN_OR_RETURN(fields.point.id, PointIdOfJson(member));
      PERIGEE_RETURN_IF_ERROR(Validate(fields.point.id));
      fields.has_id = true;
    } else if (key == "vector") {
      PERIGEE_RETURN_IF_ERROR(SetVectors(member, fields.point));
      fields.has_vector = true;
    } else if (key == "payload") {
      const auto* payload = member.As<PayloadObject>();
      if (payload == nullptr) {
        return absl::InvalidArgumentError("\"payload\" is not a JSON object");
      }
      fields.point.payload = *payload;
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown key '", key, "'; the keys are id, payload and vector"));
    }
  }
  return fields;
}

absl::StatusOr<Point> ParsePointLine(std::string_view line) {
  PERIGEE_ASSIGN_OR_RETURN(PointLineFields fields, ParsePointLineFields(line));
  if (!fields.has_id) {
    return absl::InvalidArgumentError("the key \"id\" is missing");
  }
  return std::move(fields.point);
}

std::string FloatJson(float value) {
  if (value == 0 && std::signbit(value)) {
    return "-0.0";  // "-0" would read back as the integer 0, without its sign
  }
  char buffer[32];
  const auto result = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return {buffer, result.ptr};
}

std::string VectorJson(const std::vector<float>& values) {
  std::string json = "[";
  for (size_t i = 0; i < values.size(); ++i) {
    json += i == 0 ? "" : ",";
    json += FloatJson(values[i]);
  }
  return json + "]";
}

std::string IdJson(const PointId& id) {
  return id.is_integer() ? absl::StrCat(id.integer()) : ToJson(PayloadValue(id.string()));
}

std::string PointLine(const Point& point) {
  std::string json = absl::StrCat("{\"id\":", IdJson(point.id));
  if (point.vectors.size() == 1 && point.vectors.begin()->first.empty()) {
    absl::StrAppend(&json, ",\"vector\":", VectorJson(point.vectors.begin()->second));
  } else if (!point.vectors.empty()) {
    json += ",\"vector\":{";
    for (auto it = point.vectors.begin(); it != point.vectors.end(); ++it) {
      absl::StrAppend(&json, it == point.vectors.begin() ? "" : ",",
                      ToJson(PayloadValue(it->first)), ":", VectorJson(it->second));
    }
    json += "}";
  }
  absl::StrAppend(&json, ",\"payload\":", ToJson(point.payload), "}");
  return json;
}

}  // namespace perigee::tools
