// SPDX-License-Identifier: Apache-2.0
#include "client/wire/wire_point.h"

#include <capnp/message.h>
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "storage/foundation/error_reason.h"
#include "tests/client/wire/random_values.h"
#include "tests/support/test_seed.h"

namespace perigee::wire {
namespace {

TEST_CASE("points survive the wire") {
  const uint64_t seed = tests::TestSeed(2);
  CAPTURE(seed);
  RandomValues random(seed);
  for (int round = 0; round < 200; ++round) {
    std::vector<Point> expected;
    for (uint64_t i = random.Below(4); i > 0; --i) {
      expected.push_back(random.AnyPoint());
    }
    capnp::MallocMessageBuilder message;
    auto list =
        message.initRoot<schema::PointPage>().initPoints(static_cast<kj::uint>(expected.size()));
    for (size_t i = 0; i < expected.size(); ++i) {
      const auto text = PayloadText(expected[i].payload);
      REQUIRE_MESSAGE(text.ok(), text.status().ToString());
      EncodePoint(expected[i], *text, list[static_cast<kj::uint>(i)]);
    }
    auto unparsed = DecodePoints(list.asReader(), 3);
    REQUIRE(unparsed.ok());
    const auto decoded = ParsePoints(*std::move(unparsed));
    REQUIRE_MESSAGE(decoded.ok(), decoded.status().ToString());
    CHECK(*decoded == expected);
  }
}

TEST_CASE("floats keep their bits, also those that are not numbers") {
  const std::vector<float> values = {-0.0F, std::numeric_limits<float>::denorm_min(),
                                     std::numeric_limits<float>::infinity(), std::nanf("7")};
  capnp::MallocMessageBuilder message;
  auto list = message.initRoot<schema::NamedVector>().initValues(4);
  EncodeFloats(values, list);
  const auto decoded = DecodeFloats(list.asReader());
  REQUIRE(decoded.ok());
  CHECK(std::memcmp(decoded->data(), values.data(), 4 * sizeof(float)) == 0);
}

TEST_CASE("lists beyond their limit are refused by their length") {
  capnp::MallocMessageBuilder message;
  auto page = message.initRoot<schema::PointPage>();
  CHECK(GetErrorReason(DecodePoints(page.initPoints(5).asReader(), 4).status()) ==
        ErrorReason::kLimit);
  auto point = page.initPoints(1)[0];
  CHECK(GetErrorReason(DecodeVectors(point.initVectors(9).asReader()).status()) ==
        ErrorReason::kLimit);
  CHECK(GetErrorReason(
            DecodeFloats(point.initVectors(1)[0].initValues(65'536).asReader()).status()) ==
        ErrorReason::kLimit);
  point.initId().setString(std::string(5'000, 'x').c_str());
  CHECK(GetErrorReason(DecodeId(point.asReader().getId()).status()) == ErrorReason::kLimit);
}

TEST_CASE("a vector given twice is refused") {
  capnp::MallocMessageBuilder message;
  auto vectors = message.initRoot<schema::Point>().initVectors(2);
  vectors[0].setName("a");
  vectors[1].setName("a");
  CHECK(DecodeVectors(vectors.asReader()).status().code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("payloads that JSON cannot carry are refused before they are sent") {
  CHECK(!PayloadText({{"x", PayloadValue(std::nan(""))}}).ok());
  CHECK(!PayloadText({{"x", PayloadValue(1)}, {"x", PayloadValue(2)}}).ok());
  CHECK(PayloadText({}).value().empty());
}

TEST_CASE("a payload that is no object names its place") {
  std::vector<UnparsedPoint> points(2);
  points[1].payload_json = "[1]";
  const auto parsed = ParsePoints(std::move(points));
  CHECK(parsed.status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(std::string(parsed.status().message()).find("points[1]") != std::string::npos);
}

}  // namespace
}  // namespace perigee::wire
