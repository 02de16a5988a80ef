// SPDX-License-Identifier: Apache-2.0
//
// CRC32C (Castagnoli), the checksum of every format of ours: SSE4.2 instructions where the CPU has
// them, a table otherwise. It protects against accidents, not against an adversary.
//
// Invariants:
//  1. Crc32c(b, Crc32c(a)) equals Crc32c of a followed by b.
//  2. Both implementations return the same value for the same bytes.
//  3. A checksum stored inside bytes that are checksummed again is stored masked: the CRC of data
//     that ends in its own CRC is a constant, so unmasked nesting detects nothing.
//
// Thread-safety: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace perigee::storage {

/// The CRC32C of `bytes`, continuing from `seed` (the CRC of the bytes before, 0 for none).
uint32_t Crc32c(std::span<const std::byte> bytes, uint32_t seed = 0);

/// The same by table, whatever the CPU can do; tests compare the two.
uint32_t Crc32cPortable(std::span<const std::byte> bytes, uint32_t seed = 0);

/// The bytes in front of the CRC32C that `bytes` end with, four bytes little-endian and not masked;
/// nullopt when it is not theirs or there are none.
std::optional<std::span<const std::byte>> WithoutCrc(std::span<const std::byte> bytes);

/// Reversible scrambling for a CRC that is stored where another CRC covers it.
constexpr uint32_t MaskCrc(uint32_t crc) { return ((crc >> 11) | (crc << 21)) + 0x7065'7267U; }
/// Inverse of MaskCrc.
constexpr uint32_t UnmaskCrc(uint32_t masked) {
  const uint32_t rotated = masked - 0x7065'7267U;
  return (rotated << 11) | (rotated >> 21);
}

}  // namespace perigee::storage
