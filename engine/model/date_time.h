// SPDX-License-Identifier: Apache-2.0
//
// DateTime: a moment, as RFC 3339 spells it in payloads and filters: 2024-02-29T12:00:00.5+01:00.
// A date alone is its midnight, a date-time without an offset is UTC, `t` may be a blank.
//
// Invariants: nanos is 0 to 999,999,999; comparison is by the moment, whatever the offset was.
// Thread-safety: a value type.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

namespace perigee {

struct DateTime {
  int64_t seconds = 0;  ///< since 1970-01-01T00:00:00Z, without leap seconds
  int32_t nanos = 0;

  friend bool operator==(const DateTime&, const DateTime&) = default;
  friend std::strong_ordering operator<=>(const DateTime& a, const DateTime& b) {
    const std::strong_ordering order = a.seconds <=> b.seconds;
    return std::is_neq(order) ? order : a.nanos <=> b.nanos;
  }
};

/// Nothing if `text` is not a date-time; allocates nothing. A second of 60 is the next minute's 0.
/// More than nine digits of a fraction are not taken: they could not be compared exactly.
std::optional<DateTime> ParseDateTime(std::string_view text);

}  // namespace perigee
