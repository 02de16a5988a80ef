// SPDX-License-Identifier: Apache-2.0
#include "storage/encoding/byte_codec.h"

#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/check.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::storage {
namespace {

// Every format of ours is little-endian and so is every CPU we support.
static_assert(std::endian::native == std::endian::little);

template <typename T>
void AppendInteger(std::string& buffer, T value) {
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof(T));
  buffer.append(raw, sizeof(T));
}

size_t PaddingAt(size_t position, size_t alignment) {
  PERIGEE_CHECK(alignment > 0);
  return (alignment - position % alignment) % alignment;
}

}  // namespace

void ByteWriter::U8(uint8_t value) { AppendInteger(buffer_, value); }
void ByteWriter::U16(uint16_t value) { AppendInteger(buffer_, value); }
void ByteWriter::U32(uint32_t value) { AppendInteger(buffer_, value); }
void ByteWriter::U64(uint64_t value) { AppendInteger(buffer_, value); }
void ByteWriter::F32(float value) { AppendInteger(buffer_, value); }
void ByteWriter::F64(double value) { AppendInteger(buffer_, value); }

void ByteWriter::Bytes(std::span<const std::byte> bytes) {
  const std::string_view text = AsText(bytes);
  buffer_.append(text.data(), text.size());
}

void ByteWriter::LengthPrefixed(std::string_view bytes) {
  PERIGEE_CHECK(bytes.size() <= std::numeric_limits<uint32_t>::max(), "size ", bytes.size());
  U32(static_cast<uint32_t>(bytes.size()));
  Bytes(bytes);
}

void ByteWriter::Pad(size_t alignment) { Zeros(PaddingAt(buffer_.size(), alignment)); }

void ByteWriter::PatchU32(size_t offset, uint32_t value) {
  PERIGEE_CHECK(offset <= buffer_.size() && buffer_.size() - offset >= sizeof(value), "offset ",
                offset, " size ", buffer_.size());
  std::memcpy(buffer_.data() + offset, &value, sizeof(value));
}

absl::Status CheckReserved(std::span<const std::byte> block, size_t begin, size_t end,
                           std::string_view what) {
  PERIGEE_CHECK(begin <= end && end <= block.size(), begin, " to ", end, " of ", block.size());
  for (size_t at = begin; at < end && !CanaryActive("reserved-bytes-ignored"); ++at) {
    if (block[at] != std::byte{0}) {
      return ErrorWithReason(
          ErrorReason::kDamaged,
          absl::StrCat(Absl(what), ": byte ", at, " is in use; bytes ", begin, " to ", end - 1,
                       " are reserved, and zero in this version of the format"));
    }
  }
  return absl::OkStatus();
}

std::string ByteWriter::Take() { return std::exchange(buffer_, {}); }

template <typename T>
T ByteReader::Integer() {
  const std::span<const std::byte> raw = Bytes(sizeof(T));
  T value{};
  if (!raw.empty()) {
    std::memcpy(&value, raw.data(), sizeof(T));
  }
  return value;
}

uint8_t ByteReader::U8() { return Integer<uint8_t>(); }
uint16_t ByteReader::U16() { return Integer<uint16_t>(); }
uint32_t ByteReader::U32() { return Integer<uint32_t>(); }
uint64_t ByteReader::U64() { return Integer<uint64_t>(); }
float ByteReader::F32() { return Integer<float>(); }
double ByteReader::F64() { return Integer<double>(); }

std::span<const std::byte> ByteReader::Bytes(size_t count) {
  if (!ok()) {
    return {};
  }
  if (count > bytes_.size() - position_) {
    Fail(Std(absl::StrCat("needs ", count, " bytes, has ", bytes_.size() - position_)));
    return {};
  }
  const std::span<const std::byte> result = bytes_.subspan(position_, count);
  position_ += count;
  return result;
}

std::span<const std::byte> ByteReader::LengthPrefixed(size_t length_max) {
  const size_t start = position_;
  const uint32_t length = U32();
  if (ok() && length > length_max) {
    position_ = start;
    Fail(Std(absl::StrCat("length ", length, " exceeds the limit of ", length_max)));
  }
  return Bytes(ok() ? length : 0);
}

uint32_t ByteReader::Count(uint32_t count_max, size_t element_bytes_min) {
  const size_t start = position_;
  const uint32_t count = U32();
  if (!ok()) {
    return 0;
  }
  const size_t fitting =
      element_bytes_min == 0 ? count_max : (bytes_.size() - position_) / element_bytes_min;
  if (count > count_max || count > fitting) {
    position_ = start;
    Fail(Std(absl::StrCat("count ", count, " exceeds the limit of ", count_max, " or the ", fitting,
                          " that the bytes left can hold")));
    return 0;
  }
  return count;
}

void ByteReader::Zeros(size_t count) {
  const size_t start = position_;
  for (const std::byte byte : Bytes(count)) {
    if (byte != std::byte{0}) {
      position_ = start;
      Fail("padding is not zero");
      return;
    }
  }
}

void ByteReader::Pad(size_t alignment) { Zeros(PaddingAt(position_, alignment)); }

void ByteReader::Fail(std::string_view why) {
  if (ok()) {
    failure_ = absl::StrCat("offset ", position_, ": ", Absl(why));
  }
}

absl::Status ByteReader::status() const {
  return ok() ? absl::OkStatus() : ErrorWithReason(ErrorReason::kDamaged, failure_);
}

absl::Status ByteReader::Finish() {
  if (ok() && position_ != bytes_.size()) {
    Fail(Std(absl::StrCat(bytes_.size() - position_, " bytes are left over")));
  }
  return status();
}

}  // namespace perigee::storage
