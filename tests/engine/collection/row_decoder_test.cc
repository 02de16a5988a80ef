// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/row_decoder.h"

#include <doctest/doctest.h>

#include <string>

#include "storage/encoding/byte_codec.h"
#include "tests/engine/collection/segment_fixture.h"

namespace perigee::engine {
namespace {

Point Example() {
  return {.id = "a",
          .vectors = {{"", {1, 2, 3, 4, 5, 6, 7, 8}}, {"title", {0.5F, 1, 2, 3, 4}}},
          .payload = {{"lang", "en"}, {"meta", PayloadObject{{"year", 2020}, {"x", 1}}}}};
}

TEST_SUITE("row_decoder") {
  TEST_CASE("what the selectors ask for") {
    TestCollection collection;
    collection.Upsert({Example()});
    const auto snapshot = collection.Snapshot();
    const RowPlace place{.view = snapshot->views()[0], .row = 0};
    const PayloadSelector all;
    const PayloadSelector none{.kind = PayloadSelector::Kind::kNone, .paths = {}};
    const PayloadSelector paths{.kind = PayloadSelector::Kind::kPaths, .paths = {"meta.year"}};
    const VectorSelector no_vectors;
    const VectorSelector all_vectors{.kind = VectorSelector::Kind::kAll, .names = {}};
    const VectorSelector names{.kind = VectorSelector::Kind::kNames, .names = {"title", "image"}};

    CHECK(*RowDecoder(collection.schema(), all, all_vectors).DecodePoint(place) == Example());
    const RowDecoder bare(collection.schema(), none, no_vectors);
    CHECK(*bare.DecodePoint(place) == Point{.id = "a", .vectors = {}, .payload = {}});
    CHECK(bare.DecodePayload(place)->has_value() == false);
    const RowDecoder some(collection.schema(), paths, names);
    CHECK(**some.DecodePayload(place) == Payload{{"meta", PayloadObject{{"year", 2020}}}});
    // The point has no image.
    CHECK(some.DecodeVectors(place) == NamedVectors{{"title", {0.5F, 1, 2, 3, 4}}});
  }

  TEST_CASE("damaged payload bytes are kDataLoss, unless nobody asked for them") {
    const auto schema = MixedSchema();
    const auto growing = GrowingSegment::Create(schema, {});
    const StoredRow row(Example(), *schema);
    RowImage image = row.image();
    const std::string damaged = "\xFF\xFF\xFF";
    image.payload = storage::AsBytes(damaged);
    growing->Append(image, 1);
    SegmentList segments;
    segments.growing = growing;
    const auto snapshot = CollectionSnapshot::Make(
        {.collection = {}, .schema = schema, .seq = 1, .epoch = 1}, segments);
    const RowPlace place{.view = snapshot->views()[0], .row = 0};
    const PayloadSelector all;
    const PayloadSelector none{.kind = PayloadSelector::Kind::kNone, .paths = {}};
    const VectorSelector no_vectors;
    CHECK(RowDecoder(*schema, all, no_vectors).DecodePoint(place).status().code() ==
          absl::StatusCode::kDataLoss);
    CHECK(RowDecoder(*schema, none, no_vectors).DecodePoint(place).ok());
  }
}

}  // namespace
}  // namespace perigee::engine
