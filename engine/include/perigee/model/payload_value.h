// SPDX-License-Identifier: Apache-2.0
//
// PayloadValue: one JSON value of a point's payload, and Payload, the object at its top.
//
// Invariants:
//  1. Key order and strings are kept as given; white space is not; duplicate keys are refused.
//  2. Integers are exact: int64_t when they fit, else uint64_t. Every other number is a finite
//  double,
//     printed as the shortest text that reads back to the same bits. Out of range is refused.
//  3. Strings are valid UTF-8.
// Thread-safety: a value type.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace perigee {

class PayloadValue;
using PayloadArray = std::vector<PayloadValue>;
/// Members in the order they were given.
using PayloadObject = std::vector<std::pair<std::string, PayloadValue>>;
using Payload = PayloadObject;

class PayloadValue {
 public:
  using Variant = std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string,
                               PayloadArray, PayloadObject>;

  /// JSON null.
  PayloadValue() = default;
  // Implicit, so that payloads and literals are written as what they are: {{"lang", "en"}}.
  // NOLINTBEGIN(google-explicit-constructor)
  PayloadValue(bool value) : value_(value) {}
  PayloadValue(int value) : value_(int64_t{value}) {}
  PayloadValue(int64_t value) : value_(value) {}
  PayloadValue(uint64_t value);
  PayloadValue(double value) : value_(value) {}
  PayloadValue(const char* value) : value_(std::string(value)) {}
  PayloadValue(std::string value) : value_(std::move(value)) {}
  PayloadValue(PayloadArray value) : value_(std::move(value)) {}
  PayloadValue(PayloadObject value) : value_(std::move(value)) {}
  // NOLINTEND(google-explicit-constructor)

  const Variant& variant() const { return value_; }
  Variant& variant() { return value_; }
  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  template <typename T>
  const T* As() const {
    return std::get_if<T>(&value_);
  }

  friend bool operator==(const PayloadValue&, const PayloadValue&) = default;

 private:
  Variant value_;
};

/// The member `key` of an object, or nullptr.
const PayloadValue* FindMember(const PayloadObject& object, std::string_view key);

/// Parses one JSON value; kInvalidArgument with byte offset and reason. Limits of limits.h apply.
absl::StatusOr<PayloadValue> ParsePayloadValueJson(std::string_view json);
/// Parses a JSON object.
absl::StatusOr<Payload> ParsePayloadJson(std::string_view json);
/// Compact JSON, keys in stored order.
std::string ToJson(const PayloadValue& value);
std::string ToJson(const Payload& payload);

/// kInvalidArgument naming key path, value, limit and remedy.
absl::Status Validate(const Payload& payload);

}  // namespace perigee
