// SPDX-License-Identifier: Apache-2.0
#include "engine/payload/encoded_value.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>

#include "engine/payload/payload_codec.h"

namespace perigee::engine {
namespace {

std::span<const std::byte> Bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

TEST_CASE("members are found and read in place") {
  const std::string encoded = EncodePayload({{"a", -5},
                                             {"b", std::numeric_limits<uint64_t>::max()},
                                             {"c", 1.5},
                                             {"", "text"},
                                             {"d", PayloadArray{1, {}, "x"}},
                                             {"e", PayloadObject{{"f", true}}}});
  const auto members = EncodedPayloadMembers(Bytes(encoded));
  CHECK(FindEncodedMember(members, "a")->Int64() == -5);
  CHECK(FindEncodedMember(members, "b")->Uint64() == std::numeric_limits<uint64_t>::max());
  CHECK(FindEncodedMember(members, "c")->Double() == 1.5);
  CHECK(FindEncodedMember(members, "")->String() == "text");
  CHECK_FALSE(FindEncodedMember(members, "z").has_value());
  const EncodedValue array = *FindEncodedMember(members, "d");
  CHECK(array.is_array());
  CHECK(array.Count() == 3);
  EncodedElements elements(array);
  CHECK(elements.Next()->Int64() == 1);
  CHECK(elements.Next()->is_null());
  CHECK(elements.Next()->String() == "x");
  CHECK_FALSE(elements.Next().has_value());
  const EncodedValue object = *FindEncodedMember(members, "e");
  CHECK(object.is_object());
  CHECK(FindEncodedMember(object.Items(), "f")->tag() == PayloadTag::kTrue);
}

TEST_CASE("an empty payload has no members") {
  CHECK(EncodedPayloadMembers({}).empty());
  CHECK_FALSE(FindEncodedMember({}, "").has_value());
}

TEST_CASE("a value that is not whole is no value") {
  const std::string encoded = EncodePayload({{"k", PayloadArray{"abc", 1}}});
  const std::string value = encoded.substr(7);
  CHECK(EncodedValue::At(Bytes(value))->size_bytes() == value.size());
  for (size_t size = 0; size < value.size(); ++size) {
    const std::string cut = value.substr(0, size);
    CHECK_FALSE(EncodedValue::At(Bytes(cut)).has_value());
  }
  CHECK_FALSE(EncodedValue::At(Bytes(std::string(20, '\x09'))).has_value());
  CHECK_FALSE(EncodedValue::At(Bytes("\x06\xFF\xFF\xFF\xFF")).has_value());
}

}  // namespace
}  // namespace perigee::engine
