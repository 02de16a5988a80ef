// SPDX-License-Identifier: Apache-2.0
#include "client/wire/wire_filter.h"

#include <capnp/message.h>
#include <doctest/doctest.h>

#include "perigee/model/limits.h"
#include "storage/foundation/error_reason.h"
#include "tests/client/wire/random_values.h"
#include "tests/support/test_seed.h"

namespace perigee::wire {
namespace {

TEST_CASE("filters survive the wire") {
  const uint64_t seed = tests::TestSeed(3);
  CAPTURE(seed);
  RandomValues random(seed);
  int refused = 0;
  for (int i = 0; i < 2'000; ++i) {
    const Filter expected = random.AnyFilter();
    capnp::MallocMessageBuilder message;
    auto root = message.initRoot<schema::Filter>();
    const absl::Status encoded = EncodeFilter(expected, root);
    if (!encoded.ok()) {
      ++refused;
      continue;
    }
    const auto decoded = DecodeFilter(root.asReader());
    REQUIRE_MESSAGE(decoded.ok(), decoded.status().ToString());
    CHECK(*decoded == expected);
  }
  CHECK(refused < 200);
}

TEST_CASE("depth is counted while decoding") {
  for (const size_t depth : {limits::kFilterDepthMax, limits::kFilterDepthMax + 1, size_t{30}}) {
    capnp::MallocMessageBuilder message;
    auto node = message.initRoot<schema::Filter>();
    const schema::Filter::Reader root = node.asReader();
    for (size_t i = 1; i < depth; ++i) {
      node = node.initNegation();
    }
    node.setIsNull("x");
    const auto decoded = DecodeFilter(root);
    CHECK(decoded.ok() == (depth == limits::kFilterDepthMax));
  }
}

TEST_CASE("nodes, values and bytes are counted while decoding") {
  capnp::MallocMessageBuilder message;
  auto root = message.initRoot<schema::Filter>();
  root.initAll(257);
  CHECK(GetErrorReason(DecodeFilter(root.asReader()).status()) == ErrorReason::kLimit);
  auto outer = root.initAny(20);
  for (kj::uint i = 0; i < 20; ++i) {
    outer[i].initAll(20);
  }
  CHECK(GetErrorReason(DecodeFilter(root.asReader()).status()) == ErrorReason::kLimit);
  auto match = root.initMatch();
  match.setKind(schema::MatchKind::ANY);
  match.initValues(4'097);
  CHECK(GetErrorReason(DecodeFilter(root.asReader()).status()) == ErrorReason::kLimit);
  root.setIsNull(std::string(1U << 20U, 'x').c_str());
  CHECK(GetErrorReason(DecodeFilter(root.asReader()).status()) == ErrorReason::kLimit);
}

TEST_CASE("a negation of nothing and an unknown kind of match are refused") {
  capnp::MallocMessageBuilder message;
  auto root = message.initRoot<schema::Filter>();
  root.initNegation();
  root.disownNegation();
  CHECK(!DecodeFilter(root.asReader()).ok());
  root.initMatch().setPath("x");
  CHECK(!DecodeFilter(root.asReader()).ok());
}

TEST_CASE("a filter that the model refuses is not sent") {
  capnp::MallocMessageBuilder message;
  auto root = message.initRoot<schema::Filter>();
  CHECK(EncodeFilter(Filter{.node = OrNode{}}, root).code() == absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace perigee::wire
