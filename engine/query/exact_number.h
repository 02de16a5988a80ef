// SPDX-License-Identifier: Apache-2.0
//
// ExactNumber: a finite number of a payload or a filter, compared as mathematics has it: int64,
// uint64 and double values meet without a lossy cast, so 2^53 + 1 differs from 9007199254740992.0
// and 1 equals 1.0.
//
// Invariants: a double that is an integer of the range [-2^63, 2^64) is held as that integer, so
// that equal numbers have equal representations; -0.0 is 0.
// Thread-safety: a value type.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>

namespace perigee::engine {

class ExactNumber {
 public:
  explicit ExactNumber(int64_t value) : kind_(Kind::kInt64), int64_(value) {}
  explicit ExactNumber(uint64_t value);
  /// Nothing for a value that is not finite.
  static std::optional<ExactNumber> FromDouble(double value);

  friend std::strong_ordering operator<=>(const ExactNumber& a, const ExactNumber& b);
  friend bool operator==(const ExactNumber& a, const ExactNumber& b) {
    return (a <=> b) == std::strong_ordering::equal;
  }

 private:
  enum class Kind : uint8_t {
    kInt64,   // every integer that fits
    kUint64,  // integers above INT64_MAX
    kDouble,  // with a fraction, or beyond both integer ranges
  };

  explicit ExactNumber(double value) : kind_(Kind::kDouble), double_(value) {}

  Kind kind_;
  union {
    int64_t int64_;
    uint64_t uint64_;
    double double_;
  };
};

}  // namespace perigee::engine
