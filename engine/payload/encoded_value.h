// SPDX-License-Identifier: Apache-2.0
//
// EncodedValue: a view of one value of an encoded payload (docs/formats/payload_format.md), read in
// place so that a filter can be evaluated on a row without decoding or allocating.
//
// Invariants:
//  1. A view is made only of bytes that hold the whole value, so accessors never read outside it,
//     whatever the bytes say; damaged bytes look like missing values here. Decoding reports them.
//  2. A view is valid as long as the bytes it was made of.
// Thread-safety: a value type over bytes that nobody changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace perigee::engine {

/// The first byte of every encoded value; values stand in files.
enum class PayloadTag : uint8_t {
  kNull = 0,
  kFalse = 1,
  kTrue = 2,
  kInt64 = 3,
  kUint64 = 4,  ///< above INT64_MAX only
  kDouble = 5,
  kString = 6,
  kArray = 7,
  kObject = 8,
};

class EncodedValue {
 public:
  /// The value at the start of `bytes`; nothing if they do not begin with a whole one.
  static std::optional<EncodedValue> At(std::span<const std::byte> bytes);

  PayloadTag tag() const { return static_cast<PayloadTag>(bytes_[0]); }
  bool is_null() const { return tag() == PayloadTag::kNull; }
  bool is_array() const { return tag() == PayloadTag::kArray; }
  bool is_object() const { return tag() == PayloadTag::kObject; }
  /// Tag and body.
  size_t size_bytes() const { return bytes_.size(); }

  /// Requires: the tag that the name says.
  int64_t Int64() const;
  uint64_t Uint64() const;
  double Double() const;
  std::string_view String() const;
  /// Elements of an array or members of an object.
  uint32_t Count() const;
  /// The bytes of the elements or members. Requires: an array or an object.
  std::span<const std::byte> Items() const;

 private:
  explicit EncodedValue(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::span<const std::byte> bytes_;
};

/// Walks the elements of an array. Stops early at damaged bytes.
class EncodedElements {
 public:
  /// Requires: array.is_array().
  explicit EncodedElements(const EncodedValue& array)
      : bytes_(array.Items()), remaining_(array.Count()) {}
  std::optional<EncodedValue> Next();

 private:
  std::span<const std::byte> bytes_;
  uint32_t remaining_;
};

/// The member `key` among the members of an encoded object (its Items()).
std::optional<EncodedValue> FindEncodedMember(std::span<const std::byte> members,
                                              std::string_view key);

/// The members of an encoded payload: what FindEncodedMember takes. Empty for an empty payload.
std::span<const std::byte> EncodedPayloadMembers(std::span<const std::byte> payload);

}  // namespace perigee::engine
