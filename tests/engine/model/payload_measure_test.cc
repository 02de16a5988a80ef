// SPDX-License-Identifier: Apache-2.0
#include "engine/model/payload_measure.h"

#include <doctest/doctest.h>

namespace perigee {
namespace {

// tests/engine/payload/payload_codec_test.cc compares with the encoder on random payloads.
TEST_CASE("bytes of each type of value") {
  CHECK(StoredBytes(PayloadValue()) == 1);
  CHECK(StoredBytes(PayloadValue(true)) == 1);
  CHECK(StoredBytes(PayloadValue(1)) == 9);
  CHECK(StoredBytes(PayloadValue(1.5)) == 9);
  CHECK(StoredBytes(PayloadValue("abc")) == 8);
  CHECK(StoredBytes(PayloadValue(PayloadArray{true, false})) == 11);
  CHECK(StoredBytes(PayloadValue(PayloadObject{{"k", true}})) == 13);
}

TEST_CASE("an empty payload takes nothing") {
  CHECK(StoredBytes(Payload()) == 0);
  CHECK(StoredBytes(Payload{{"k", true}}) == 8);
}

}  // namespace
}  // namespace perigee
