// SPDX-License-Identifier: Apache-2.0
#include "engine/model/json_reader.h"

#include <doctest/doctest.h>

#include <limits>

#include "engine/model/utf8.h"
#include "storage/foundation/error_reason.h"

namespace perigee {
namespace {

PayloadValue Read(std::string_view text) {
  CAPTURE(text);
  const absl::StatusOr<PayloadValue> value = ReadJson(text, PayloadJsonLimits(), "JSON");
  INFO(value.status().ToString());
  REQUIRE(value.ok());
  return *value;
}

absl::Status Refusal(std::string_view text) {
  CAPTURE(text);
  const absl::Status status = ReadJson(text, PayloadJsonLimits(), "JSON").status();
  CHECK(absl::IsInvalidArgument(status));
  CHECK(IsValidUtf8(std::string(status.message())));
  return status;
}

void Refused(std::string_view text) { Refusal(text).IgnoreError(); }

bool Mentions(const absl::Status& status, std::string_view words) {
  return std::string(status.message()).find(words) != std::string::npos;
}

TEST_CASE("integers keep their 64 bits and their type") {
  CHECK(Read("0") == PayloadValue(int64_t{0}));
  CHECK(Read("-9223372036854775808") == PayloadValue(std::numeric_limits<int64_t>::min()));
  CHECK(Read("9223372036854775807") == PayloadValue(std::numeric_limits<int64_t>::max()));
  CHECK(Read("9223372036854775808") == PayloadValue(uint64_t{1} << 63U));
  CHECK(Read("18446744073709551615") == PayloadValue(std::numeric_limits<uint64_t>::max()));
  CHECK(Read("1.0") == PayloadValue(1.0));
  CHECK(Read("1e2") == PayloadValue(100.0));
  CHECK(Read("18446744073709551616.0") == PayloadValue(0x1p64));
}

TEST_CASE("numbers that would lose something are refused") {
  Refused("18446744073709551616");
  Refused("-9223372036854775809");
  Refused("1e999");
  Refused("-1e999");
  Refused("NaN");
  Refused("Infinity");
}

TEST_CASE("objects keep their order and refuse a key twice") {
  CHECK(Read("{\"b\":1,\"a\":[true,null,{}]}") ==
        PayloadValue(PayloadObject{{"b", 1}, {"a", PayloadArray{true, {}, PayloadObject()}}}));
  Refused("{\"a\":1,\"a\":1}");
  CHECK(Read("{\"a\":1,\"A\":{\"a\":1}}").As<PayloadObject>()->size() == 2);
}

TEST_CASE("text that is not exactly one JSON value is refused with its byte") {
  CHECK(Mentions(Refusal("{\"a\":x}"), "at byte 5"));
  CHECK(Mentions(Refusal("[1,]"), "at byte 3"));
  CHECK(Mentions(Refusal("[1"), "at byte 2"));
  CHECK(Mentions(Refusal(""), "at byte 0"));
  for (const std::string_view bad : {"{} x", "1 2", "'a'", "{a:1}", "// c\n1", "01", "+1", "\"\t\"",
                                     "\"\\x\"", "\"\\ud800\"", "\"open", "nul"}) {
    Refused(bad);
  }
  Refused(std::string_view("1\0 2", 4));
}

TEST_CASE("strings are UTF-8 or refused") {
  CHECK(Read("\"\\u00e9\\u0000\\ud83d\\ude00\"") ==
        PayloadValue(std::string("\u00e9\0\U0001F600", 7)));
  Refused("\"\xFF\"");
  Refused("\"\xED\xA0\x80\"");
  Refused("{\"\xC0\x80\":1}");
}

TEST_CASE("limits are checked while reading") {
  const auto limit = [](const std::string& text) {
    return GetErrorReason(Refusal(text)) == ErrorReason::kLimit;
  };
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  Read(nested(32));
  CHECK(limit(nested(33)));
  CHECK(limit("{\"" + std::string(257, 'k') + "\":1}"));
  CHECK(limit("\"" + std::string(65'537, 's') + "\""));
  CHECK(limit(std::string(1 << 21, ' ')));
  std::string keys = "{\"k\":0";
  std::string nulls = "[null";
  for (int i = 0; i < 1'024; ++i) keys += ",\"k" + std::to_string(i) + "\":0";
  for (int i = 0; i < 262'144; ++i) nulls += ",{}";
  CHECK(limit(keys + "}"));
  CHECK(limit(nulls + "]"));
}

TEST_CASE("hostile nesting costs no stack") {
  for (const char open : {'[', '{'}) {
    Refused(std::string(100'000, open));
  }
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  Refused(objects);
}

}  // namespace
}  // namespace perigee
