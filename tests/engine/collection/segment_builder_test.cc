// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/segment_builder.h"

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <vector>

#include "engine/collection/growing_segment.h"
#include "engine/collection/sealed_segment.h"
#include "tests/engine/collection/segment_fixture.h"
#include "tests/support/test_seed.h"

namespace perigee::engine {
namespace {

std::shared_ptr<GrowingSegment> GrowingOf(uint64_t first, uint64_t count) {
  Random random(first + 1);
  const auto segment = GrowingSegment::Create(MixedSchema(), {});
  for (uint64_t i = first; i < first + count; ++i) {
    segment->Append(StoredRow(RandomPoint(random, IdOf(i)), segment->schema()).image(), i + 1);
  }
  return segment;
}

std::shared_ptr<SealedSegment> BuildAndOpen(storage::FileSystem& disk, const std::string& path,
                                            const std::vector<const RowSource*>& sources,
                                            uint64_t horizon_lsn) {
  const auto schema = MixedSchema();
  SegmentBuildOptions options = BuildOptions(disk, path, *schema);
  options.horizon_lsn = horizon_lsn;
  const auto built = BuildSegment(sources, options);
  REQUIRE_MESSAGE(built.ok(), built.status().ToString());
  const auto segment = OpenSegment(disk, path, schema);
  REQUIRE_MESSAGE(segment.ok(), segment.status().ToString());
  CHECK((*segment)->problems().empty());
  return *segment;
}

TEST_SUITE("segment_builder") {
  TEST_CASE("the same rows give the same bytes") {
    storage::SimulatedFileSystem disk;
    const auto schema = MixedSchema();
    const auto one = GrowingOf(0, 150);
    const auto two = GrowingOf(1'000, 100);
    const std::vector<const RowSource*> sources = {one.get(), two.get()};
    REQUIRE(BuildSegment(sources, BuildOptions(disk, "/a", *schema)).ok());
    REQUIRE(BuildSegment(sources, BuildOptions(disk, "/b", *schema)).ok());
    CHECK(FileBytes(disk, "/a") == FileBytes(disk, "/b"));
    // And so does building from what was built.
    const auto opened = OpenSegment(disk, "/a", schema);
    REQUIRE(opened.ok());
    const std::vector<const RowSource*> again = {opened->get()};
    REQUIRE(BuildSegment(again, BuildOptions(disk, "/c", *schema)).ok());
    CHECK(FileBytes(disk, "/a") == FileBytes(disk, "/c"));
  }

  TEST_CASE("rows dead at the horizon are left out, later deaths are carried over") {
    storage::SimulatedFileSystem disk;
    const auto growing = GrowingOf(0, 100);
    growing->MarkDead(10, 200);
    growing->MarkDead(20, 201);
    growing->MarkDead(30, 202);
    const auto schema = MixedSchema();
    SegmentBuildOptions options = BuildOptions(disk, "/a", *schema);
    options.horizon_lsn = 201;
    const std::vector<const RowSource*> sources = {growing.get()};
    const auto built = BuildSegment(sources, options);
    REQUIRE(built.ok());
    CHECK(built->row_count == 98);
    CHECK(built->rows_dropped == 2);
    CHECK(built->min_lsn == 1);
    CHECK(built->max_lsn == 100);
    const auto opened = OpenSegment(disk, "/a", schema);
    REQUIRE(opened.ok());
    SealedSegment& sealed = **opened;
    CHECK(sealed.deletions().dead_count() == 0);
    CHECK(sealed.FindRow(growing->EncodedId(10)) == std::nullopt);
    CHECK(sealed.FindLive(growing->EncodedId(30)).has_value());
    growing->MarkDead(40, 203);  // while the file was built
    CarryDeaths(*growing, 201, sealed);
    CHECK(sealed.deletions().dead_count() == 2);
    CHECK(sealed.DeadLsn(*sealed.FindRow(growing->EncodedId(30))) == 202);
    CHECK(sealed.DeadLsn(*sealed.FindRow(growing->EncodedId(40))) == 203);

    // The same from a sealed source.
    const auto merged = BuildAndOpen(disk, "/b", {&sealed}, 202);
    CHECK(merged->row_count() == 97);
    sealed.MarkDead(0, 204);
    CarryDeaths(sealed, 202, *merged);
    CHECK(merged->deletions().dead_count() == 2);
    CHECK(merged->DeadLsn(*merged->FindRow(growing->EncodedId(40))) == 203);
    CHECK(merged->DeadLsn(*merged->FindRow(growing->EncodedId(0))) == 204);
  }

  TEST_CASE("the death of an older version is not that of the row that stays") {
    storage::SimulatedFileSystem disk;
    const auto growing = GrowingSegment::Create(MixedSchema(), {});
    const Point point{.id = "a", .vectors = {{"", std::vector<float>(8, 1.0F)}}};
    growing->Append(StoredRow(point, growing->schema()).image(), 1);
    growing->MarkDead(0, 5);
    growing->Append(StoredRow(point, growing->schema()).image(), 5);
    const auto sealed = BuildAndOpen(disk, "/a", {growing.get()}, 5);
    REQUIRE(sealed->row_count() == 1);
    CarryDeaths(*growing, 4, *sealed);  // an older horizon must do no harm
    CHECK(sealed->deletions().dead_count() == 0);
  }

  TEST_CASE("rows of several sources keep their order and their LSNs") {
    storage::SimulatedFileSystem disk;
    const auto one = GrowingOf(100, 40);
    const auto two = GrowingOf(0, 50);
    const auto sealed = BuildAndOpen(disk, "/a", {one.get(), two.get()}, 0);
    REQUIRE(sealed->row_count() == 90);
    for (uint32_t row = 0; row < 90; ++row) {
      const RowSource& source = row < 40 ? *one : *two;
      const uint32_t from = row < 40 ? row : row - 40;
      REQUIRE(sealed->Lsn(row) == source.Lsn(from));
      REQUIRE(PointOfRow(*sealed, row, sealed->schema()) ==
              PointOfRow(source, from, sealed->schema()));
    }
  }

  TEST_CASE("nothing alive: no file") {
    storage::SimulatedFileSystem disk;
    const auto schema = MixedSchema();
    const auto growing = GrowingOf(0, 2);
    growing->MarkDead(0, 9);
    growing->MarkDead(1, 9);
    SegmentBuildOptions options = BuildOptions(disk, "/a", *schema);
    options.horizon_lsn = 9;
    const std::vector<const RowSource*> sources = {growing.get()};
    const auto built = BuildSegment(sources, options);
    REQUIRE(built.ok());
    CHECK(built->row_count == 0);
    CHECK(built->rows_dropped == 2);
    CHECK(disk.Stat("/a").status().code() == absl::StatusCode::kNotFound);
  }

  TEST_CASE("two live rows of one id are refused") {
    storage::SimulatedFileSystem disk;
    const auto schema = MixedSchema();
    const auto one = GrowingOf(0, 5);
    const auto two = GrowingOf(4, 5);
    const std::vector<const RowSource*> sources = {one.get(), two.get()};
    CHECK(BuildSegment(sources, BuildOptions(disk, "/a", *schema)).status().code() ==
          absl::StatusCode::kInternal);
  }

  TEST_CASE("graphs from a number of vectors on") {
    storage::SimulatedFileSystem disk;
    const auto schema = MixedSchema();
    const auto growing = GrowingOf(0, 100);
    const std::vector<const RowSource*> sources = {growing.get()};
    SegmentBuildOptions options = BuildOptions(disk, "/none", *schema);
    options.index_rows_min = kIndexRowsMin;
    REQUIRE(BuildSegment(sources, options).ok());
    const auto without = OpenSegment(disk, "/none", schema);
    REQUIRE(without.ok());
    options.path = "/some";
    // More than the rows that have a title, fewer than those with the unnamed vector.
    options.index_rows_min = static_cast<uint32_t>((*without)->vector_count(1) + 1);
    REQUIRE((*without)->vector_count(0) >= options.index_rows_min);
    REQUIRE(BuildSegment(sources, options).ok());
    const auto some = OpenSegment(disk, "/some", schema);
    REQUIRE(some.ok());
    for (size_t ordinal = 0; ordinal < 3; ++ordinal) {
      CHECK((*without)->index_state(ordinal) == DerivedState::kAbsent);
    }
    CHECK((*some)->index_state(0) == DerivedState::kReady);
    CHECK((*some)->index_state(1) == DerivedState::kAbsent);
  }

  TEST_CASE("progress goes through the stages and ends complete") {
    storage::SimulatedFileSystem disk;
    const auto schema = MixedSchema();
    const auto growing = GrowingOf(0, 200);
    std::vector<SegmentBuildProgress> reports;
    SegmentBuildOptions options = BuildOptions(disk, "/a", *schema);
    options.on_progress = [&reports](const SegmentBuildProgress& progress) {
      reports.push_back(progress);
    };
    const std::vector<const RowSource*> sources = {growing.get()};
    REQUIRE(BuildSegment(sources, options).ok());
    REQUIRE(reports.size() >= 3);
    CHECK(reports.front().stage == SegmentBuildStage::kWriting);
    CHECK(reports.back().stage == SegmentBuildStage::kVerifying);
    bool indexed_all = false;
    for (size_t i = 0; i < reports.size(); ++i) {
      CHECK(reports[i].done <= reports[i].total);
      CHECK((i == 0 || reports[i].stage >= reports[i - 1].stage));
      indexed_all = indexed_all || (reports[i].stage == SegmentBuildStage::kIndexing &&
                                    reports[i].done == reports[i].total);
    }
    CHECK(indexed_all);
  }

  TEST_CASE("cancelled in every stage") {
    const auto schema = MixedSchema();
    const auto growing = GrowingOf(0, 200);
    const std::vector<const RowSource*> sources = {growing.get()};
    for (const SegmentBuildStage stage :
         {SegmentBuildStage::kWriting, SegmentBuildStage::kIndexing}) {
      storage::SimulatedFileSystem disk;
      std::atomic<bool> cancelled{false};
      SegmentBuildOptions options = BuildOptions(disk, "/a", *schema);
      options.cancellation = Cancellation::OnFlag(&cancelled);
      options.on_progress = [&](const SegmentBuildProgress& progress) {
        if (progress.stage == stage) {
          cancelled = true;
        }
      };
      CHECK(BuildSegment(sources, options).status().code() == absl::StatusCode::kCancelled);
    }
  }

  TEST_CASE("any failing call fails the build and nothing else") {
    const auto schema = MixedSchema();
    const auto growing = GrowingOf(0, 60);
    const std::vector<const RowSource*> sources = {growing.get()};
    uint64_t calls = 0;
    {
      storage::SimulatedFileSystem disk;
      REQUIRE(BuildSegment(sources, BuildOptions(disk, "/a", *schema)).ok());
      calls = disk.calls();
    }
    REQUIRE(calls > 3);
    for (uint64_t call = 1; call <= calls; ++call) {
      storage::SimulatedFileSystem disk;
      disk.AddErrorPlan({.call_number = call, .kind = std::nullopt, .path_contains = {}});
      const auto built = BuildSegment(sources, BuildOptions(disk, "/a", *schema));
      CAPTURE(call);
      CHECK(disk.planned_failures() == 1);
      CHECK_FALSE(built.ok());
    }
  }

  TEST_CASE("a file that is there already is not overwritten") {
    storage::SimulatedFileSystem disk;
    const auto schema = MixedSchema();
    const auto growing = GrowingOf(0, 3);
    const std::vector<const RowSource*> sources = {growing.get()};
    REQUIRE(BuildSegment(sources, BuildOptions(disk, "/a", *schema)).ok());
    CHECK(BuildSegment(sources, BuildOptions(disk, "/a", *schema)).status().code() ==
          absl::StatusCode::kAlreadyExists);
  }
}

}  // namespace
}  // namespace perigee::engine
