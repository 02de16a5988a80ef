// SPDX-License-Identifier: Apache-2.0
//
// PointId: the user's name of a point, an unsigned 64-bit integer or a string of UTF-8.
//
// Invariants:
//  1. The encoding is 0x00 + u64 big-endian, or 0x01 + the UTF-8 bytes
//     (docs/formats/point_id_format.md).
//  2. All order among ids is memcmp of that encoding, so integers come before strings; 7 and "7"
//  differ.
//  3. Nothing is normalised: UUID strings keep their case.
// Thread-safety: a value type.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace perigee {

class PointId {
 public:
  /// The integer 0.
  PointId() : value_(uint64_t{0}) {}
  PointId(uint64_t value) : value_(value) {}                  // NOLINT(google-explicit-constructor)
  PointId(std::string value) : value_(std::move(value)) {}    // NOLINT(google-explicit-constructor)
  PointId(const char* value) : value_(std::string(value)) {}  // NOLINT(google-explicit-constructor)

  bool is_integer() const { return std::holds_alternative<uint64_t>(value_); }
  /// Requires: is_integer().
  uint64_t integer() const { return std::get<uint64_t>(value_); }
  /// Requires: !is_integer().
  const std::string& string() const { return std::get<std::string>(value_); }

  /// The bytes that order ids and stand in files.
  std::string Encode() const;
  /// Inverse of Encode; kInvalidArgument for bytes that no id has.
  static absl::StatusOr<PointId> Decode(std::string_view encoded);
  /// The encoding of `value` without building a PointId.
  static std::string EncodeInteger(uint64_t value);

  /// 7 for integers, the bare string otherwise; for messages and tables.
  std::string ToString() const;

  friend bool operator==(const PointId&, const PointId&) = default;
  friend std::strong_ordering operator<=>(const PointId& a, const PointId& b);

 private:
  std::variant<uint64_t, std::string> value_;
};

/// kInvalidArgument unless a string id is 1 to 256 bytes of valid UTF-8.
absl::Status Validate(const PointId& id);
/// The same for encoded bytes from a file or the network.
absl::Status ValidateEncodedPointId(std::string_view encoded);

}  // namespace perigee
