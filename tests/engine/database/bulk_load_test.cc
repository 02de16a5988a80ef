// SPDX-License-Identifier: Apache-2.0
#include "engine/database/bulk_load.h"

#include <doctest/doctest.h>

#include "storage/foundation/error_reason.h"
#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {
namespace {

using storage::SimulatedFileSystem;

struct Bench {
  Bench() : database(MustOpen(disk)), docs(MustCreate(*database, "docs")) {}

  SimulatedFileSystem disk;
  std::shared_ptr<DatabaseCore> database;
  std::shared_ptr<CollectionCore> docs;
};

void AddRows(BulkLoad& load, uint64_t first, uint64_t count, int64_t value) {
  for (uint64_t id = first; id < first + count; ++id) {
    REQUIRE(load.Add(PlanePoint(id, value)).ok());
  }
}

TEST_CASE("a load becomes visible as a whole, indexed, and replaces older points") {
  Bench bench;
  REQUIRE(bench.docs->Upsert(PlaneUpsert(1, 10, 1)).ok());
  REQUIRE(bench.docs->Flush().ok());
  REQUIRE(bench.docs->Upsert(PlaneUpsert(11, 10, 1)).ok());
  std::vector<BulkLoadStage> stages;
  BulkLoad load(bench.docs, {.build_threads = 2,
                             .segment_rows_max = 100,
                             .on_progress = [&stages](const BulkLoadProgress& progress) {
                               if (stages.empty() || stages.back() != progress.stage) {
                                 stages.push_back(progress.stage);
                               }
                             }});
  AddRows(load, 6, 250, 2);
  CHECK(Content(*bench.docs).size() == 20);
  const auto report = load.Publish();
  REQUIRE_MESSAGE(report.ok(), report.status().ToString());
  CHECK(report->rows == 250);
  CHECK(report->segments == 3);
  CHECK(report->bytes > 0);
  CHECK(report->seq == 4);
  CHECK(report->epoch == 1);
  CHECK(stages.back() == BulkLoadStage::kDone);
  const auto content = Content(*bench.docs);
  CHECK(content.size() == 255);
  CHECK(content.at(5) == 1);
  CHECK(content.at(6) == 2);
  CHECK(bench.docs->Describe()->vectors[0].vectors_unindexed == 5);
  const auto points = bench.docs->Query({.target = PointId(uint64_t{6})});
  REQUIRE(points.ok());
  CHECK(points->hits[0].version == 4);
  CHECK(load.Publish().status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(load.Add(PlanePoint(999, 1)).code() == absl::StatusCode::kFailedPrecondition);

  REQUIRE(bench.docs->Delete({.ids = {PointId(uint64_t{6})}}).ok());
  REQUIRE(bench.docs->Optimize().ok());
  CHECK(Content(*bench.docs).size() == 254);
  const auto crashed = bench.disk.Crash(storage::CrashPolicy::kNothingUnsynced);
  CHECK(Content(*MustFind(*MustOpen(*crashed), "docs")).size() == 254);
}

TEST_CASE("a bad row is refused and the load goes on") {
  Bench bench;
  BulkLoad load(bench.docs, {.memory_bytes_max = 1'000'000});
  AddRows(load, 1, 2, 1);
  CHECK(load.Add(PlanePoint(2, 5)).code() == absl::StatusCode::kAlreadyExists);
  Point wrong = PlanePoint(3, 1);
  wrong.vectors[""].push_back(1);
  CHECK(load.Add(wrong).code() == absl::StatusCode::kInvalidArgument);
  REQUIRE(load.Publish().ok());
  CHECK(Content(*bench.docs) == std::map<uint64_t, int64_t>{{1, 1}, {2, 1}});
}

TEST_CASE("more rows than memory allows are refused") {
  Bench bench;
  BulkLoad load(bench.docs, {.memory_bytes_max = 1});
  CHECK(load.Add(PlanePoint(1, 1)).code() == absl::StatusCode::kResourceExhausted);
}

TEST_CASE("an empty load publishes nothing") {
  Bench bench;
  const auto files = bench.disk.Files();
  const auto report = BulkLoad(bench.docs, {}).Publish();
  REQUIRE(report.ok());
  CHECK(report->segments == 0);
  CHECK(bench.disk.Files() == files);
}

TEST_CASE("a load that fails at any call is not visible and leaves no segment file") {
  bool finished = false;
  for (uint64_t skip = 0; !finished; ++skip) {
    CAPTURE(skip);
    Bench bench;
    bench.disk.AddErrorPlan({.path_contains = "seg", .skip = skip, .error_number = ENOSPC});
    BulkLoad load(bench.docs, {.build_threads = 1, .segment_rows_max = 5});
    AddRows(load, 1, 10, 1);
    const auto report = load.Publish();
    finished = bench.disk.planned_failures() == 0;
    REQUIRE((report.ok() || !finished));  // a read that fails once is read again
    bench.disk.ClearErrorPlans();
    CHECK(Content(*bench.docs).size() == (report.ok() ? 10 : 0));
    size_t segments = 0;
    for (const std::string& file : bench.disk.Files()) {
      segments += file.find("/seg") != std::string::npos ? 1 : 0;
    }
    if (bench.database->environment().state.storage_error().ok()) {
      CHECK(segments == (report.ok() ? 2 : 0));
    }
  }
}

TEST_CASE("a load into a collection that was dropped fails") {
  Bench bench;
  BulkLoad load(bench.docs, {});
  AddRows(load, 1, 2, 1);
  REQUIRE(bench.database->DropCollection("docs").ok());
  CHECK(load.Publish().status().code() == absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace perigee::engine
