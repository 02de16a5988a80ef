// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/value_decoder.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/foundation/string_view_bridge.h"
#include "tools/inspect/byte_view.h"

namespace perigee::tools::inspect {
namespace {

constexpr size_t kIntegerIdBytes = 9;
constexpr size_t kTextIdBytesMax = 257;
constexpr size_t kPayloadBytesMax = size_t{256} << 10U;
constexpr size_t kKeyBytesMax = 256;
constexpr size_t kTextBytesMax = size_t{64} << 10U;
constexpr size_t kKeysMax = 1024;
constexpr size_t kDepthMax = 32;

enum Tag : uint8_t {
  kNull,
  kFalse,
  kTrue,
  kInt64,
  kUint64,
  kDouble,
  kText,
  kArray,
  kObject,
};

// Walks a payload value by value; each method returns what is wrong, or nothing.
class PayloadWalk {
 public:
  using Fault = std::optional<std::string>;

  // `count` members that fill `bytes`, the `depth`-th container from outside.
  Fault Members(std::string_view bytes, uint32_t count, size_t depth) {
    ByteCursor cursor(bytes);
    std::unordered_set<std::string_view> keys;
    for (uint32_t i = 0; i < count; ++i) {
      const std::string_view key = cursor.Take(cursor.U16());
      if (!cursor.ok()) {
        return absl::StrCat("an object of ", count, " members ends in member ", i);
      }
      if (key.size() > kKeyBytesMax || !IsUtf8(key)) {
        return absl::StrCat("a key of ", key.size(), " bytes is too long or not UTF-8");
      }
      if (!keys.insert(key).second) {
        return absl::StrCat("key '", Absl(key), "' occurs twice");
      }
      if (++keys_ > kKeysMax) {
        return absl::StrCat("more than ", kKeysMax, " keys");
      }
      if (Fault fault = Value(cursor, depth); fault.has_value()) {
        return fault;
      }
    }
    return End(cursor, "an object");
  }

 private:
  Fault Elements(std::string_view bytes, uint32_t count, size_t depth) {
    ByteCursor cursor(bytes);
    for (uint32_t i = 0; i < count; ++i) {
      if (Fault fault = Value(cursor, depth); fault.has_value()) {
        return fault;
      }
    }
    return End(cursor, "an array");
  }

  static Fault End(const ByteCursor& cursor, const char* what) {
    if (cursor.left() != 0) {
      return absl::StrCat(what, " has ", cursor.left(), " bytes behind its end");
    }
    return std::nullopt;
  }

  Fault Container(ByteCursor& cursor, uint8_t tag, size_t depth) {
    const uint32_t bytes = cursor.U32();
    const uint32_t count = cursor.U32();
    const std::string_view inside = cursor.Take(bytes);
    if (!cursor.ok()) {
      return absl::StrCat("a container of ", bytes, " bytes ends beyond the payload");
    }
    if (depth >= kDepthMax) {
      return absl::StrCat("more than ", kDepthMax, " containers inside each other");
    }
    return tag == kArray ? Elements(inside, count, depth + 1) : Members(inside, count, depth + 1);
  }

  Fault Value(ByteCursor& cursor, size_t depth) {
    const uint8_t tag = cursor.U8();
    Fault fault;
    switch (tag) {
      case kNull:
      case kFalse:
      case kTrue:
        break;
      case kInt64:
        cursor.U64();
        break;
      case kUint64:
        if (cursor.U64() <= uint64_t{std::numeric_limits<int64_t>::max()} && cursor.ok()) {
          fault = "an integer with tag 4 that fits tag 3";
        }
        break;
      case kDouble:
        if (!std::isfinite(std::bit_cast<double>(cursor.U64()))) {
          fault = "a number that is not finite";
        }
        break;
      case kText: {
        const std::string_view text = cursor.Counted(kTextBytesMax);
        if (cursor.ok() && !IsUtf8(text)) {
          fault = "a string that is not UTF-8";
        }
        break;
      }
      case kArray:
      case kObject:
        fault = Container(cursor, tag, depth);
        break;
      default:
        fault = absl::StrCat("tag ", tag);
    }
    if (!fault.has_value() && !cursor.ok()) {
      fault = "a value that is too long or ends beyond its container";
    }
    return fault;
  }

  size_t keys_ = 0;
};

nlohmann::ordered_json ValueJson(ByteCursor& cursor);

nlohmann::ordered_json ObjectJson(ByteCursor& cursor, uint32_t count) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (uint32_t i = 0; i < count && cursor.ok(); ++i) {
    const std::string key(cursor.Take(cursor.U16()));
    object[key] = ValueJson(cursor);
  }
  return object;
}

nlohmann::ordered_json ValueJson(ByteCursor& cursor) {
  switch (cursor.U8()) {
    case kFalse:
      return false;
    case kTrue:
      return true;
    case kInt64:
      return static_cast<int64_t>(cursor.U64());
    case kUint64:
      return cursor.U64();
    case kDouble:
      return std::bit_cast<double>(cursor.U64());
    case kText:
      return std::string(cursor.Counted(kTextBytesMax));
    case kArray: {
      cursor.U32();
      const uint32_t count = cursor.U32();
      nlohmann::ordered_json array = nlohmann::ordered_json::array();
      for (uint32_t i = 0; i < count && cursor.ok(); ++i) {
        array.push_back(ValueJson(cursor));
      }
      return array;
    }
    case kObject: {
      cursor.U32();
      const uint32_t count = cursor.U32();
      return ObjectJson(cursor, count);
    }
    default:
      return nullptr;
  }
}

}  // namespace

bool IsUtf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || length > text.size() - i) {
      return false;
    }
    uint32_t point = lead & (0xffU >> (length + 1));
    for (size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0U) != 0x80U) {
        return false;
      }
      point = point << 6U | (next & 0x3fU);
    }
    constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (point < kSmallest[length] || (point >= 0xd800 && point <= 0xdfff) || point > 0x10ffff) {
      return false;
    }
    i += length;
  }
  return true;
}

std::optional<std::string> PointIdFault(std::string_view bytes) {
  if (bytes.empty() || (bytes[0] != 0 && bytes[0] != 1)) {
    return "an id that begins with neither 00 nor 01";
  }
  if (bytes[0] == 0) {
    return bytes.size() == kIntegerIdBytes
               ? std::nullopt
               : std::optional(absl::StrCat("an integer id of ", bytes.size(), " bytes"));
  }
  if (bytes.size() < 2 || bytes.size() > kTextIdBytesMax) {
    return absl::StrCat("a text id of ", bytes.size() - 1, " bytes");
  }
  return IsUtf8(bytes.substr(1)) ? std::nullopt
                                 : std::optional<std::string>("an id that is not UTF-8");
}

std::string PointIdText(std::string_view bytes) {
  if (bytes.size() == kIntegerIdBytes && bytes[0] == 0) {
    uint64_t number = 0;
    for (const char c : bytes.substr(1)) {
      number = number << 8U | static_cast<unsigned char>(c);
    }
    return absl::StrCat(number);
  }
  std::string text = nlohmann::json(std::string(bytes.substr(bytes.empty() ? 0 : 1)))
                         .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  text.front() = '\'';
  text.back() = '\'';
  return text;
}

std::optional<std::string> PayloadFault(std::string_view bytes) {
  if (bytes.empty()) {
    return std::nullopt;
  }
  if (bytes.size() > kPayloadBytesMax) {
    return absl::StrCat("a payload of ", bytes.size(), " bytes; at most ", kPayloadBytesMax);
  }
  if (bytes.size() < 4 || U32At(bytes, 0) == 0) {
    return "a payload that is neither empty nor has members";
  }
  return PayloadWalk().Members(bytes.substr(4), U32At(bytes, 0), 1);
}

std::string PayloadText(std::string_view bytes) {
  if (bytes.empty()) {
    return "";
  }
  ByteCursor cursor(bytes);
  const uint32_t count = cursor.U32();
  return ObjectJson(cursor, count).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace perigee::tools::inspect
