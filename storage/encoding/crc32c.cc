// SPDX-License-Identifier: Apache-2.0
#include "storage/encoding/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace perigee::storage {
namespace {

constexpr uint32_t kReversedPolynomial = 0x82F6'3B78U;

using Tables = std::array<std::array<uint32_t, 256>, 8>;

// tables[n][b] is the CRC of byte b followed by n zero bytes: eight bytes per step.
constexpr Tables MakeTables() {
  Tables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1U) != 0 ? kReversedPolynomial : 0U);
    }
    tables[0][byte] = crc;
  }
  for (size_t n = 1; n < tables.size(); ++n) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t before = tables[n - 1][byte];
      tables[n][byte] = (before >> 8) ^ tables[0][before & 0xFFU];
    }
  }
  return tables;
}

constexpr Tables kTables = MakeTables();

uint32_t ByteAt(uint64_t word, int position) {
  return static_cast<uint32_t>((word >> (8 * position)) & 0xFFU);
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t Crc32cSse42(std::span<const std::byte> bytes,
                                                       uint32_t seed) {
  const std::byte* data = bytes.data();
  size_t left = bytes.size();
  uint64_t crc = static_cast<uint32_t>(~seed);
  while (left >= sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, data, sizeof(word));
    crc = _mm_crc32_u64(crc, word);
    data += sizeof(word);
    left -= sizeof(word);
  }
  auto crc32 = static_cast<uint32_t>(crc);
  for (; left > 0; --left, ++data) {
    crc32 = _mm_crc32_u8(crc32, static_cast<uint8_t>(*data));
  }
  return ~crc32;
}

bool HasSse42() {
  static const bool has = __builtin_cpu_supports("sse4.2") != 0;
  return has;
}
#endif

}  // namespace

uint32_t Crc32cPortable(std::span<const std::byte> bytes, uint32_t seed) {
  const std::byte* data = bytes.data();
  size_t left = bytes.size();
  uint32_t crc = ~seed;
  while (left >= sizeof(uint64_t)) {
    uint64_t word = 0;
    for (int i = 7; i >= 0; --i) {
      word = (word << 8) | static_cast<uint64_t>(data[i]);
    }
    word ^= crc;
    crc = 0;
    for (int i = 0; i < 8; ++i) {
      crc ^= kTables[static_cast<size_t>(7 - i)][ByteAt(word, i)];
    }
    data += sizeof(word);
    left -= sizeof(word);
  }
  for (; left > 0; --left, ++data) {
    crc = (crc >> 8) ^ kTables[0][(crc ^ static_cast<uint32_t>(*data)) & 0xFFU];
  }
  return ~crc;
}

uint32_t Crc32c(std::span<const std::byte> bytes, uint32_t seed) {
#if defined(__x86_64__)
  if (HasSse42()) {
    return Crc32cSse42(bytes, seed);
  }
#endif
  return Crc32cPortable(bytes, seed);
}

std::optional<std::span<const std::byte>> WithoutCrc(std::span<const std::byte> bytes) {
  constexpr size_t kCrcBytes = sizeof(uint32_t);
  if (bytes.size() < kCrcBytes) {
    return std::nullopt;
  }
  uint32_t stored = 0;
  for (size_t i = bytes.size(); i > bytes.size() - kCrcBytes; --i) {
    stored = (stored << 8) | static_cast<uint32_t>(bytes[i - 1]);
  }
  const std::span<const std::byte> checked = bytes.first(bytes.size() - kCrcBytes);
  return Crc32c(checked) == stored ? std::optional(checked) : std::nullopt;
}

}  // namespace perigee::storage
