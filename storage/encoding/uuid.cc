// SPDX-License-Identifier: Apache-2.0
#include "storage/encoding/uuid.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "storage/foundation/check.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::storage {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

bool IsDashAt(size_t position) {
  return position == 8 || position == 13 || position == 18 || position == 23;
}

}  // namespace

Uuid Uuid::Random() {
  Uuid uuid;
  size_t filled = 0;
  while (filled < kBytes) {
    const ssize_t got = getrandom(uuid.bytes_.data() + filled, kBytes - filled, 0);
    // Requests of up to 256 bytes fail only by a signal before the pool is ready.
    PERIGEE_CHECK(got > 0 || errno == EINTR, "getrandom failed, errno ", errno);
    filled += got > 0 ? static_cast<size_t>(got) : 0;
  }
  uuid.bytes_[6] = (uuid.bytes_[6] & std::byte{0x0F}) | std::byte{0x40};
  uuid.bytes_[8] = (uuid.bytes_[8] & std::byte{0x3F}) | std::byte{0x80};
  return uuid;
}

Uuid Uuid::FromBytes(std::span<const std::byte> bytes) {
  PERIGEE_CHECK(bytes.size() == kBytes, "size ", bytes.size());
  Uuid uuid;
  std::copy(bytes.begin(), bytes.end(), uuid.bytes_.begin());
  return uuid;
}

absl::StatusOr<Uuid> Uuid::Parse(std::string_view text) {
  const auto refuse = [text] {
    return absl::InvalidArgumentError(
        absl::StrCat("'", Absl(text.substr(0, 64)),
                     "' is not a uuid; it takes 32 lower-case hexadecimal digits as 8-4-4-4-12"));
  };
  if (text.size() != kTextLength) {
    return refuse();
  }
  Uuid uuid;
  size_t nibble = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (IsDashAt(i)) {
      if (text[i] != '-') {
        return refuse();
      }
      continue;
    }
    const size_t digit = kDigits.find(text[i]);
    if (digit == std::string_view::npos) {
      return refuse();
    }
    std::byte& byte = uuid.bytes_[nibble / 2];
    byte = (byte << 4) | static_cast<std::byte>(digit);
    ++nibble;
  }
  return uuid;
}

std::string Uuid::ToString() const {
  std::string text;
  text.reserve(kTextLength);
  for (const std::byte byte : bytes_) {
    if (IsDashAt(text.size())) {
      text.push_back('-');
    }
    text.push_back(kDigits[static_cast<size_t>(byte >> 4)]);
    text.push_back(kDigits[static_cast<size_t>(byte & std::byte{0x0F})]);
  }
  return text;
}

}  // namespace perigee::storage
