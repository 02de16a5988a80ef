// SPDX-License-Identifier: Apache-2.0
//
// Uuid: sixteen random bytes that name a database, a collection, a segment or a file. Identity is
// always such a value, never a name or an address (N21).
//
// Invariants: Random() sets version 4 and the variant bits; ToString() is the canonical lower-case
// text of 36 characters, and Parse accepts exactly that text, so that a file name has one spelling.
// Thread-safety: a value; Random() may be called from every thread.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace perigee::storage {

class Uuid {
 public:
  static constexpr size_t kBytes = 16;
  static constexpr size_t kTextLength = 36;

  /// The nil uuid: all zero, names nothing.
  constexpr Uuid() = default;
  explicit constexpr Uuid(const std::array<std::byte, kBytes>& bytes) : bytes_(bytes) {}

  /// A new uuid from the kernel's random numbers.
  static Uuid Random();
  /// The uuid of exactly kBytes bytes. Requires: bytes.size() == kBytes.
  static Uuid FromBytes(std::span<const std::byte> bytes);
  /// Inverse of ToString; kInvalidArgument for any other spelling.
  static absl::StatusOr<Uuid> Parse(std::string_view text);

  std::string ToString() const;
  std::span<const std::byte, kBytes> bytes() const { return bytes_; }
  bool is_nil() const { return *this == Uuid(); }

  friend auto operator<=>(const Uuid&, const Uuid&) = default;

  template <typename H>
  friend H AbslHashValue(H state, const Uuid& uuid) {
    return H::combine_contiguous(std::move(state), uuid.bytes_.data(), kBytes);
  }

 private:
  std::array<std::byte, kBytes> bytes_{};
};

}  // namespace perigee::storage

template <>
struct std::hash<perigee::storage::Uuid> {
  size_t operator()(const perigee::storage::Uuid& uuid) const noexcept {
    // The bytes are random already; eight of them are a hash.
    size_t value = 0;
    std::memcpy(&value, uuid.bytes().data() + 8, sizeof(value));
    return value;
  }
};
