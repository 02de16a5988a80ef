// SPDX-License-Identifier: Apache-2.0
#include "engine/database/database_maintenance.h"

#include <doctest/doctest.h>

#include <functional>
#include <thread>

#include "storage/foundation/error_reason.h"
#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {
namespace {

using storage::SimulatedFileSystem;

OpenOptions WithThreads() {
  OpenOptions options = SmallOptions();
  options.maintenance_threads = 1;
  return options;
}

void WaitUntil(const std::function<bool()>& condition) {
  while (!condition()) {
    std::this_thread::yield();
  }
}

TEST_SUITE("concurrency") {
  TEST_CASE("full segments are sealed in the background") {
    SimulatedFileSystem disk;
    const auto database = MustOpen(disk, WithThreads());
    const auto docs = MustCreate(*database, "docs");
    for (int64_t value = 1; value <= 10; ++value) {
      REQUIRE(docs->Upsert(PlaneUpsert(1, 100, value)).ok());
    }
    WaitUntil([&] { return docs->state().frozen_count() == 0; });
    CHECK(docs->Describe()->segments_sealed > 0);
    CHECK(Content(*docs).size() == 100);
    CHECK(Content(*docs).at(1) == 10);
  }

  TEST_CASE("segments of dead rows are rewritten in the background") {
    SimulatedFileSystem disk;
    const auto database = MustOpen(disk, WithThreads());
    const auto docs = MustCreate(*database, "docs");
    REQUIRE(docs->Upsert(PlaneUpsert(1, 50, 1)).ok());
    REQUIRE(docs->Flush().ok());
    REQUIRE(docs->Upsert(PlaneUpsert(1, 40, 2)).ok());
    docs->state().Freeze();
    docs->environment().wake_maintenance();
    WaitUntil([&] { return docs->Describe()->rows_deleted == 0; });
    CHECK(Content(*docs).size() == 50);
  }

  TEST_CASE("a log that grows too large is freed by sealing all that it holds") {
    SimulatedFileSystem disk;
    OpenOptions options = WithThreads();
    options.log_bytes_max = 1;  // raised to four files of 64 KiB
    EngineTuning tuning = SmallTuning();
    tuning.growing_bytes_max = 1 << 30;
    const auto database = MustOpen(disk, options, tuning);
    const auto small = MustCreate(*database, "small");
    REQUIRE(small->Upsert(PlaneUpsert(1, 2, 1)).ok());
    const auto deaths = MustCreate(*database, "deaths");
    REQUIRE(deaths->Upsert(PlaneUpsert(1, 2, 1)).ok());
    REQUIRE(deaths->Flush().ok());
    REQUIRE(deaths->Delete({.ids = {PointId(uint64_t{1})}}).ok());
    const auto busy = MustCreate(*database, "busy");
    for (int64_t value = 1; value <= 60; ++value) {
      REQUIRE(busy->Upsert(PlaneUpsert(1, 200, value)).ok());
    }
    WaitUntil([&] { return small->Describe()->segments_sealed == 1; });
    WaitUntil([&] { return database->Status()->log_bytes <= 5 * (64 << 10); });
    CHECK(Content(*busy).at(1) == 60);
    CHECK(Content(*deaths).size() == 1);
  }

  TEST_CASE("the log never exceeds its bound: writes wait for seals, or are refused") {
    constexpr uint64_t kBound = 2 * 4 * (64 << 10);
    SimulatedFileSystem disk;
    OpenOptions options = SmallOptions();
    options.log_bytes_max = 1;  // raised to four files of 64 KiB
    EngineTuning tuning = SmallTuning();
    tuning.growing_bytes_max = 1 << 30;
    uint64_t rows = 0;
    {
      const auto database = MustOpen(disk, options, tuning);
      const auto docs = MustCreate(*database, "docs");
      const auto other = MustCreate(*database, "other");
      absl::Status refusal;
      while (refusal.ok()) {
        refusal = docs->Upsert(PlaneUpsert(1 + rows, 100, 1)).status();
        rows += refusal.ok() ? 100 : 0;
        REQUIRE(database->Status()->log_bytes <= kBound);
      }
      CHECK(GetErrorReason(refusal) == ErrorReason::kOverloaded);
      CHECK(std::string(refusal.message()).find("log_bytes_max") != std::string::npos);
      CHECK(rows > 100);
      CHECK(other->Upsert(PlaneUpsert(1, 1, 1)).status().code() ==
            absl::StatusCode::kResourceExhausted);
      CHECK(docs->Delete({.ids = {PointId(uint64_t{1})}}).status().code() ==
            absl::StatusCode::kResourceExhausted);
      REQUIRE(docs->Flush().ok());
      CHECK(database->Status()->log_bytes < kBound / 2);
      REQUIRE(docs->Upsert(PlaneUpsert(1 + rows, 100, 1)).ok());
      rows += 100;
    }
    options.maintenance_threads = 1;
    const auto database = MustOpen(disk, options, tuning);
    const auto docs = MustFind(*database, "docs");
    CHECK(docs->Count({})->count == rows);
    for (int i = 0; i < 100; ++i) {
      REQUIRE(docs->Upsert(PlaneUpsert(1 + rows, 100, 1)).ok());
      rows += 100;
      REQUIRE(database->Status()->log_bytes <= kBound);
    }
    CHECK(docs->Count({})->count == rows);
  }

  TEST_CASE("a seal that keeps failing ends writing, a full disk only delays it") {
    SimulatedFileSystem disk;
    EngineTuning tuning = SmallTuning();
    tuning.growing_bytes_max = 1;
    tuning.seal_retry_pauses = {absl::Milliseconds(1)};
    const auto database = MustOpen(disk, WithThreads(), tuning);
    const auto docs = MustCreate(*database, "docs");
    disk.AddErrorPlan({.path_contains = "tmp/seg", .error_number = ENOSPC, .forever = true});
    REQUIRE(docs->Upsert(PlaneUpsert(1, 1, 1)).ok());
    REQUIRE(docs->Upsert(PlaneUpsert(2, 1, 1)).ok());
    WaitUntil([&] { return disk.planned_failures() > 5; });
    CHECK(database->environment().state.storage_error().ok());
    disk.ClearErrorPlans();
    WaitUntil([&] { return docs->state().frozen_count() == 0; });
    disk.AddErrorPlan({.path_contains = "tmp/seg", .forever = true});
    REQUIRE(docs->Upsert(PlaneUpsert(3, 1, 1)).ok());
    WaitUntil([&] { return !database->environment().state.storage_error().ok(); });
    CHECK(GetErrorReason(docs->Upsert(PlaneUpsert(4, 1, 1)).status()) ==
          ErrorReason::kStorageFailed);
    CHECK(Content(*docs).size() == 3);
  }
}

}  // namespace
}  // namespace perigee::engine
