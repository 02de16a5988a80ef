// SPDX-License-Identifier: Apache-2.0
#include "engine/model/payload_measure.h"

#include <variant>

namespace perigee {
namespace {

size_t MembersBytes(const PayloadObject& object) {
  size_t bytes = 0;
  for (const auto& [key, value] : object) {
    bytes += kStoredKeyBytes + key.size() + StoredBytes(value);
  }
  return bytes;
}

struct Measure {
  size_t operator()(std::monostate /*null*/) const { return kStoredTagBytes; }
  size_t operator()(bool /*value*/) const { return kStoredTagBytes; }
  size_t operator()(int64_t /*value*/) const { return kStoredNumberBytes; }
  size_t operator()(uint64_t /*value*/) const { return kStoredNumberBytes; }
  size_t operator()(double /*value*/) const { return kStoredNumberBytes; }
  size_t operator()(const std::string& text) const { return kStoredStringBytes + text.size(); }
  size_t operator()(const PayloadArray& array) const {
    size_t bytes = kStoredContainerBytes;
    for (const PayloadValue& element : array) bytes += StoredBytes(element);
    return bytes;
  }
  size_t operator()(const PayloadObject& object) const {
    return kStoredContainerBytes + MembersBytes(object);
  }
};

}  // namespace

size_t StoredBytes(const PayloadValue& value) { return std::visit(Measure{}, value.variant()); }

size_t StoredBytes(const Payload& payload) {
  return payload.empty() ? 0 : kStoredPayloadBytes + MembersBytes(payload);
}

}  // namespace perigee
