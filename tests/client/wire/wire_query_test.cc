// SPDX-License-Identifier: Apache-2.0
#include "client/wire/wire_query.h"

#include <capnp/message.h>
#include <doctest/doctest.h>

#include "tests/client/wire/random_values.h"
#include "tests/support/test_seed.h"

namespace perigee::wire {
namespace {

TEST_CASE("queries survive the wire") {
  const uint64_t seed = tests::TestSeed(4);
  CAPTURE(seed);
  RandomValues random(seed);
  for (int i = 0; i < 1'000; ++i) {
    Query expected = random.AnyQuery();
    capnp::MallocMessageBuilder message;
    auto root = message.initRoot<schema::Query>();
    if (!EncodeQuery(expected, root).ok()) {
      continue;  // a filter that the model refuses
    }
    const auto decoded = DecodeQuery(root.asReader());
    REQUIRE_MESSAGE(decoded.ok(), decoded.status().ToString());
    CHECK(*decoded == expected);
  }
}

TEST_CASE("an empty message is a query with the defaults of the model") {
  capnp::MallocMessageBuilder message;
  const auto decoded = DecodeQuery(message.initRoot<schema::Query>().asReader());
  REQUIRE(decoded.ok());
  CHECK(*decoded == Query());
}

TEST_CASE("unknown selectors are refused") {
  capnp::MallocMessageBuilder message;
  auto root = message.initRoot<schema::Query>();
  root.initWithPayload();
  CHECK(DecodeQuery(root.asReader()).status().code() == absl::StatusCode::kInvalidArgument);
  root.disownWithPayload();
  root.initWithVectors();
  CHECK(DecodeQuery(root.asReader()).status().code() == absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace perigee::wire
