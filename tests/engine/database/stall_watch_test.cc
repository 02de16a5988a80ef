// SPDX-License-Identifier: Apache-2.0
#include "engine/database/stall_watch.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <optional>
#include <set>

#include "absl/time/clock.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/log.h"
#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {
namespace {

void WaitUntil(const std::function<bool()>& condition) {
  while (!condition()) {
    absl::SleepFor(absl::Milliseconds(1));
  }
}

bool SaysStalled(const DatabaseStatus& status) {
  return std::any_of(status.warnings.begin(), status.warnings.end(),
                     [](const std::string& w) { return w.find("storage stalled") == 0; });
}

TEST_SUITE("concurrency") {
  TEST_CASE("U10: a call that hangs is told once, then ends writing; one that comes back is told") {
    absl::Mutex mutex;
    std::multiset<std::string> events;
    const auto count = [&](const char* event) {
      const absl::MutexLock lock(&mutex);
      return events.count(event);
    };
    SetLogSink([&](LogLevel, std::string_view event, std::string_view) {
      const absl::MutexLock lock(&mutex);
      events.emplace(event);
    });
    storage::IoWatch calls;
    std::atomic<int> failures{0};
    {
      StallWatch watch(calls,
                       {.stalled_after = absl::Milliseconds(5),
                        .failed_after = absl::Milliseconds(20),
                        .check_every = absl::Milliseconds(1)},
                       [&failures](const absl::Status& status) {
                         CHECK(status.message().find("sync") != absl::string_view::npos);
                         ++failures;
                       });
      CHECK(watch.stalled().empty());
      {
        const storage::IoWatch::Call call(&calls, "sync", storage::IoSite::Here());
        WaitUntil([&] { return !watch.stalled().empty(); });
        WaitUntil([&] { return failures.load() == 1; });
      }
      WaitUntil([&] { return watch.stalled().empty(); });
      {
        const storage::IoWatch::Call call(&calls, "sync", storage::IoSite::Here());
        WaitUntil([&] { return count("storage.stalled") == 2; });
      }
      WaitUntil([&] { return count("storage.answers") == 2; });
    }
    CHECK(failures.load() == 1);
    CHECK(count("storage.stalled") == 2);
    SetLogSink({});
  }

  TEST_CASE("U10: a database on a disk that hangs says so, and takes no writes in the end") {
    storage::SimulatedFileSystem disk;
    disk.EnableWatch();
    EngineTuning tuning = SmallTuning();
    tuning.io_stalled_after = absl::Milliseconds(5);
    tuning.io_failed_after = absl::Milliseconds(50);
    tuning.io_check_every = absl::Milliseconds(1);
    std::atomic<int> told{0};
    OpenOptions options = SmallOptions();
    options.on_storage_failed = [&told](const absl::Status&) { ++told; };
    const auto database = MustOpen(disk, options, tuning);
    const auto docs = MustCreate(*database, "docs");
    REQUIRE(docs->Upsert(PlaneUpsert(1, 2, 1)).ok());
    {
      const storage::IoWatch::Call call(disk.mutable_watch(), "read", storage::IoSite::Here());
      WaitUntil([&] { return SaysStalled(*database->Status()); });
      WaitUntil([&] { return told.load() == 1; });
    }
    CHECK(GetErrorReason(docs->Upsert(PlaneUpsert(3, 1, 1)).status()) ==
          ErrorReason::kStorageFailed);
    CHECK_FALSE(database->Status()->storage_error.empty());
    CHECK(Content(*docs).size() == 2);
    WaitUntil([&] { return !SaysStalled(*database->Status()); });
    CHECK(database->Close().ok());
  }
}

}  // namespace
}  // namespace perigee::engine
