// SPDX-License-Identifier: Apache-2.0
#include "engine/payload/payload_codec.h"

#include <doctest/doctest.h>

namespace perigee::engine {
namespace {

TEST_CASE("an empty payload is no bytes") { CHECK(EncodePayload({}).empty()); }

}  // namespace
}  // namespace perigee::engine
