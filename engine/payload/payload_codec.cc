// SPDX-License-Identifier: Apache-2.0
#include "engine/payload/payload_codec.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "engine/model/utf8.h"
#include "engine/payload/encoded_value.h"
#include "engine/payload/payload_format.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/error_reason.h"

namespace perigee::engine {
namespace {

using storage::ByteReader;
using storage::ByteWriter;

void WriteTag(PayloadTag tag, ByteWriter& out) { out.U8(static_cast<uint8_t>(tag)); }

void WriteMembers(const PayloadObject& object, ByteWriter& out);
void WriteValue(const PayloadValue& value, ByteWriter& out);

/// Writes tag, a length that is filled in afterwards, the count and the items.
template <typename WriteItems>
void WriteContainer(PayloadTag tag, size_t count, ByteWriter& out, const WriteItems& write_items) {
  WriteTag(tag, out);
  const size_t length_offset = out.size();
  out.U32(0);
  out.U32(static_cast<uint32_t>(count));
  const size_t items_offset = out.size();
  write_items();
  out.PatchU32(length_offset, static_cast<uint32_t>(out.size() - items_offset));
}

struct ValueWriter {
  ByteWriter& out;

  void operator()(std::monostate /*null*/) const { WriteTag(PayloadTag::kNull, out); }
  void operator()(bool value) const {
    WriteTag(value ? PayloadTag::kTrue : PayloadTag::kFalse, out);
  }
  void operator()(int64_t value) const {
    WriteTag(PayloadTag::kInt64, out);
    out.I64(value);
  }
  void operator()(uint64_t value) const {
    WriteTag(PayloadTag::kUint64, out);
    out.U64(value);
  }
  void operator()(double value) const {
    WriteTag(PayloadTag::kDouble, out);
    out.F64(value);
  }
  void operator()(const std::string& value) const {
    WriteTag(PayloadTag::kString, out);
    out.LengthPrefixed(value);
  }
  void operator()(const PayloadArray& array) const {
    WriteContainer(PayloadTag::kArray, array.size(), out, [&] {
      for (const PayloadValue& element : array) WriteValue(element, out);
    });
  }
  void operator()(const PayloadObject& object) const {
    WriteContainer(PayloadTag::kObject, object.size(), out, [&] { WriteMembers(object, out); });
  }
};

void WriteValue(const PayloadValue& value, ByteWriter& out) {
  std::visit(ValueWriter{out}, value.variant());
}

void WriteMembers(const PayloadObject& object, ByteWriter& out) {
  for (const auto& [key, value] : object) {
    out.U16(static_cast<uint16_t>(key.size()));
    out.Bytes(key);
    WriteValue(value, out);
  }
}

/// Decodes with the limits of limits.h; the first failure is the reader's and sticks.
class Decoder {
 public:
  explicit Decoder(std::span<const std::byte> bytes) : in_(bytes) {}

  absl::StatusOr<Payload> Run() {
    const uint32_t count = in_.U32();
    Payload payload = Members(count, in_.remaining(), 1);
    if (in_.ok() && count == 0) in_.Fail("an empty payload has no bytes");
    if (absl::Status status = in_.Finish(); !status.ok()) {
      return WithContext(status, "encoded payload");
    }
    return payload;
  }

 private:
  PayloadValue Value(size_t depth) {
    const uint8_t tag = in_.U8();
    if (!in_.ok()) return {};
    switch (static_cast<PayloadTag>(tag)) {
      case PayloadTag::kNull:
        return {};
      case PayloadTag::kFalse:
        return PayloadValue(false);
      case PayloadTag::kTrue:
        return PayloadValue(true);
      case PayloadTag::kInt64:
        return PayloadValue(in_.I64());
      case PayloadTag::kUint64:
        return Unsigned();
      case PayloadTag::kDouble:
        return Double();
      case PayloadTag::kString:
        return String();
      case PayloadTag::kArray:
        return Container(depth + 1, [&](uint32_t count, size_t bytes, size_t inner) {
          return PayloadValue(Elements(count, bytes, inner));
        });
      case PayloadTag::kObject:
        return Container(depth + 1, [&](uint32_t count, size_t bytes, size_t inner) {
          return PayloadValue(Members(count, bytes, inner));
        });
    }
    in_.Fail(absl::StrCat("unknown tag ", tag));
    return {};
  }

  PayloadValue Unsigned() {
    const uint64_t value = in_.U64();
    if (in_.ok() && value <= uint64_t{std::numeric_limits<int64_t>::max()}) {
      in_.Fail("an unsigned integer that fits int64");
    }
    return PayloadValue(value);
  }

  PayloadValue Double() {
    const double value = in_.F64();
    if (!std::isfinite(value)) in_.Fail("a number that is not finite");
    return PayloadValue(value);
  }

  PayloadValue String() {
    const std::string_view text = in_.LengthPrefixedText(limits::kPayloadStringBytesMax);
    if (!IsValidUtf8(text)) in_.Fail("a string that is not UTF-8");
    return PayloadValue(std::string(text));
  }

  template <typename ReadItems>
  PayloadValue Container(size_t depth, const ReadItems& read_items) {
    if (depth > limits::kPayloadDepthMax) {
      in_.Fail(absl::StrCat("deeper than ", limits::kPayloadDepthMax, " levels"));
      return {};
    }
    const size_t bytes = in_.U32();
    const uint32_t count = in_.U32();
    if (bytes > in_.remaining()) in_.Fail("items longer than the payload");
    if (!in_.ok()) return {};
    return read_items(count, bytes, depth);
  }

  /// Fails unless `count` items of at least one byte each can be in `bytes`.
  bool Plausible(uint32_t count, size_t bytes) {
    if (in_.ok() && count > bytes) in_.Fail("more items than bytes");
    return in_.ok();
  }

  void ExpectEnd(size_t end) {
    if (in_.ok() && in_.position() != end) in_.Fail("items do not end where their length says");
  }

  PayloadArray Elements(uint32_t count, size_t bytes, size_t depth) {
    PayloadArray array;
    if (!Plausible(count, bytes)) return array;
    const size_t end = in_.position() + bytes;
    // A hostile count costs no more than the items that follow: no reserve by it.
    for (uint32_t i = 0; i < count && in_.ok(); ++i) array.push_back(Value(depth));
    ExpectEnd(end);
    return array;
  }

  PayloadObject Members(uint32_t count, size_t bytes, size_t depth) {
    PayloadObject object;
    if (!Plausible(count, bytes)) return object;
    const size_t end = in_.position() + bytes;
    keys_ += count;
    if (keys_ > limits::kPayloadKeysMax) {
      in_.Fail(absl::StrCat("more than ", limits::kPayloadKeysMax, " keys"));
    }
    for (uint32_t i = 0; i < count && in_.ok(); ++i) {
      std::string key = Key();
      if (in_.ok() && FindMember(object, key) != nullptr) in_.Fail("a key twice");
      if (!in_.ok()) break;
      PayloadValue value = Value(depth);
      object.emplace_back(std::move(key), std::move(value));
    }
    ExpectEnd(end);
    return object;
  }

  std::string Key() {
    const size_t length = in_.U16();
    if (length > limits::kPayloadKeyBytesMax) in_.Fail("a key that is too long");
    const std::string_view key = in_.Text(length);
    if (!IsValidUtf8(key)) in_.Fail("a key that is not UTF-8");
    return std::string(key);
  }

  ByteReader in_;
  uint64_t keys_ = 0;
};

}  // namespace

std::string EncodePayload(const Payload& payload) {
  if (payload.empty()) return {};
  ByteWriter out;
  out.U32(static_cast<uint32_t>(payload.size()));
  WriteMembers(payload, out);
  return out.Take();
}

absl::StatusOr<Payload> DecodePayload(std::span<const std::byte> bytes) {
  if (bytes.empty()) return Payload();
  if (bytes.size() > limits::kPayloadBytesMax) {
    return ErrorWithReason(ErrorReason::kDamaged,
                           absl::StrCat("encoded payload has ", bytes.size(),
                                        " bytes; the limit is ", limits::kPayloadBytesMax));
  }
  return Decoder(bytes).Run();
}

}  // namespace perigee::engine
