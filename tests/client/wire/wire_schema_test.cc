// SPDX-License-Identifier: Apache-2.0
#include "client/wire/wire_schema.h"

#include <capnp/message.h>
#include <doctest/doctest.h>

#include "tests/client/wire/random_values.h"
#include "tests/support/test_seed.h"

namespace perigee::wire {
namespace {

TEST_CASE("schemas survive the wire") {
  const uint64_t seed = tests::TestSeed(1);
  CAPTURE(seed);
  RandomValues random(seed);
  for (int i = 0; i < 100; ++i) {
    const CollectionSchema expected = random.Schema();
    capnp::MallocMessageBuilder message;
    auto root = message.initRoot<schema::CollectionSchema>();
    EncodeSchema(expected, root);
    const auto decoded = DecodeSchema(root.asReader());
    REQUIRE(decoded.ok());
    CHECK(*decoded == expected);
  }
}

TEST_CASE("unknown metrics and elements and too many vectors are refused") {
  capnp::MallocMessageBuilder message;
  auto root = message.initRoot<schema::CollectionSchema>();
  auto vectors = root.initVectors(1);
  CHECK(DecodeSchema(root.asReader()).status().code() == absl::StatusCode::kInvalidArgument);
  vectors[0].setMetric(schema::DistanceMetric::DOT);
  CHECK(DecodeSchema(root.asReader()).status().code() == absl::StatusCode::kInvalidArgument);
  vectors[0].setElement(schema::VectorElement::FLOAT32);
  CHECK(DecodeSchema(root.asReader()).ok());
  root.initVectors(9);
  CHECK(DecodeSchema(root.asReader()).status().code() == absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace perigee::wire
