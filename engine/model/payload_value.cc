// SPDX-License-Identifier: Apache-2.0
#include "perigee/model/payload_value.h"

#include <cmath>
#include <limits>

#include "engine/model/json_reader.h"
#include "engine/model/json_writer.h"
#include "engine/model/payload_measure.h"
#include "engine/model/payload_path.h"
#include "engine/model/utf8.h"
#include "engine/model/validation_error.h"
#include "perigee/model/limits.h"
#include "storage/foundation/status_macros.h"

namespace perigee {
namespace {

/// Where in the payload a check stands; a chain on the stack, spelt out only for a message.
struct Place {
  const Place* outer = nullptr;
  std::string_view key = {};
  size_t element = 0;
  bool is_element = false;

  std::string Spell() const {
    if (outer == nullptr) return "payload";
    if (is_element) return absl::StrCat(outer->Spell(), "[", element, "]");
    if (IsPlainPathKey(key) && IsValidUtf8(key)) {
      return absl::StrCat(outer->Spell(), ".", std::string(key));
    }
    return absl::StrCat(outer->Spell(), ".", QuoteForMessage(key));
  }
};

class PayloadValidator {
 public:
  absl::Status Object(const PayloadObject& object, const Place& place, size_t depth) {
    PERIGEE_RETURN_IF_ERROR(CheckDepth(place, depth));
    keys_ += object.size();
    if (keys_ > limits::kPayloadKeysMax) {
      return LimitError(place.Spell(), ": more than ", limits::kPayloadKeysMax,
                        " keys in one payload, which is the limit");
    }
    for (size_t i = 0; i < object.size(); ++i) {
      const auto& [key, value] = object[i];
      const Place inner{.outer = &place, .key = key};
      PERIGEE_RETURN_IF_ERROR(CheckKey(key, inner));
      for (size_t j = 0; j < i; ++j) {
        if (object[j].first == key) {
          return InvalidError(inner.Spell(), ": the key occurs twice in one object; remove one");
        }
      }
      PERIGEE_RETURN_IF_ERROR(Value(value, inner, depth));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Value(const PayloadValue& value, const Place& place, size_t depth) {
    if (const auto* number = value.As<double>(); number != nullptr && !std::isfinite(*number)) {
      return InvalidError(place.Spell(), " is ", *number, "; numbers have to be finite; use null");
    }
    if (const auto* text = value.As<std::string>()) return CheckString(*text, place);
    if (const auto* object = value.As<PayloadObject>()) return Object(*object, place, depth + 1);
    const auto* array = value.As<PayloadArray>();
    if (array == nullptr) return absl::OkStatus();
    PERIGEE_RETURN_IF_ERROR(CheckDepth(place, depth + 1));
    for (size_t i = 0; i < array->size(); ++i) {
      const Place inner{.outer = &place, .element = i, .is_element = true};
      PERIGEE_RETURN_IF_ERROR(Value((*array)[i], inner, depth + 1));
    }
    return absl::OkStatus();
  }

  static absl::Status CheckDepth(const Place& place, size_t depth) {
    if (depth <= limits::kPayloadDepthMax) return absl::OkStatus();
    return LimitError(place.Spell(), " is nested deeper than ", limits::kPayloadDepthMax,
                      " levels, which is the limit; flatten it");
  }

  static absl::Status CheckKey(const std::string& key, const Place& place) {
    if (key.size() > limits::kPayloadKeyBytesMax) {
      return LimitError(place.Spell(), ": the key has ", key.size(), " bytes; the limit is ",
                        limits::kPayloadKeyBytesMax);
    }
    if (const size_t offset = FindInvalidUtf8(key); offset != key.size()) {
      return InvalidError(place.Spell(), ": the key is not valid UTF-8 at byte ", offset);
    }
    return absl::OkStatus();
  }

  static absl::Status CheckString(const std::string& text, const Place& place) {
    if (text.size() > limits::kPayloadStringBytesMax) {
      return LimitError(place.Spell(), ": the string has ", text.size(), " bytes; the limit is ",
                        limits::kPayloadStringBytesMax, "; split it or keep it elsewhere");
    }
    if (const size_t offset = FindInvalidUtf8(text); offset != text.size()) {
      return InvalidError(place.Spell(), ": the string is not valid UTF-8 at byte ", offset);
    }
    return absl::OkStatus();
  }

  size_t keys_ = 0;
};

}  // namespace

PayloadValue::PayloadValue(uint64_t value) {
  if (value <= uint64_t{std::numeric_limits<int64_t>::max()}) {
    value_ = static_cast<int64_t>(value);
  } else {
    value_ = value;
  }
}

const PayloadValue* FindMember(const PayloadObject& object, std::string_view key) {
  for (const auto& [name, value] : object) {
    if (name == key) return &value;
  }
  return nullptr;
}

absl::StatusOr<PayloadValue> ParsePayloadValueJson(std::string_view json) {
  return ReadJson(json, PayloadJsonLimits(), "JSON");
}

absl::StatusOr<Payload> ParsePayloadJson(std::string_view json) {
  PERIGEE_ASSIGN_OR_RETURN(PayloadValue value, ReadJson(json, PayloadJsonLimits(), "payload"));
  auto* object = std::get_if<PayloadObject>(&value.variant());
  if (object == nullptr) {
    return InvalidError("payload is ", QuoteForMessage(json),
                        "; it has to be a JSON object such as {\"lang\": \"en\"}");
  }
  return std::move(*object);
}

std::string ToJson(const PayloadValue& value) {
  std::string out;
  AppendJson(value, out);
  return out;
}

std::string ToJson(const Payload& payload) {
  std::string out;
  AppendJson(payload, out);
  return out;
}

absl::Status Validate(const Payload& payload) {
  PERIGEE_RETURN_IF_ERROR(PayloadValidator().Object(payload, Place(), 1));
  if (const size_t bytes = StoredBytes(payload); bytes > limits::kPayloadBytesMax) {
    return LimitError("payload takes ", bytes, " bytes when stored; the limit is ",
                      limits::kPayloadBytesMax, "; keep large texts elsewhere");
  }
  return absl::OkStatus();
}

}  // namespace perigee
