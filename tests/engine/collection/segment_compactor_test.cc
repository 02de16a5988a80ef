// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/segment_compactor.h"

#include <doctest/doctest.h>

#include "engine/collection/collection_core.h"
#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {
namespace {

using Positions = std::vector<size_t>;

EngineTuning Tuning() {
  EngineTuning tuning;
  tuning.dead_share_max = 0.2;
  tuning.tier_segments = 3;
  tuning.tier_factor = 4;
  tuning.compaction_rows_max = 1'000;
  return tuning;
}

Positions Plan(const std::vector<SegmentSize>& segments, RewriteGoal goal) {
  return PlanRewrite(segments, Tuning(), goal);
}

TEST_CASE("in the background only worthwhile rewrites are planned") {
  const auto plan = [](const std::vector<SegmentSize>& segments) {
    return Plan(segments, RewriteGoal::kWorthwhile);
  };
  CHECK(plan({}).empty());
  CHECK(plan({{.rows = 100, .dead_rows = 20}}).empty());
  CHECK(plan({{.rows = 100, .dead_rows = 20}, {.rows = 100, .dead_rows = 21}}) == Positions{1});
  CHECK(plan({{.rows = 100, .index_missing = true}}) == Positions{0});
  CHECK(plan({{.rows = 20}, {.rows = 20}}).empty());
  CHECK(plan({{.rows = 20}, {.rows = 300}, {.rows = 20}, {.rows = 21}}) == Positions{0, 2, 3});
  CHECK(plan({{.rows = 20}, {.rows = 100}, {.rows = 20}, {.rows = 300}}).empty());
  CHECK(plan({{.rows = 600}, {.rows = 600}, {.rows = 600}}).empty());
  CHECK(plan({{.rows = 0}}).empty());
}

TEST_CASE("optimize plans until no dead rows and no mergeable segments are left") {
  const auto plan = [](const std::vector<SegmentSize>& segments) {
    return Plan(segments, RewriteGoal::kComplete);
  };
  CHECK(plan({}).empty());
  CHECK(plan({{.rows = 100}}).empty());
  CHECK(plan({{.rows = 100, .dead_rows = 1}}) == Positions{0});
  CHECK(plan({{.rows = 400}, {.rows = 20}, {.rows = 700}}) == Positions{1, 0});
  CHECK(plan({{.rows = 600}, {.rows = 600}}).empty());
  CHECK(plan({{.rows = 600}, {.rows = 600, .dead_rows = 5}}) == Positions{1});
  CHECK(plan({{.rows = 2'000, .index_missing = true}}) == Positions{0});
}

TEST_CASE("a rewrite drops dead rows, keeps the others and comes to rest") {
  storage::SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  const auto docs = MustCreate(*database, "docs");
  for (int64_t value = 1; value <= 3; ++value) {
    REQUIRE(docs->Upsert(PlaneUpsert(static_cast<uint64_t>(value), 10, value)).ok());
    REQUIRE(docs->Flush().ok());
  }
  const auto before = Content(*docs);
  CHECK(docs->Describe()->segments_sealed == 3);
  CHECK(docs->Describe()->rows_deleted == 18);
  REQUIRE(docs->Optimize().ok());
  CHECK(docs->Describe()->segments_sealed == 1);
  CHECK(docs->Describe()->rows_deleted == 0);
  CHECK(Content(*docs) == before);
  CHECK(*RewriteSegments(docs, RewriteGoal::kComplete) == false);
}

TEST_CASE("segments all of whose rows are dead leave no file behind") {
  storage::SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  const auto docs = MustCreate(*database, "docs");
  REQUIRE(docs->Upsert(PlaneUpsert(1, 4, 1)).ok());
  REQUIRE(docs->Flush().ok());
  REQUIRE(docs->Delete({.ids = {1, 2, 3, 4}}).ok());
  REQUIRE(docs->Optimize().ok());
  CHECK(docs->Describe()->segments_sealed == 0);
  CHECK(Content(*docs).empty());
  for (const std::string& file : disk.Files()) {
    CHECK(file.find("/seg/") == std::string::npos);
    CHECK(file.find("/del/") == std::string::npos);
  }
}

TEST_CASE("a graph that replay left out is built afterwards") {
  storage::SimulatedFileSystem disk;
  {
    EngineTuning large = SmallTuning();
    large.growing_bytes_max = 1 << 20;
    const auto database = MustOpen(disk, SmallOptions(), large);
    const auto docs = MustCreate(*database, "docs");
    for (uint64_t first = 0; first < 400; first += 100) {
      REQUIRE(docs->Upsert(PlaneUpsert(first, 100, 1)).ok());
    }
  }
  // Replay seals with the small sizes, without graphs.
  const auto database = MustOpen(disk);
  const auto docs = MustFind(*database, "docs");
  REQUIRE(docs->Flush().ok());
  CHECK(docs->Describe()->vectors[0].vectors_unindexed > 0);
  REQUIRE(docs->Optimize().ok());
  CHECK(docs->Describe()->vectors[0].vectors_unindexed == 0);
  CHECK(Content(*docs).size() == 400);
}

}  // namespace
}  // namespace perigee::engine
