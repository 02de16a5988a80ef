// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/uuid.h"

#include <cstring>

#include "tools/inspect/checksum.h"

namespace perigee::tools::inspect {
namespace {

constexpr size_t kTextBytes = 36;

bool HasDash(size_t position) {
  return position == 8 || position == 13 || position == 18 || position == 23;
}

int DigitOf(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

Uuid Uuid::From(std::string_view source) {
  Uuid uuid;
  if (source.size() >= uuid.bytes.size()) {
    std::memcpy(uuid.bytes.data(), source.data(), uuid.bytes.size());
  }
  return uuid;
}

std::optional<Uuid> Uuid::Parse(std::string_view text) {
  if (text.size() != kTextBytes) {
    return std::nullopt;
  }
  Uuid uuid;
  size_t digits = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (HasDash(i)) {
      if (text[i] != '-') {
        return std::nullopt;
      }
      continue;
    }
    const int digit = DigitOf(text[i]);
    if (digit < 0) {
      return std::nullopt;
    }
    uint8_t& byte = uuid.bytes[digits / 2];
    byte = static_cast<uint8_t>(byte << 4U | digit);
    ++digits;
  }
  return uuid;
}

std::string Uuid::ToString() const {
  const std::string hex = HexOf(bytes);
  std::string text;
  for (const char c : hex) {
    if (HasDash(text.size())) {
      text.push_back('-');
    }
    text.push_back(c);
  }
  return text;
}

}  // namespace perigee::tools::inspect
