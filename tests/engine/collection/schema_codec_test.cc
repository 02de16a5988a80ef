// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/schema_codec.h"

#include <doctest/doctest.h>

#include "storage/encoding/byte_codec.h"

namespace perigee::engine {
namespace {

CollectionSchema TwoVectors() {
  CollectionSchema schema;
  schema.vectors.push_back({.name = "", .dimension = 3});
  schema.vectors.push_back({.name = "title",
                            .dimension = 2,
                            .metric = DistanceMetric::kDot,
                            .element = VectorElement::kFloat16,
                            .hnsw = {.m = 8, .ef_construction = 50}});
  return schema;
}

TEST_CASE("a schema survives its bytes") {
  const CollectionSchema schema = TwoVectors();
  const auto decoded = DecodeSchema(storage::AsBytes(EncodeSchema(schema)));
  REQUIRE(decoded.ok());
  CHECK(*decoded == schema);
}

TEST_CASE("every truncation of a schema is damage") {
  const std::string bytes = EncodeSchema(TwoVectors());
  for (size_t length = 0; length < bytes.size(); ++length) {
    CHECK(DecodeSchema(storage::AsBytes(bytes.substr(0, length))).status().code() ==
          absl::StatusCode::kDataLoss);
  }
  CHECK(DecodeSchema(storage::AsBytes(bytes + "x")).status().code() == absl::StatusCode::kDataLoss);
}

TEST_CASE("a flipped bit in a schema never yields an invalid schema") {
  const std::string bytes = EncodeSchema(TwoVectors());
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const auto decoded = DecodeSchema(storage::AsBytes(flipped));
    if (decoded.ok()) {
      CHECK(Validate(*decoded).ok());
    }
  }
}

TEST_CASE("a layout of a later version is named as such") {
  std::string bytes = EncodeSchema(TwoVectors());
  bytes[0] = 2;
  CHECK(DecodeSchema(storage::AsBytes(bytes)).status().code() == absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace perigee::engine
