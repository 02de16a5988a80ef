// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/record_decoder.h"

#include <doctest/doctest.h>

#include <random>

#include "tests/support/test_seed.h"
#include "tests/tools/inspect/page_example.h"

namespace perigee::tools::inspect {
namespace {

constexpr auto kUpsert = static_cast<uint16_t>(RecordKind::kUpsert);

std::string Example() { return tests::PlainExample("log_records_format.md", "```\n01 00 00 00"); }

TEST_CASE("the upsert of the page") {
  const std::string bytes = Example();
  std::string fault;
  const auto record = DecodeRecord(kUpsert, bytes, fault);
  REQUIRE_MESSAGE(record.has_value(), fault);
  CHECK(record->collection.ToString() == "11111111-2222-4333-8444-555555555555");
  REQUIRE(record->rows.size() == 1);
  CHECK(record->rows[0].id == std::string_view("\0\0\0\0\0\0\0\0\7", 9));
  CHECK(record->rows[0].presence == 1);
  CHECK(record->rows[0].payload.empty());
  Schema schema(1);
  schema[0].dimension = 2;
  CHECK_FALSE(RowsFault(*record, schema).has_value());
  schema[0].dimension = 3;
  CHECK(RowsFault(*record, schema).has_value());
  for (size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(DecodeRecord(kUpsert, std::string_view(bytes).substr(0, size), fault).has_value());
  }
  CHECK_FALSE(DecodeRecord(kUpsert, bytes + "x", fault).has_value());
}

TEST_CASE("hostile counts are refused before anything is allocated for them") {
  std::string bytes = std::string("\x01\x00\x00\x00", 4) + std::string(16, 'c');
  bytes += "\xff\xff\xff\xff";
  std::string fault;
  for (uint16_t type = 1; type <= 5; ++type) {
    CHECK_FALSE(DecodeRecord(type, bytes, fault).has_value());
  }
  CHECK_FALSE(DecodeRecord(77, bytes, fault).has_value());
  CHECK(RecordKindName(77) == "type 77");
}

TEST_CASE("changed records are refused or taken, never more") {
  const uint64_t seed = tests::TestSeed(5);
  INFO("PERIGEE_TEST_SEED=", seed);
  std::mt19937_64 random(seed);
  const std::string bytes = Example();
  size_t taken = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string changed = bytes;
    for (uint64_t n = random() % 3 + 1; n > 0; --n) {
      changed[random() % changed.size()] = static_cast<char>(random());
    }
    std::string fault;
    taken += DecodeRecord(static_cast<uint16_t>(random() % 6), changed, fault).has_value() ? 1 : 0;
  }
  CHECK(taken > 0);
}

TEST_CASE("a schema") {
  const std::string one(
      "\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00v\x08\x00\x00\x00\x02\x02"
      "\x00\x00\x10\x00\x00\x00\xc8\x00\x00\x00",
      29);
  std::string fault;
  const auto schema = DecodeSchema(one, fault);
  REQUIRE_MESSAGE(schema.has_value(), fault);
  CHECK(schema->at(0).name == "v");
  CHECK(schema->at(0).dimension == 8);
  CHECK(schema->at(0).metric == Metric::kL2);
  CHECK(schema->at(0).bytes() == 16);
  CHECK(schema->at(0).m == 16);
  for (size_t size = 0; size < one.size(); ++size) {
    CHECK_FALSE(DecodeSchema(std::string_view(one).substr(0, size), fault).has_value());
  }
}

}  // namespace
}  // namespace perigee::tools::inspect
