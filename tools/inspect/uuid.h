// SPDX-License-Identifier: Apache-2.0
//
// Uuid: sixteen bytes and their canonical text, as file names and headers have them.
//
// Invariants: the text has 36 characters, lower case; Parse takes exactly that, so that a uuid has
// one spelling (F11).
// Thread-safety: a value type.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace perigee::tools::inspect {

struct Uuid {
  std::array<uint8_t, 16> bytes = {};

  /// From 16 bytes; nil if there are fewer.
  static Uuid From(std::string_view bytes);
  static std::optional<Uuid> Parse(std::string_view text);
  std::string ToString() const;
  bool is_nil() const { return *this == Uuid(); }

  friend auto operator<=>(const Uuid&, const Uuid&) = default;
};

}  // namespace perigee::tools::inspect
