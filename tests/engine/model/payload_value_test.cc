// SPDX-License-Identifier: Apache-2.0
#include "perigee/model/payload_value.h"

#include <doctest/doctest.h>

#include <limits>

#include "storage/foundation/error_reason.h"

namespace perigee {
namespace {

bool LimitExceeded(const Payload& payload) {
  return GetErrorReason(Validate(payload)) == ErrorReason::kLimit;
}

PayloadValue Nested(size_t arrays) {
  PayloadValue value = 1;
  for (size_t i = 0; i < arrays; ++i) value = PayloadArray{std::move(value)};
  return value;
}

TEST_CASE("unsigned integers that fit are int64") {
  CHECK(PayloadValue(uint64_t{5}) == PayloadValue(int64_t{5}));
  CHECK(PayloadValue(uint64_t{1} << 63U).As<uint64_t>() != nullptr);
}

TEST_CASE("payloads print and parse in their order") {
  const std::string json =
      "{\"lang\":\"en\",\"n\":18446744073709551615,\"x\":1.0,\"t\":[1,null],\"m\":{\"a\":-1}}";
  const absl::StatusOr<Payload> payload = ParsePayloadJson(json);
  REQUIRE(payload.ok());
  CHECK(ToJson(*payload) == json);
  CHECK(ToJson(PayloadValue(*payload)) == json);
  CHECK(FindMember(*payload, "x")->As<double>() != nullptr);
  CHECK(FindMember(*payload, "y") == nullptr);
  CHECK(Validate(*payload).ok());
}

TEST_CASE("a payload is an object") {
  for (const std::string_view bad : {"[]", "1", "null", "", "\"{}\""}) {
    CHECK(absl::IsInvalidArgument(ParsePayloadJson(bad).status()));
  }
  CHECK(ParsePayloadJson(" { } ").ok());
  CHECK(ParsePayloadValueJson("[1]").ok());
}

TEST_CASE("validation refuses what cannot be stored and names the place") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const absl::Status status = Validate(
      Payload{{"meta", PayloadObject{{"items", PayloadArray{1, PayloadObject{{"p", nan}}}}}}});
  CHECK(absl::IsInvalidArgument(status));
  CHECK(std::string(status.message()).find("payload.meta.items[1].p") == 0);
  CHECK(absl::IsInvalidArgument(Validate(Payload{{"a", 1}, {"a", 2}})));
  CHECK(absl::IsInvalidArgument(Validate(Payload{{"a", "\xFF"}})));
  CHECK(absl::IsInvalidArgument(Validate(Payload{{"\xFF", 1}})));
}

TEST_CASE("validation keeps the limits") {
  CHECK(Validate(Payload{{"a", Nested(31)}}).ok());
  CHECK(LimitExceeded(Payload{{"a", Nested(32)}}));
  CHECK(LimitExceeded(Payload{{"a", Nested(5'000)}}));
  CHECK(Validate(Payload{{std::string(256, 'k'), 1}}).ok());
  CHECK(LimitExceeded(Payload{{std::string(257, 'k'), 1}}));
  CHECK(Validate(Payload{{"a", std::string(65'536, 's')}}).ok());
  CHECK(LimitExceeded(Payload{{"a", std::string(65'537, 's')}}));
  Payload keys;
  for (int i = 0; i < 1'024; ++i) keys.emplace_back(std::to_string(i), 1);
  CHECK(Validate(keys).ok());
  keys.emplace_back("more", 1);
  CHECK(LimitExceeded(keys));
  PayloadArray strings(4, std::string(65'500, 's'));
  CHECK(Validate(Payload{{"a", strings}}).ok());
  strings.resize(5, std::string(65'500, 's'));
  CHECK(LimitExceeded(Payload{{"a", strings}}));
}

}  // namespace
}  // namespace perigee
