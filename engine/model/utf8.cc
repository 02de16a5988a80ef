// SPDX-License-Identifier: Apache-2.0
#include "engine/model/utf8.h"

#include <algorithm>
#include <cstdint>

namespace perigee {
namespace {

bool IsContinuation(uint8_t byte) { return (byte & 0xC0U) == 0x80U; }

/// Length of the well-formed sequence at the start of `text`, 0 if there is none.
size_t SequenceLength(std::string_view text) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = at(0);
  if (first < 0x80) return 1;
  if (first < 0xC2) return 0;  // a continuation byte, or an overlong form of ASCII
  if (first < 0xE0) return text.size() >= 2 && IsContinuation(at(1)) ? 2 : 0;
  if (first < 0xF0) {
    if (text.size() < 3 || !IsContinuation(at(1)) || !IsContinuation(at(2))) return 0;
    if (first == 0xE0 && at(1) < 0xA0) return 0;   // overlong
    if (first == 0xED && at(1) >= 0xA0) return 0;  // surrogates
    return 3;
  }
  if (first > 0xF4 || text.size() < 4) return 0;
  if (!IsContinuation(at(1)) || !IsContinuation(at(2)) || !IsContinuation(at(3))) return 0;
  if (first == 0xF0 && at(1) < 0x90) return 0;   // overlong
  if (first == 0xF4 && at(1) >= 0x90) return 0;  // above U+10FFFF
  return 4;
}

}  // namespace

size_t FindInvalidUtf8(std::string_view text) {
  size_t offset = 0;
  while (offset < text.size()) {
    const size_t length = SequenceLength(text.substr(offset));
    if (length == 0) return offset;
    offset += length;
  }
  return offset;
}

size_t CountCharacters(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return !IsContinuation(static_cast<uint8_t>(c)); }));
}

std::string QuoteForMessage(std::string_view text, size_t bytes_max) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string quoted = "'";
  size_t offset = 0;
  while (offset < text.size() && offset < bytes_max) {
    const auto byte = static_cast<uint8_t>(text[offset]);
    const size_t length = SequenceLength(text.substr(offset));
    if (length == 0 || byte < 0x20 || byte == 0x7F) {
      quoted += "\\x";
      quoted += kHex[byte >> 4U];
      quoted += kHex[byte & 0xFU];
      ++offset;
    } else {
      quoted += text.substr(offset, length);
      offset += length;
    }
  }
  quoted += offset < text.size() ? "...'" : "'";
  return quoted;
}

}  // namespace perigee
