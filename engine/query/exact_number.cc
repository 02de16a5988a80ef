// SPDX-License-Identifier: Apache-2.0
#include "engine/query/exact_number.h"

#include <cmath>
#include <limits>

namespace perigee::engine {
namespace {

constexpr double kTwoTo63 = 0x1p63;
constexpr double kTwoTo64 = 0x1p64;

std::strong_ordering Flip(std::strong_ordering order) {
  if (std::is_eq(order)) return order;
  return std::is_lt(order) ? std::strong_ordering::greater : std::strong_ordering::less;
}

/// An integer against a double that is no integer of the 64-bit ranges.
std::strong_ordering CompareToDouble(int64_t a, double b) {
  if (b >= kTwoTo63) return std::strong_ordering::less;
  if (b < -kTwoTo63) return std::strong_ordering::greater;
  // |b| < 2^52 here, because it has a fraction: its floor is exact and never equals b.
  const auto floor = static_cast<int64_t>(std::floor(b));
  return a <= floor ? std::strong_ordering::less : std::strong_ordering::greater;
}

std::strong_ordering CompareDoubles(double a, double b) {
  if (a == b) return std::strong_ordering::equal;
  return a < b ? std::strong_ordering::less : std::strong_ordering::greater;
}

}  // namespace

ExactNumber::ExactNumber(uint64_t value) {
  if (value <= uint64_t{std::numeric_limits<int64_t>::max()}) {
    kind_ = Kind::kInt64;
    int64_ = static_cast<int64_t>(value);
  } else {
    kind_ = Kind::kUint64;
    uint64_ = value;
  }
}

std::optional<ExactNumber> ExactNumber::FromDouble(double value) {
  if (!std::isfinite(value)) return std::nullopt;
  if (value == std::trunc(value)) {
    if (value >= -kTwoTo63 && value < kTwoTo63) return ExactNumber(static_cast<int64_t>(value));
    if (value >= kTwoTo63 && value < kTwoTo64) return ExactNumber(static_cast<uint64_t>(value));
  }
  return ExactNumber(value);
}

std::strong_ordering operator<=>(const ExactNumber& a, const ExactNumber& b) {
  using Kind = ExactNumber::Kind;
  if (a.kind_ == b.kind_) {
    if (a.kind_ == Kind::kInt64) return a.int64_ <=> b.int64_;
    if (a.kind_ == Kind::kUint64) return a.uint64_ <=> b.uint64_;
    return CompareDoubles(a.double_, b.double_);
  }
  if (a.kind_ > b.kind_) return Flip(b <=> a);
  // Now a is the int64, or a is the uint64 and b the double.
  if (b.kind_ == Kind::kUint64) return std::strong_ordering::less;  // above INT64_MAX
  if (a.kind_ == Kind::kInt64) return CompareToDouble(a.int64_, b.double_);
  // Integral doubles below 2^64 are integers here, so b is beyond, or small with a fraction.
  return b.double_ >= kTwoTo64 ? std::strong_ordering::less : std::strong_ordering::greater;
}

}  // namespace perigee::engine
