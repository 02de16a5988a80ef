// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/record_replay.h"

#include <doctest/doctest.h>

#include "tests/tools/inspect/resealed_segment.h"

namespace perigee::tools::inspect {
namespace {

Uuid Number(uint8_t byte) {
  Uuid uuid;
  uuid.bytes.fill(byte);
  return uuid;
}

std::string Little(uint64_t value, size_t count) {
  std::string bytes(count, '\0');
  tests::PutLittle(bytes, 0, value, count);
  return bytes;
}

std::string Beginning(uint8_t collection) {
  return Little(1, 4) + std::string(16, static_cast<char>(collection));
}

std::string SchemaBytes() {
  return Little(1, 4) + Little(1, 4) + Little(0, 4) + Little(2, 4) + std::string("\2\1\0\0", 4) +
         Little(16, 4) + Little(200, 4);
}

struct Fixture {
  Fixture() {
    state.durable_lsn = 5;
    state.collections[Number(1)] = {
        .uuid = Number(1), .name = "docs", .schema = SchemaBytes(), .applied_lsn = 5};
  }
  void Take(uint64_t lsn, RecordKind kind, const std::string& payload) {
    payloads.push_back(payload);
    FileFindings file(list, "wal/1");
    replay->Take({.lsn = lsn, .type = static_cast<uint16_t>(kind), .payload = payload}, file);
  }
  void Begin() { replay.emplace(state); }

  ManifestState state;
  std::optional<RecordReplay> replay;
  std::vector<std::string> payloads;
  FindingList list;
};

std::string Upsert(uint8_t collection, size_t vector_bytes) {
  return Beginning(collection) + Little(1, 4) + Little(9, 4) + std::string(9, '\0') + Little(1, 4) +
         Little(vector_bytes, 4) + std::string(vector_bytes, '\0') + Little(0, 4);
}

TEST_CASE_FIXTURE(Fixture, "rows must fit their schema") {
  Begin();
  Take(6, RecordKind::kUpsert, Upsert(1, 8));
  CHECK(list.clean());
  Take(7, RecordKind::kUpsert, Upsert(1, 12));
  CHECK_FALSE(list.clean());
  CHECK(replay->records_to_replay() == 2);
}

TEST_CASE_FIXTURE(Fixture, "records of a collection that nobody knows need a drop") {
  Begin();
  Take(6, RecordKind::kUpsert, Upsert(2, 8));
  FindingList before = list;
  replay->Finish(before);
  CHECK_FALSE(before.clean());
  Take(7, RecordKind::kDropCollection, Beginning(2));
  replay->Finish(list);
  CHECK(list.clean());
}

TEST_CASE_FIXTURE(Fixture, "a created collection takes rows") {
  Begin();
  const std::string schema = SchemaBytes();
  Take(6, RecordKind::kCreateCollection,
       Beginning(3) + std::string(16, '\0') + Little(9, 8) + Little(3, 4) + "new" +
           Little(schema.size(), 4) + schema);
  Take(7, RecordKind::kUpsert, Upsert(3, 8));
  replay->Finish(list);
  CHECK(list.clean());
}

TEST_CASE_FIXTURE(Fixture, "attached segments are those that the manifest lacks") {
  const std::string attach = Beginning(1) + Little(1, 4) + std::string(16, 7) + Little(8192, 8) +
                             Little(3, 8) + std::string(16, 1);
  Begin();
  Take(6, RecordKind::kAttach, attach);
  REQUIRE(replay->attached().size() == 1);
  CHECK(replay->attached()[0].receipt.rows == 3);

  state.durable_lsn = 6;
  state.collections[Number(1)].segments[Number(7)].stamped_lsn = 6;
  Begin();
  FindingList lost = list;
  replay->Finish(lost);
  CHECK_FALSE(lost.clean());
  Begin();
  Take(6, RecordKind::kAttach, attach);
  replay->Finish(list);
  CHECK(list.clean());
  CHECK(replay->attached().empty());
}

TEST_CASE_FIXTURE(Fixture, "types of a later version are told from damage") {
  Begin();
  Take(6, static_cast<RecordKind>(0x8001), "");
  CHECK(list.findings().empty());
  Take(7, static_cast<RecordKind>(9), "");
  CHECK(list.Has(Severity::kUnsupported));
  CHECK_FALSE(list.Has(Severity::kDamage));
  Take(8, RecordKind::kDelete, "garbage");
  CHECK(list.Has(Severity::kDamage));
}

}  // namespace
}  // namespace perigee::tools::inspect
