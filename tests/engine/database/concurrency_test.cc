// SPDX-License-Identifier: Apache-2.0
//
// Goal: readers see whole writes of one moment while writers, sealing, compaction, bulk load and
// drops go on, and nothing races (run it under ThreadSanitizer). Method: each writer keeps its own
// group of points at one common value by atomic batches; a reader that ever sees two values in a
// group, or a missing point, has seen half a write.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "engine/database/bulk_load.h"
#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {
namespace {

using storage::SimulatedFileSystem;

constexpr uint64_t kGroupPoints = 20;
constexpr int64_t kRounds = 40;

uint64_t FirstOf(uint64_t writer) { return writer * 1'000 + 1; }

void CheckWholeGroups(const CollectionCore& collection, uint64_t writers) {
  const auto hits =
      collection.Query({.target = std::vector<float>{0, 0}, .limit = 10'000, .exact = true});
  REQUIRE_MESSAGE(hits.ok(), hits.status().ToString());
  std::map<uint64_t, std::map<int64_t, uint64_t>> groups;
  for (const ScoredPoint& hit : hits->hits) {
    const int64_t value = *FindMember(*hit.payload, "value")->As<int64_t>();
    ++groups[hit.id.integer() / 1'000][value];
  }
  REQUIRE(groups.size() == writers);
  for (const auto& [writer, values] : groups) {
    REQUIRE(values.size() == 1);
    REQUIRE(values.begin()->second == kGroupPoints);
  }
}

TEST_SUITE("concurrency") {
  TEST_CASE("readers see whole batches while everything goes on") {
    SimulatedFileSystem disk;
    OpenOptions options = SmallOptions();
    options.maintenance_threads = 2;
    EngineTuning tuning = SmallTuning();
    tuning.growing_bytes_max = 8 << 10;
    tuning.tier_segments = 2;
    tuning.log_preallocation = true;
    tuning.durable_mark_after = absl::Milliseconds(1);
    const auto database = MustOpen(disk, options, tuning);
    const auto docs = MustCreate(*database, "docs");
    constexpr uint64_t kWriters = 3;
    for (uint64_t writer = 0; writer < kWriters; ++writer) {
      REQUIRE(docs->Upsert(PlaneUpsert(FirstOf(writer), kGroupPoints, 0)).ok());
    }
    std::atomic<uint64_t> writing = kWriters;
    std::vector<std::thread> threads;
    for (uint64_t writer = 0; writer < kWriters; ++writer) {
      threads.emplace_back([&, writer] {
        for (int64_t round = 1; round <= kRounds; ++round) {
          const auto written = docs->Upsert(PlaneUpsert(FirstOf(writer), kGroupPoints, round));
          CHECK_MESSAGE(written.ok(), written.status().ToString());
          GetRequest get{.ids = {PointId(FirstOf(writer))}};
          get.with_vectors.kind = VectorSelector::Kind::kAll;
          const auto mine = docs->Get(get);
          CHECK(mine->points[0] == PlanePoint(FirstOf(writer), round));
        }
        writing.fetch_sub(1);
      });
    }
    for (int reader = 0; reader < 2; ++reader) {
      threads.emplace_back([&] {
        while (writing.load() > 0) {
          CheckWholeGroups(*docs, kWriters);
        }
      });
    }
    threads.emplace_back([&] {
      while (writing.load() > 0) {
        CHECK(docs->Optimize().ok());
        CHECK(database->Status().ok());
      }
    });
    threads.emplace_back([&] {
      for (int64_t round = 0; writing.load() > 0; ++round) {
        const auto other = MustCreate(*database, "other");
        BulkLoad load(other, {.build_threads = 2, .segment_rows_max = 30});
        for (uint64_t id = 0; id < 60; ++id) {
          CHECK(load.Add(PlanePoint(id, round)).ok());
        }
        CHECK(load.Publish().ok());
        CHECK(other->Count({})->count == 60);
        CHECK(database->DropCollection("other").ok());
      }
    });
    for (std::thread& thread : threads) {
      thread.join();
    }
    CheckWholeGroups(*docs, kWriters);
    REQUIRE(database->Close().ok());
    const auto reopened = MustOpen(disk, options, tuning);
    const auto content = Content(*MustFind(*reopened, "docs"));
    CHECK(content.size() == kWriters * kGroupPoints);
    CHECK(content.at(FirstOf(0)) == kRounds);
  }

  TEST_CASE("closing while others write and read is safe") {
    SimulatedFileSystem disk;
    OpenOptions options = SmallOptions();
    options.maintenance_threads = 1;
    for (int attempt = 0; attempt < 10; ++attempt) {
      const auto database = MustOpen(disk, options);
      const auto docs = attempt == 0 ? MustCreate(*database, "docs") : MustFind(*database, "docs");
      std::atomic<int64_t> acknowledged = 0;
      std::thread writer([&] {
        for (int64_t value = 1; docs->Upsert(PlaneUpsert(1, 50, value)).ok(); ++value) {
          acknowledged.store(value);
        }
      });
      std::thread reader([&] {
        while (docs->Count({}).ok()) {
        }
      });
      while (acknowledged.load() < 5) {
        std::this_thread::yield();
      }
      CHECK(database->Close().ok());
      writer.join();
      reader.join();
      const auto reopened = MustOpen(disk, options);
      CHECK(Content(*MustFind(*reopened, "docs")).at(1) >= acknowledged.load());
    }
  }
}

}  // namespace
}  // namespace perigee::engine
