// SPDX-License-Identifier: Apache-2.0
//
// The three checksums of the format pages, written again for the second decoder: CRC32C by table,
// its masked form, and a hash, which is the first half of a SHA-256.
//
// Invariants: CRC32C has the Castagnoli polynomial, reflected, with both complements, so that
// "123456789" gives 0xe3069283.
// Thread-safety: pure functions, and streams of one thread each.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace perigee::tools::inspect {

using Hash = std::array<uint8_t, 16>;

uint32_t Crc32c(std::string_view bytes);
/// The CRC as files hold it: rotated right by 11 bits, plus 0x70657267.
uint32_t MaskedCrc32c(std::string_view bytes);
/// First 16 bytes of the SHA-256 over all parts in order.
Hash HashOf(std::initializer_list<std::string_view> parts);
/// The whole SHA-256, as 64 hexadecimal digits.
std::string Sha256Hex(std::string_view bytes);

/// The same of what does not fit into memory.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(const Sha256Stream&) = delete;
  Sha256Stream& operator=(const Sha256Stream&) = delete;

  void Add(std::string_view bytes);
  /// Of everything added; nothing may be added afterwards.
  std::string Hex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// "1d7ca25b…": two hexadecimal digits a byte.
std::string HexOf(std::string_view bytes);
std::string HexOf(const Hash& hash);
/// A hash from 16 bytes; zeros if there are fewer.
Hash HashFrom(std::string_view bytes);

}  // namespace perigee::tools::inspect
