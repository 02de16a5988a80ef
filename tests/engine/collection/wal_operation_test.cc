// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/wal_operation.h"

#include <doctest/doctest.h>

#include <functional>

#include "absl/strings/escaping.h"
#include "perigee/model/point_id.h"
#include "storage/encoding/byte_codec.h"

namespace perigee::engine {
namespace {

using storage::AsBytes;
using storage::AsText;
using storage::Uuid;

Uuid UuidOf(std::string_view text) { return Uuid::Parse(text).value(); }

const Uuid& Collection() {
  static const Uuid uuid = UuidOf("11111111-2222-4333-8444-555555555555");
  return uuid;
}

CollectionSchema Schema() {
  CollectionSchema schema;
  schema.vectors.push_back({.name = "", .dimension = 2});
  schema.vectors.push_back({.name = "title", .dimension = 2, .element = VectorElement::kFloat16});
  return schema;
}

constexpr std::string_view kVectorBytes("\x00\x00\x80\x3f\x00\x00\x00\x40", 8);  // 1.0F, 2.0F
constexpr std::string_view kHalfBytes("\x00\x3c\x00\x40", 4);                    // 1.0, 2.0 as f16

UpsertRecord Upsert(const std::string& id) {
  UpsertRecord record;
  record.collection = Collection();
  RowImage row;
  row.encoded_id = id;
  row.presence_bits = 3;
  row.vectors[0] = AsBytes(kVectorBytes);
  row.vectors[1] = AsBytes(kHalfBytes);
  row.payload = AsBytes("payload");
  record.rows.push_back(row);
  return record;
}

// One encoded record of each type with its decoder.
struct Sample {
  std::string bytes;
  std::function<absl::Status(std::span<const std::byte>)> decode;
};

std::vector<Sample> Samples() {
  const std::string id = PointId(uint64_t{7}).Encode();
  std::vector<Sample> samples;
  samples.push_back(
      {EncodeRecord(CreateCollectionRecord{Collection(), Uuid(), 42, "docs", Schema()}),
       [](auto bytes) { return DecodeCreateCollection(bytes).status(); }});
  samples.push_back({EncodeRecord(DropCollectionRecord{Collection()}),
                     [](auto bytes) { return DecodeDropCollection(bytes).status(); }});
  samples.push_back(
      {EncodeRecord(Upsert(id)), [](auto bytes) { return DecodeUpsert(bytes).status(); }});
  samples.push_back({EncodeRecord(DeleteRecord{Collection(), {id}}),
                     [](auto bytes) { return DecodeDelete(bytes).status(); }});
  samples.push_back(
      {EncodeRecord(AttachRecord{Collection(), {{Collection(), 8192, 3, {std::byte{9}}}}}),
       [](auto bytes) { return DecodeAttach(bytes).status(); }});
  return samples;
}

TEST_CASE("a create record survives its bytes") {
  const CreateCollectionRecord record{Collection(), Uuid(), 42, "docs", Schema()};
  const auto decoded = DecodeCreateCollection(AsBytes(EncodeRecord(record)));
  REQUIRE(decoded.ok());
  CHECK(decoded->collection == record.collection);
  CHECK(decoded->hash_seed == 42);
  CHECK(decoded->name == "docs");
  CHECK(decoded->schema == record.schema);
}

TEST_CASE("an upsert record survives its bytes") {
  const std::string id = PointId("a").Encode();
  const std::string bytes = EncodeRecord(Upsert(id));
  const auto decoded = DecodeUpsert(AsBytes(bytes));
  REQUIRE(decoded.ok());
  REQUIRE(decoded->rows.size() == 1);
  const RowImage& row = decoded->rows[0];
  CHECK(row.encoded_id == id);
  CHECK(row.presence_bits == 3);
  CHECK(AsText(row.vectors[0]) == kVectorBytes);
  CHECK(AsText(row.vectors[1]) == kHalfBytes);
  CHECK(AsText(row.payload) == "payload");
  CHECK(CheckRowsAgainstSchema(*decoded, Schema()).ok());
}

TEST_CASE("delete and attach records survive their bytes") {
  const std::string id = PointId("a").Encode();
  const std::string deletion = EncodeRecord(DeleteRecord{Collection(), {id}});
  const auto deleted = DecodeDelete(AsBytes(deletion));
  REQUIRE(deleted.ok());
  CHECK(deleted->encoded_ids == std::vector<std::string_view>{id});

  const SegmentReceipt receipt{Collection(), 8192, 3, {std::byte{9}}};
  const auto attached = DecodeAttach(AsBytes(EncodeRecord(AttachRecord{Collection(), {receipt}})));
  REQUIRE(attached.ok());
  CHECK(attached->segments == std::vector<SegmentReceipt>{receipt});
}

TEST_CASE("rows that do not fit the schema are refused") {
  const std::string id = PointId("a").Encode();
  CollectionSchema other = Schema();
  other.vectors[0].dimension = 3;
  CHECK(CheckRowsAgainstSchema(Upsert(id), other).code() == absl::StatusCode::kDataLoss);
  other = Schema();
  other.vectors.pop_back();
  CHECK(CheckRowsAgainstSchema(Upsert(id), other).code() == absl::StatusCode::kDataLoss);
  UpsertRecord none = Upsert(id);
  none.rows[0].presence_bits = 0;
  CHECK(CheckRowsAgainstSchema(none, Schema()).code() == absl::StatusCode::kDataLoss);
}

TEST_CASE("every truncation of a record is damage") {
  for (const Sample& sample : Samples()) {
    CHECK(sample.decode(AsBytes(sample.bytes)).ok());
    for (size_t length = 0; length < sample.bytes.size(); ++length) {
      CHECK(sample.decode(AsBytes(sample.bytes.substr(0, length))).code() ==
            absl::StatusCode::kDataLoss);
    }
    CHECK(sample.decode(AsBytes(sample.bytes + "x")).code() == absl::StatusCode::kDataLoss);
  }
}

TEST_CASE("a flipped bit in a record is refused or read within bounds") {
  for (const Sample& sample : Samples()) {
    for (size_t bit = 0; bit < sample.bytes.size() * 8; ++bit) {
      std::string flipped = sample.bytes;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      const absl::StatusCode code = sample.decode(AsBytes(flipped)).code();
      CHECK((code == absl::StatusCode::kOk || code == absl::StatusCode::kDataLoss ||
             code == absl::StatusCode::kUnimplemented));
    }
  }
}

TEST_CASE("the worked example of docs/formats/log_records_format.md") {
  const std::string bytes = absl::HexStringToBytes(
      "01000000"                          // layout 1, zero
      "11111111222243338444555555555555"  // collection
      "01000000"                          // one row
      "09000000"
      "000000000000000007"  // id 7
      "01000000"            // vector 0 is present
      "08000000"
      "0000803f00000040"  // 1.0, 2.0
      "00000000");        // payload: none
  const auto decoded = DecodeUpsert(AsBytes(bytes));
  REQUIRE(decoded.ok());
  CHECK(decoded->collection == Collection());
  REQUIRE(decoded->rows.size() == 1);
  CHECK(decoded->rows[0].encoded_id == PointId(uint64_t{7}).Encode());
  CHECK(AsText(decoded->rows[0].vectors[0]) == kVectorBytes);
  CHECK(EncodeRecord(*decoded) == bytes);
}

}  // namespace
}  // namespace perigee::engine
