// SPDX-License-Identifier: Apache-2.0
#include "client/wire/wire_status_report.h"

#include <capnp/message.h>
#include <doctest/doctest.h>

#include "tests/client/wire/random_values.h"
#include "tests/support/test_seed.h"

namespace perigee::wire {
namespace {

void CheckEqual(const CollectionDescription& a, const CollectionDescription& b) {
  CHECK(a.name == b.name);
  CHECK(a.uuid == b.uuid);
  CHECK(a.schema == b.schema);
  CHECK(a.points == b.points);
  CHECK(a.rows_deleted == b.rows_deleted);
  CHECK(a.segments_growing == b.segments_growing);
  CHECK(a.segments_sealing == b.segments_sealing);
  CHECK(a.segments_sealed == b.segments_sealed);
  REQUIRE(a.vectors.size() == b.vectors.size());
  for (size_t i = 0; i < a.vectors.size(); ++i) {
    CHECK(a.vectors[i].name == b.vectors[i].name);
    CHECK(a.vectors[i].vectors == b.vectors[i].vectors);
    CHECK(a.vectors[i].vectors_unindexed == b.vectors[i].vectors_unindexed);
  }
  CHECK(a.memory_bytes == b.memory_bytes);
  CHECK(a.disk_bytes == b.disk_bytes);
  CHECK(a.applied_seq == b.applied_seq);
  CHECK(a.state == b.state);
}

void CheckEqual(const ScrubStatus& a, const ScrubStatus& b) {
  CHECK(a.state == b.state);
  CHECK(a.bytes_per_second == b.bytes_per_second);
  CHECK(a.bytes_total == b.bytes_total);
  CHECK(a.bytes_verified == b.bytes_verified);
  CHECK(a.last_full_pass_ms == b.last_full_pass_ms);
  CHECK(a.damages_found == b.damages_found);
  REQUIRE(a.segments.size() == b.segments.size());
  for (size_t i = 0; i < a.segments.size(); ++i) {
    CHECK(a.segments[i].collection == b.segments[i].collection);
    CHECK(a.segments[i].segment == b.segments[i].segment);
    CHECK(a.segments[i].bytes == b.segments[i].bytes);
    CHECK(a.segments[i].verified_at_ms == b.segments[i].verified_at_ms);
    CHECK(a.segments[i].damage == b.segments[i].damage);
  }
}

TEST_CASE("status reports survive the wire") {
  const uint64_t seed = tests::TestSeed(7);
  CAPTURE(seed);
  RandomValues random(seed);
  for (int i = 0; i < 50; ++i) {
    const DatabaseStatus expected = random.Status();
    capnp::MallocMessageBuilder message;
    auto root = message.initRoot<schema::DatabaseStatus>();
    EncodeDatabaseStatus(expected, root);
    const auto decoded = DecodeDatabaseStatus(root.asReader());
    REQUIRE(decoded.ok());
    CHECK(decoded->uuid == expected.uuid);
    CHECK(decoded->version == expected.version);
    CHECK(decoded->epoch == expected.epoch);
    CHECK(decoded->read_only == expected.read_only);
    CHECK(decoded->io_backend == expected.io_backend);
    CHECK(decoded->simd == expected.simd);
    CHECK(decoded->durability == expected.durability);
    CHECK(decoded->seq == expected.seq);
    CHECK(decoded->as_of_seq == expected.as_of_seq);
    CHECK(decoded->log_bytes == expected.log_bytes);
    CHECK(decoded->log_files == expected.log_files);
    CHECK(decoded->disk_free_bytes == expected.disk_free_bytes);
    CHECK(decoded->storage_error == expected.storage_error);
    CHECK(decoded->warnings == expected.warnings);
    CheckEqual(decoded->scrub, expected.scrub);
    REQUIRE(decoded->collections.size() == expected.collections.size());
    for (size_t j = 0; j < expected.collections.size(); ++j) {
      CheckEqual(decoded->collections[j], expected.collections[j]);
    }
  }
}

TEST_CASE("a snapshot report survives the wire") {
  const SnapshotReport report = {
      .database_uuid = "u", .epoch = 1, .seq = 2, .files = 3, .bytes = 4, .bytes_copied = 5};
  capnp::MallocMessageBuilder message;
  EncodeSnapshotReport(report, message.initRoot<schema::SnapshotReport>());
  const auto back = DecodeSnapshotReport(message.getRoot<schema::SnapshotReport>().asReader());
  REQUIRE(back.ok());
  CHECK(*back == report);
}

TEST_CASE("more collections or segments than there can be are refused") {
  capnp::MallocMessageBuilder message;
  auto root = message.initRoot<schema::DatabaseStatus>();
  CHECK(!DecodeDescriptions(root.initCollections(10'001).asReader()).ok());
  root.initScrub().initSegments(20'001);
  CHECK(!DecodeDatabaseStatus(root.asReader()).ok());
}

}  // namespace
}  // namespace perigee::wire
