// SPDX-License-Identifier: Apache-2.0
#include "perigee/model/point_id.h"

#include "absl/strings/str_cat.h"
#include "engine/model/utf8.h"
#include "perigee/model/limits.h"
#include "storage/foundation/status_macros.h"

namespace perigee {
namespace {

constexpr char kIntegerTag = '\x00';
constexpr char kStringTag = '\x01';
constexpr size_t kIntegerBytes = 1 + sizeof(uint64_t);

absl::Status ValidateText(std::string_view text) {
  if (text.empty()) {
    return absl::InvalidArgumentError("point id is an empty string; give 1 to 256 bytes");
  }
  if (text.size() > limits::kPointIdBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("point id ", QuoteForMessage(text), " has ", text.size(),
                     " bytes; the limit is ", limits::kPointIdBytesMax,
                     "; use a hash or a number of your own as the id and keep the long name in the "
                     "payload"));
  }
  if (const size_t offset = FindInvalidUtf8(text); offset != text.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("point id ", QuoteForMessage(text), " is not valid UTF-8 at byte ", offset));
  }
  return absl::OkStatus();
}

}  // namespace

std::string PointId::EncodeInteger(uint64_t value) {
  std::string encoded(kIntegerBytes, kIntegerTag);
  for (size_t i = kIntegerBytes - 1; i > 0; --i) {
    encoded[i] = static_cast<char>(value & 0xFFU);
    value >>= 8U;
  }
  return encoded;
}

std::string PointId::Encode() const {
  if (is_integer()) return EncodeInteger(integer());
  std::string encoded;
  encoded.reserve(1 + string().size());
  encoded += kStringTag;
  encoded += string();
  return encoded;
}

absl::StatusOr<PointId> PointId::Decode(std::string_view encoded) {
  PERIGEE_RETURN_IF_ERROR(ValidateEncodedPointId(encoded));
  if (encoded[0] == kStringTag) return PointId(std::string(encoded.substr(1)));
  uint64_t value = 0;
  for (const char byte : encoded.substr(1)) value = (value << 8U) | static_cast<uint8_t>(byte);
  return PointId(value);
}

std::string PointId::ToString() const { return is_integer() ? absl::StrCat(integer()) : string(); }

std::strong_ordering operator<=>(const PointId& a, const PointId& b) {
  // The encoding puts integers before strings; big-endian integers compare as numbers, and
  // std::string compares bytes as unsigned char, which is memcmp.
  if (a.is_integer() != b.is_integer()) {
    return a.is_integer() ? std::strong_ordering::less : std::strong_ordering::greater;
  }
  if (a.is_integer()) return a.integer() <=> b.integer();
  return a.string().compare(b.string()) <=> 0;
}

absl::Status Validate(const PointId& id) {
  return id.is_integer() ? absl::OkStatus() : ValidateText(id.string());
}

absl::Status ValidateEncodedPointId(std::string_view encoded) {
  if (encoded.empty()) return absl::InvalidArgumentError("encoded point id has no bytes");
  if (encoded[0] == kStringTag) return ValidateText(encoded.substr(1));
  if (encoded[0] != kIntegerTag) {
    return absl::InvalidArgumentError(absl::StrCat("encoded point id begins with byte ",
                                                   static_cast<uint8_t>(encoded[0]),
                                                   "; 0 (integer) or 1 (string) is expected"));
  }
  if (encoded.size() != kIntegerBytes) {
    return absl::InvalidArgumentError(absl::StrCat("encoded integer point id has ", encoded.size(),
                                                   " bytes; ", kIntegerBytes, " are expected"));
  }
  return absl::OkStatus();
}

}  // namespace perigee
