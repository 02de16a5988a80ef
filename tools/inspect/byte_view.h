// SPDX-License-Identifier: Apache-2.0
//
// Reading little-endian numbers out of bytes that nobody has vouched for. ByteCursor walks from
// front to back; U16At to U64At look at a fixed place of a block.
//
// Invariants: nothing outside the bytes is ever read. A cursor that was asked for more than there
// is gives zeros and empty views from then on, and ok() is false; a fixed place outside the bytes
// gives 0, so callers check the size of a block first.
// Thread-safety: value types.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace perigee::tools::inspect {

/// The `count` bytes from `offset` on as a number; 0 if they are not all there.
inline uint64_t LittleAt(std::string_view bytes, size_t offset, size_t count) {
  if (offset > bytes.size() || count > bytes.size() - offset) {
    return 0;
  }
  uint64_t value = 0;
  for (size_t i = count; i > 0; --i) {
    value = value << 8U | static_cast<unsigned char>(bytes[offset + i - 1]);
  }
  return value;
}

inline uint8_t U8At(std::string_view bytes, size_t offset) {
  return static_cast<uint8_t>(LittleAt(bytes, offset, 1));
}
inline uint16_t U16At(std::string_view bytes, size_t offset) {
  return static_cast<uint16_t>(LittleAt(bytes, offset, 2));
}
inline uint32_t U32At(std::string_view bytes, size_t offset) {
  return static_cast<uint32_t>(LittleAt(bytes, offset, 4));
}
inline uint64_t U64At(std::string_view bytes, size_t offset) { return LittleAt(bytes, offset, 8); }

inline bool IsZero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == '\0'; });
}

/// The smallest multiple of `unit` that is not below `value`. Requires: no overflow, which holds
/// for every value up to 2^62 and every unit up to 2^30.
constexpr uint64_t RoundUp(uint64_t value, uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

class ByteCursor {
 public:
  explicit ByteCursor(std::string_view bytes) : bytes_(bytes) {}

  uint8_t U8() { return static_cast<uint8_t>(Number(1)); }
  uint16_t U16() { return static_cast<uint16_t>(Number(2)); }
  uint32_t U32() { return static_cast<uint32_t>(Number(4)); }
  uint64_t U64() { return Number(8); }
  std::string_view Take(size_t count) {
    if (!ok_ || count > left()) {
      ok_ = false;
      return {};
    }
    const std::string_view taken = bytes_.substr(offset_, count);
    offset_ += count;
    return taken;
  }
  /// A length of four bytes and as many bytes, at most `bytes_max`.
  std::string_view Counted(size_t bytes_max) {
    const uint32_t count = U32();
    if (count > bytes_max) {
      ok_ = false;
    }
    return Take(count);
  }
  /// Takes `count` bytes that must be zero.
  void Zeros(size_t count) { ok_ = IsZero(Take(count)) && ok_; }

  /// Whether everything asked for so far was there.
  bool ok() const { return ok_; }
  size_t offset() const { return offset_; }
  size_t left() const { return bytes_.size() - offset_; }

 private:
  uint64_t Number(size_t count) {
    const std::string_view taken = Take(count);
    return LittleAt(taken, 0, count);
  }

  std::string_view bytes_;
  size_t offset_ = 0;
  bool ok_ = true;
};

}  // namespace perigee::tools::inspect
