// SPDX-License-Identifier: Apache-2.0
#include "engine/database/database_snapshot.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "engine/database/bulk_load.h"
#include "engine/database/snapshot_restore.h"
#include "storage/foundation/error_reason.h"
#include "tests/engine/database/database_fixture.h"
#include "tests/support/simulated_file_system.h"

namespace perigee::engine {
namespace {

using storage::SimulatedFileSystem;
using Points = std::map<uint64_t, int64_t>;

const std::string kSnapshot = "/snapshot";
const std::string kRestored = "/restored";

std::shared_ptr<DatabaseCore> MustOpenAt(SimulatedFileSystem& disk, const std::string& path) {
  OpenOptions options = SmallOptions();
  options.create_if_missing = false;
  auto database = DatabaseCore::Open(disk, path, options, SmallTuning());
  REQUIRE_MESSAGE(database.ok(), database.status().ToString());
  return *std::move(database);
}

Points Restored(SimulatedFileSystem& disk) {
  const auto report = RestoreOn(disk, kSnapshot, kRestored, {});
  REQUIRE_MESSAGE(report.ok(), report.status().ToString());
  return Content(*MustFind(*MustOpenAt(disk, kRestored), "a"));
}

TEST_CASE("a snapshot holds segments, deletions and the tail of the log, and no later write") {
  SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  const auto a = MustCreate(*database, "a");
  REQUIRE(a->Upsert(PlaneUpsert(1, 100, 1)).ok());
  REQUIRE(a->Flush().ok());
  REQUIRE(a->Delete({.ids = {PointId(uint64_t{5}), PointId(uint64_t{6})}}).ok());
  REQUIRE(a->Flush().ok());
  REQUIRE(a->Upsert(PlaneUpsert(50, 100, 2)).ok());
  REQUIRE(a->Delete({.ids = {PointId(uint64_t{7})}}).ok());
  const Points before = Content(*a);
  const uint64_t seq = database->Status()->seq;

  const auto report = database->CreateSnapshot(kSnapshot, {});
  REQUIRE_MESSAGE(report.ok(), report.status().ToString());
  CHECK(report->seq == seq);
  CHECK(report->database_uuid == database->Status()->uuid);
  CHECK(report->bytes > report->bytes_copied);  // segments are shared
  REQUIRE(a->Upsert(PlaneUpsert(1, 200, 3)).ok());
  REQUIRE(a->Optimize().ok());
  CHECK(Restored(disk) == before);

  const auto restored = MustOpenAt(disk, kRestored);
  const auto copy = MustFind(*restored, "a");
  const auto next = copy->Upsert(PlaneUpsert(1, 1, 9));
  REQUIRE(next.ok());
  CHECK(next->seq == seq + 1);
  CHECK(next->epoch > database->Status()->epoch + 1'000);
  CHECK(restored->Status()->uuid == database->Status()->uuid);
  CHECK(Content(*a).at(1) == 3);
}

TEST_CASE("a snapshot is taken of a database that was just opened, empty, or closed cleanly") {
  SimulatedFileSystem disk;
  {
    const auto database = MustOpen(disk);
    CHECK(database->CreateSnapshot("/empty", {}).ok());
    REQUIRE(MustCreate(*database, "a")->Upsert(PlaneUpsert(1, 3, 1)).ok());
    REQUIRE(database->Close().ok());
  }
  const auto database = MustOpen(disk);
  REQUIRE(database->CreateSnapshot(kSnapshot, {}).ok());
  CHECK(Restored(disk) == Points{{1, 1}, {2, 1}, {3, 1}});
  CHECK(RestoreOn(disk, "/empty", "/restored-empty", {}).ok());
  CHECK(MustOpenAt(disk, "/restored-empty")->ListCollections()->empty());
}

TEST_CASE("a bulk load whose record precedes its manifest edit is in the snapshot") {
  // Cut behind every change of a load: a snapshot of what the crash left must hold all of it.
  for (uint64_t cut = 0;; ++cut) {
    SimulatedFileSystem disk;
    bool finished = false;
    {
      const auto database = MustOpen(disk);
      const auto a = MustCreate(*database, "a");
      REQUIRE(a->Upsert(PlaneUpsert(1, 3, 1)).ok());
      disk.StopAfterChange(disk.changes() + cut);
      BulkLoad load(a, {});
      for (uint64_t id = 10; id < 30; ++id) {
        REQUIRE(load.Add(PlanePoint(id, 2)).ok());
      }
      finished = load.Publish().ok();
    }
    const auto crashed = disk.Crash(storage::CrashPolicy::kNothingUnsynced);
    const auto database = MustOpen(*crashed);
    const Points before = Content(*MustFind(*database, "a"));
    REQUIRE(database->CreateSnapshot(kSnapshot, {}).ok());
    CHECK(Restored(*crashed) == before);
    if (finished) {
      CHECK(before.size() == 23);
      return;
    }
  }
}

TEST_CASE("nothing is left when a snapshot is refused") {
  SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  const auto a = MustCreate(*database, "a");
  REQUIRE(a->Upsert(PlaneUpsert(1, 100, 1)).ok());
  REQUIRE(a->Flush().ok());
  CHECK(database->CreateSnapshot("/no/parent", {}).status().code() == absl::StatusCode::kNotFound);
  CHECK(database->CreateSnapshot(std::string(kTestDirectory), {}).status().code() ==
        absl::StatusCode::kAlreadyExists);
  SnapshotOptions stop;
  stop.on_progress = [](const SnapshotProgress& progress) {
    CHECK(progress.bytes_total >= progress.bytes_done);
    return false;
  };
  CHECK(database->CreateSnapshot(kSnapshot, stop).status().code() == absl::StatusCode::kCancelled);
  CHECK(disk.Stat(kSnapshot + ".unfinished").status().code() == absl::StatusCode::kNotFound);

  for (const std::string& path : disk.Files()) {
    if (path.find("seg/") != std::string::npos) {
      disk.Corrupt(path, 5'000, 1);
    }
  }
  CHECK(database->CreateSnapshot(kSnapshot, {}).status().code() == absl::StatusCode::kDataLoss);
  CHECK(disk.Stat(kSnapshot + ".unfinished").status().code() == absl::StatusCode::kNotFound);
  CHECK(disk.Stat(kSnapshot).status().code() == absl::StatusCode::kNotFound);
}

TEST_CASE("files that a snapshot needs stay while it is taken, and go afterwards") {
  SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  const auto a = MustCreate(*database, "a");
  for (int64_t round = 0; round < 4; ++round) {
    REQUIRE(a->Upsert(PlaneUpsert(1, 100, round)).ok());
    REQUIRE(a->Flush().ok());
  }
  const Points before = Content(*a);
  const auto count = [&disk] {
    size_t segments = 0;
    for (const std::string& path : disk.Files()) {
      segments += path.starts_with("db/seg/") ? 1 : 0;
    }
    return segments;
  };
  const size_t segments = count();
  bool compacted = false;
  SnapshotOptions options;
  options.on_progress = [&](const SnapshotProgress&) {
    if (!compacted) {
      compacted = true;
      CHECK(a->Optimize().ok());
      CHECK(count() >= segments);
    }
    return true;
  };
  const auto report = database->CreateSnapshot(kSnapshot, options);
  REQUIRE_MESSAGE(report.ok(), report.status().ToString());
  CHECK(compacted);
  CHECK(count() < segments);
  CHECK(Restored(disk) == before);
}

TEST_SUITE("concurrency") {
  TEST_CASE("a snapshot taken under writes is the state at its write") {
    SimulatedFileSystem disk;
    OpenOptions options = SmallOptions();
    options.maintenance_threads = 1;
    const auto database = MustOpen(disk, options);
    const auto a = MustCreate(*database, "a");
    absl::Mutex mutex;
    std::map<uint64_t, std::pair<uint64_t, int64_t>> writes;  // seq: id, value; value -1 deletes
    std::atomic<bool> stop = false;
    std::vector<std::thread> threads;
    for (uint64_t writer = 0; writer < 3; ++writer) {
      threads.emplace_back([&, writer] {
        for (int64_t value = 1; !stop.load() && value < 2'000; ++value) {
          const uint64_t id = writer * 100 + static_cast<uint64_t>(value) % 17;
          const bool deletes = value % 5 == 0;
          const auto result =
              deletes ? a->Delete({.ids = {PointId(id)}}) : a->Upsert(PlaneUpsert(id, 1, value));
          CHECK(result.ok());
          const absl::MutexLock lock(&mutex);
          writes[result->seq] = {id, deletes ? -1 : value};
        }
      });
    }
    std::vector<SnapshotReport> reports;
    for (int i = 0; i < 5; ++i) {
      const auto report = database->CreateSnapshot("/snapshot" + std::to_string(i), {});
      REQUIRE_MESSAGE(report.ok(), report.status().ToString());
      reports.push_back(*report);
    }
    stop = true;
    for (std::thread& thread : threads) {
      thread.join();
    }
    for (size_t i = 0; i < reports.size(); ++i) {
      Points expected;
      for (const auto& [seq, write] : writes) {
        if (seq > reports[i].seq) {
          break;
        }
        expected.erase(write.first);
        if (write.second != -1) {
          expected[write.first] = write.second;
        }
      }
      const std::string restored = "/restored" + std::to_string(i);
      const auto back = RestoreOn(disk, "/snapshot" + std::to_string(i), restored, {});
      REQUIRE_MESSAGE(back.ok(), back.status().ToString());
      CHECK(Content(*MustFind(*MustOpenAt(disk, restored), "a")) == expected);
    }
  }
}

}  // namespace
}  // namespace perigee::engine
