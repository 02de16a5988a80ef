// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/named_segment.h"

#include <doctest/doctest.h>

#include <array>

#include "engine/collection/collection_core.h"
#include "storage/layout/file_names.h"
#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {
namespace {

struct Bench {
  Bench() : database(MustOpen(disk)), docs(MustCreate(*database, "docs")) {
    REQUIRE(docs->Upsert(PlaneUpsert(1, 3, 1)).ok());
    docs->state().Freeze();
    source = docs->state().OldestFrozen()->segment;
  }

  absl::StatusOr<NamedSegment> Build(uint64_t horizon_lsn) {
    const std::array<const RowSource*, 1> sources = {source.get()};
    return BuildNamedSegment(docs->environment(), docs->identity(), sources,
                             {.horizon_lsn = horizon_lsn});
  }
  absl::Status Open(const storage::SegmentEntry& entry) {
    return OpenNamedSegment(*docs->environment().directory, docs->identity().schema, entry)
        .status();
  }
  bool Exists(const storage::Uuid& uuid) {
    return disk.Contents("/db/" + storage::SegmentName(uuid)).ok();
  }

  storage::SimulatedFileSystem disk;
  std::shared_ptr<DatabaseCore> database;
  std::shared_ptr<CollectionCore> docs;
  std::shared_ptr<GrowingSegment> source;
};

TEST_CASE("a built segment has its name, is open, and can be removed again") {
  Bench bench;
  const auto named = bench.Build(2);
  REQUIRE_MESSAGE(named.ok(), named.status().ToString());
  CHECK(named->segment->row_count() == 3);
  CHECK(named->entry.row_count == 3);
  CHECK(named->entry.min_lsn == 2);
  CHECK(bench.Exists(named->entry.uuid));
  CHECK(bench.Open(named->entry).ok());
  RemoveUnpublished(bench.docs->environment(), named->entry.uuid);
  CHECK_FALSE(bench.Exists(named->entry.uuid));
  CHECK(bench.Open(named->entry).code() == absl::StatusCode::kNotFound);
}

TEST_CASE("a segment that is not the one the entry names does not open") {
  Bench bench;
  const storage::SegmentEntry entry = bench.Build(2)->entry;
  constexpr auto kDataLoss = absl::StatusCode::kDataLoss;
  storage::SegmentEntry other = entry;
  other.row_count = 4;
  CHECK(bench.Open(other).code() == kDataLoss);
  other = entry;
  other.file_bytes += 4096;
  CHECK(bench.Open(other).code() == kDataLoss);
  other = entry;
  other.root_checksum[0] ^= std::byte{1};
  CHECK(bench.Open(other).code() == kDataLoss);
  bench.disk.Corrupt("/db/" + storage::SegmentName(entry.uuid), 4096, 1);
  CHECK(bench.Open(entry).code() == kDataLoss);
}

TEST_CASE("when every row is dead there is no file") {
  Bench bench;
  REQUIRE(bench.docs->Delete({.ids = {1, 2, 3}}).ok());
  const auto named = bench.Build(3);
  REQUIRE(named.ok());
  CHECK(named->segment == nullptr);
}

TEST_CASE("a directory that cannot be flushed is a storage failure, a full disk is not") {
  Bench bench;
  bench.disk.AddErrorPlan({.kind = storage::CallKind::kWrite, .error_number = ENOSPC});
  CHECK(bench.Build(2).status().code() == absl::StatusCode::kResourceExhausted);
  CHECK(bench.docs->environment().state.storage_error().ok());
  bench.disk.AddErrorPlan({.kind = storage::CallKind::kSyncDirectory});
  CHECK_FALSE(bench.Build(2).ok());
  CHECK_FALSE(bench.docs->environment().state.storage_error().ok());
}

}  // namespace
}  // namespace perigee::engine
