// SPDX-License-Identifier: Apache-2.0
//
// ByteWriter and ByteReader: little-endian fields to and from bytes, the only primitives that our
// formats are made of.
//
// Invariants:
//  1. A reader never touches a byte outside its span, whatever the bytes say.
//  2. After the first failure a reader is failed for good: reads return zero or empty, position()
//     stays where it failed. So a decoder may read many fields and look at ok() once, but it must
//     look before it uses a value as a count or a length.
//  3. Spans and views returned by a reader point into the bytes it was given.
//
// Thread-safety: an object is used by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace perigee::storage {

/// The bytes of `text`.
inline std::span<const std::byte> AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
/// `bytes` seen as characters.
inline std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// kDataLoss (reason damaged) naming `what` and the first byte in use unless the bytes from `begin`
/// to `end` of `block`, which a format reserves for later versions, are zero. A later version that
/// uses them says so in its version or features, which are judged before. Requires: end <= size.
absl::Status CheckReserved(std::span<const std::byte> block, size_t begin, size_t end,
                           std::string_view what);

class ByteWriter {
 public:
  void U8(uint8_t value);
  void U16(uint16_t value);
  void U32(uint32_t value);
  void U64(uint64_t value);
  void I64(int64_t value) { U64(static_cast<uint64_t>(value)); }
  void F32(float value);
  void F64(double value);
  void Bytes(std::span<const std::byte> bytes);
  void Bytes(std::string_view bytes) { Bytes(AsBytes(bytes)); }
  /// A u32 length and the bytes. Requires: fewer than 4 GiB.
  void LengthPrefixed(std::string_view bytes);
  void LengthPrefixed(std::span<const std::byte> bytes) { LengthPrefixed(AsText(bytes)); }
  void Zeros(size_t count) { buffer_.append(count, '\0'); }
  /// Zeros up to the next multiple of `alignment`, counted from the start of the buffer.
  void Pad(size_t alignment);
  /// Overwrites four bytes written before. Requires: `offset` + 4 <= size().
  void PatchU32(size_t offset, uint32_t value);

  size_t size() const { return buffer_.size(); }
  /// Valid until the next call that writes.
  std::span<const std::byte> bytes() const { return AsBytes(buffer_); }
  const std::string& buffer() const { return buffer_; }
  /// Gives the buffer away; the writer is empty afterwards.
  std::string Take();
  void Reserve(size_t bytes) { buffer_.reserve(bytes); }

 private:
  std::string buffer_;
};

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  explicit ByteReader(std::string_view bytes) : bytes_(AsBytes(bytes)) {}

  uint8_t U8();
  uint16_t U16();
  uint32_t U32();
  uint64_t U64();
  int64_t I64() { return static_cast<int64_t>(U64()); }
  float F32();
  double F64();
  /// The next `count` bytes.
  std::span<const std::byte> Bytes(size_t count);
  std::string_view Text(size_t count) { return AsText(Bytes(count)); }
  /// Bytes after a u32 length; a length above `length_max` is a failure.
  std::span<const std::byte> LengthPrefixed(size_t length_max);
  std::string_view LengthPrefixedText(size_t length_max) {
    return AsText(LengthPrefixed(length_max));
  }
  /// A u32 count above `count_max`, or one whose elements of at least `element_bytes_min` bytes
  /// could not be in the bytes that are left, is a failure: safe to reserve memory for.
  uint32_t Count(uint32_t count_max, size_t element_bytes_min);
  void Skip(size_t count) { Bytes(count); }
  /// `count` bytes that must be zero.
  void Zeros(size_t count);
  /// Skips zeros up to the next multiple of `alignment`; anything else there is a failure.
  void Pad(size_t alignment);
  /// Makes the reader failed; for checks of the caller's own.
  void Fail(std::string_view why);

  bool ok() const { return failure_.empty(); }
  /// kDataLoss (reason damaged) with the place of the first failure, or ok.
  absl::Status status() const;
  /// status(), or a failure when bytes are left.
  absl::Status Finish();
  size_t position() const { return position_; }
  size_t remaining() const { return ok() ? bytes_.size() - position_ : 0; }

 private:
  template <typename T>
  T Integer();

  std::span<const std::byte> bytes_;
  size_t position_ = 0;
  std::string failure_;
};

}  // namespace perigee::storage
