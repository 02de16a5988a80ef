// SPDX-License-Identifier: Apache-2.0
//
// Goal: no bytes make the payload decoder, the views of encoded values or a filter read outside
// them; one payload has one encoding; a filter says of the encoded bytes what the documentation
// says of the payload.
//
// Method: an input is a length (u16), that many bytes of a filter in either spelling, and an
// encoded payload. What decodes must encode to the same bytes, survive JSON, and look the same
// through EncodedValue; the filter must round-trip through both spellings and agree with the
// reference.
#include <algorithm>
#include <bit>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "engine/payload/encoded_value.h"
#include "engine/payload/payload_codec.h"
#include "engine/query/filter_binder.h"
#include "engine/query/filter_evaluator.h"
#include "perigee/model/filter.h"
#include "perigee/model/point.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/check.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/payload_mutator.h"
#include "tests/support/reference_filter.h"

namespace perigee::tests {
namespace {

using engine::EncodedElements;
using engine::EncodedValue;
using engine::PayloadTag;

constexpr size_t kFilterBytesMax = 1024;  // of an input
constexpr size_t kWalkDepthMax = 64;

struct Input {
  std::string filter;
  std::string payload;
};

Input Split(std::string_view bytes) {
  storage::ByteReader reader(bytes);
  const size_t filter_bytes = reader.U16();
  Input input;
  input.filter = std::string(reader.Text(std::min(filter_bytes, reader.remaining())));
  input.payload = std::string(reader.Text(reader.remaining()));
  return input;
}

std::string Join(const Input& input) {
  storage::ByteWriter writer;
  writer.U16(static_cast<uint16_t>(input.filter.size()));
  writer.Bytes(input.filter);
  writer.Bytes(input.payload);
  return writer.Take();
}

const CollectionSchema& Schema() {
  static const CollectionSchema schema = {
      .vectors = {{.name = "", .dimension = 2}, {.name = "v", .dimension = 2}}};
  return schema;
}

// Every accessor on whatever bytes there are; how many values were seen.
size_t WalkDamaged(const EncodedValue& value, size_t depth) {
  size_t seen = 1;
  if (value.tag() == PayloadTag::kArray && depth < kWalkDepthMax) {
    EncodedElements elements(value);
    while (const std::optional<EncodedValue> element = elements.Next()) {
      seen += WalkDamaged(*element, depth + 1);
    }
  } else if (value.tag() == PayloadTag::kObject && depth < kWalkDepthMax) {
    for (const char* key : {"a", "x", ""}) {
      if (const auto member = engine::FindEncodedMember(value.Items(), key)) {
        seen += WalkDamaged(*member, depth + 1);
      }
    }
  }
  return seen;
}

bool SameValue(const EncodedValue& encoded, const PayloadValue& value);

bool SameMembers(std::span<const std::byte> members, const PayloadObject& object) {
  for (const auto& [key, value] : object) {
    const auto found = engine::FindEncodedMember(members, key);
    if (!found.has_value() || !SameValue(*found, value)) {
      return false;
    }
  }
  return true;
}

bool SameElements(const EncodedValue& encoded, const PayloadArray& array) {
  EncodedElements elements(encoded);
  for (const PayloadValue& value : array) {
    const auto element = elements.Next();
    if (!element.has_value() || !SameValue(*element, value)) {
      return false;
    }
  }
  return !elements.Next().has_value();
}

bool SameValue(const EncodedValue& encoded, const PayloadValue& value) {
  switch (encoded.tag()) {
    case PayloadTag::kNull:
      return value.is_null();
    case PayloadTag::kFalse:
      return value == PayloadValue(false);
    case PayloadTag::kTrue:
      return value == PayloadValue(true);
    case PayloadTag::kInt64:
      return value.As<int64_t>() != nullptr && *value.As<int64_t>() == encoded.Int64();
    case PayloadTag::kUint64:
      return value.As<uint64_t>() != nullptr && *value.As<uint64_t>() == encoded.Uint64();
    case PayloadTag::kDouble:
      return value.As<double>() != nullptr && std::bit_cast<uint64_t>(*value.As<double>()) ==
                                                  std::bit_cast<uint64_t>(encoded.Double());
    case PayloadTag::kString:
      return value.As<std::string>() != nullptr && *value.As<std::string>() == encoded.String();
    case PayloadTag::kArray:
      return value.As<PayloadArray>() != nullptr &&
             value.As<PayloadArray>()->size() == encoded.Count() &&
             SameElements(encoded, *value.As<PayloadArray>());
    case PayloadTag::kObject:
      return value.As<PayloadObject>() != nullptr &&
             value.As<PayloadObject>()->size() == encoded.Count() &&
             SameMembers(encoded.Items(), *value.As<PayloadObject>());
  }
  return false;
}

void CheckDecoded(const Payload& payload, const std::string& bytes) {
  PERIGEE_CHECK(Validate(payload).ok(), Validate(payload).ToString());
  PERIGEE_CHECK(engine::EncodePayload(payload) == bytes, ToJson(payload));
  const auto parsed = ParsePayloadJson(ToJson(payload));
  PERIGEE_CHECK(parsed.ok(), parsed.status().ToString());
  PERIGEE_CHECK(engine::EncodePayload(*parsed) == bytes, ToJson(payload));
  PERIGEE_CHECK(SameMembers(engine::EncodedPayloadMembers(storage::AsBytes(bytes)), payload),
                ToJson(payload));
}

void CheckFilter(const Filter& filter, const std::string& payload_bytes, const Payload* payload) {
  const auto from_text = ParseFilterText(ToText(filter));
  PERIGEE_CHECK(from_text.ok() && *from_text == filter, ToText(filter));
  const auto from_json = ParseFilterJson(ToJson(filter));
  PERIGEE_CHECK(from_json.ok() && *from_json == filter, ToJson(filter));
  const auto bound = engine::BindFilter(filter, Schema());
  if (!bound.ok()) {
    return;  // an unknown vector, or a condition that is not evaluated yet
  }
  Point point = {.id = PointId(uint64_t{7}), .vectors = {{"v", {1.0F, 0.5F}}}, .payload = {}};
  const std::string id = point.id.Encode();
  const bool matches = engine::Matches(
      *bound,
      {.encoded_id = id, .payload = storage::AsBytes(payload_bytes), .vector_presence_bits = 2});
  if (payload != nullptr) {
    point.payload = *payload;
    PERIGEE_CHECK(matches == ReferenceMatches(filter, point), ToText(filter), " on ",
                  ToJson(*payload));
  }
}

void MutateEncoded(std::string& bytes, ByteMutator& mutator) {
  absl::StatusOr<Payload> payload = engine::DecodePayload(storage::AsBytes(bytes));
  if (payload.ok() && mutator.Chance(75)) {
    for (uint64_t changes = 1 + mutator.Below(3); changes > 0; --changes) {
      MutatePayload(*payload, mutator);
    }
    bytes = engine::EncodePayload(*payload);
    if (mutator.Chance(80)) {
      return;
    }
  }
  if (mutator.Chance(50) && !bytes.empty()) {
    mutator.Field(bytes, mutator.Below(bytes.size()), size_t{1} << mutator.Below(3));
  } else {
    mutator.MutateRun(bytes, bytes.size() + 64);
  }
}

}  // namespace

void RunInput(std::string_view bytes) {
  const Input input = Split(bytes);
  const auto payload = engine::DecodePayload(storage::AsBytes(input.payload));
  if (payload.ok()) {
    CheckDecoded(*payload, input.payload);
  } else {
    PERIGEE_CHECK(absl::IsDataLoss(payload.status()), payload.status().ToString());
    if (const auto value = EncodedValue::At(storage::AsBytes(input.payload))) {
      WalkDamaged(*value, 0);
    }
  }
  if (const auto filter = ParseFilter(input.filter); filter.ok()) {
    CheckFilter(*filter, input.payload, payload.ok() ? &*payload : nullptr);
  }
}

std::string MutateInput(std::string_view bytes, size_t size_max, ByteMutator& mutator) {
  Input input = Split(bytes);
  if (mutator.Chance(30)) {
    mutator.MutateRun(input.filter, std::min(kFilterBytesMax, size_max));
  } else {
    MutateEncoded(input.payload, mutator);
  }
  return Join(input);
}

}  // namespace perigee::tests
