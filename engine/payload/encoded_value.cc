// SPDX-License-Identifier: Apache-2.0
#include "engine/payload/encoded_value.h"

#include <bit>
#include <cstring>

#include "engine/payload/payload_format.h"

namespace perigee::engine {
namespace {

static_assert(std::endian::native == std::endian::little, "fields are read in place");

template <typename T>
T Load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

/// Bytes of the value at the start of `bytes`, 0 if they do not hold a whole one.
size_t EncodedSize(std::span<const std::byte> bytes) {
  if (bytes.empty()) return 0;
  size_t size = 0;
  switch (static_cast<PayloadTag>(bytes[0])) {
    case PayloadTag::kNull:
    case PayloadTag::kFalse:
    case PayloadTag::kTrue:
      size = 1;
      break;
    case PayloadTag::kInt64:
    case PayloadTag::kUint64:
    case PayloadTag::kDouble:
      size = kPayloadNumberBytes;
      break;
    case PayloadTag::kString:
      if (bytes.size() < kPayloadStringHeaderBytes) return 0;
      size = kPayloadStringHeaderBytes + size_t{Load<uint32_t>(bytes.data() + 1)};
      break;
    case PayloadTag::kArray:
    case PayloadTag::kObject:
      if (bytes.size() < kPayloadContainerHeaderBytes) return 0;
      size = kPayloadContainerHeaderBytes + size_t{Load<uint32_t>(bytes.data() + 1)};
      break;
    default:
      return 0;
  }
  return size <= bytes.size() ? size : 0;
}

}  // namespace

std::optional<EncodedValue> EncodedValue::At(std::span<const std::byte> bytes) {
  const size_t size = EncodedSize(bytes);
  if (size == 0) return std::nullopt;
  return EncodedValue(bytes.first(size));
}

int64_t EncodedValue::Int64() const { return Load<int64_t>(bytes_.data() + 1); }
uint64_t EncodedValue::Uint64() const { return Load<uint64_t>(bytes_.data() + 1); }
double EncodedValue::Double() const { return Load<double>(bytes_.data() + 1); }

std::string_view EncodedValue::String() const {
  const std::span<const std::byte> text = bytes_.subspan(kPayloadStringHeaderBytes);
  return {reinterpret_cast<const char*>(text.data()), text.size()};
}

uint32_t EncodedValue::Count() const {
  return Load<uint32_t>(bytes_.data() + 1 + sizeof(uint32_t));
}

std::span<const std::byte> EncodedValue::Items() const {
  return bytes_.subspan(kPayloadContainerHeaderBytes);
}

std::optional<EncodedValue> EncodedElements::Next() {
  if (remaining_ == 0) return std::nullopt;
  const std::optional<EncodedValue> value = EncodedValue::At(bytes_);
  if (!value.has_value()) {
    remaining_ = 0;
    return std::nullopt;
  }
  --remaining_;
  bytes_ = bytes_.subspan(value->size_bytes());
  return value;
}

std::optional<EncodedValue> FindEncodedMember(std::span<const std::byte> members,
                                              std::string_view key) {
  while (members.size() >= kPayloadKeyHeaderBytes) {
    const size_t key_bytes = Load<uint16_t>(members.data());
    members = members.subspan(kPayloadKeyHeaderBytes);
    if (key_bytes > members.size()) return std::nullopt;
    const bool found = key_bytes == key.size() &&
                       (key_bytes == 0 || std::memcmp(members.data(), key.data(), key_bytes) == 0);
    members = members.subspan(key_bytes);
    const std::optional<EncodedValue> value = EncodedValue::At(members);
    if (found || !value.has_value()) return value;
    members = members.subspan(value->size_bytes());
  }
  return std::nullopt;
}

std::span<const std::byte> EncodedPayloadMembers(std::span<const std::byte> payload) {
  return payload.size() < kPayloadCountBytes ? std::span<const std::byte>()
                                             : payload.subspan(kPayloadCountBytes);
}

}  // namespace perigee::engine
