// SPDX-License-Identifier: Apache-2.0
//
// PayloadPath: a path into a payload, as filters and selectors spell it: keys joined by dots, `[]`
// for the elements of an array: lang, meta.year, items[].price, "odd.key"."with ""quotes""".
//
// Invariants:
//  1. 1 to kPayloadDepthMax keys; a deeper value cannot exist.
//  2. A value on the way that is an array is entered, once without `[]` being written and as often
//     as `[]` is written else; so `tags` and `tags[]` are the same path to a condition.
//  3. Parse(Canonical()) gives the same path; a key is quoted in it only where it has to be.
// Thread-safety: a value type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace perigee {

struct PayloadPath {
  struct Step {
    std::string key;
    uint32_t array_levels = 0;  ///< how often [] is written behind the key

    friend bool operator==(const Step&, const Step&) = default;
  };
  std::vector<Step> steps;

  /// kInvalidArgument naming the path, the offset and what is expected there.
  static absl::StatusOr<PayloadPath> Parse(std::string_view text);
  std::string Canonical() const;

  friend bool operator==(const PayloadPath&, const PayloadPath&) = default;
};

/// Whether `key` stands in a path without quotes.
bool IsPlainPathKey(std::string_view key);
/// The key in double quotes, quotes inside doubled.
std::string QuotePathKey(std::string_view key);

}  // namespace perigee
