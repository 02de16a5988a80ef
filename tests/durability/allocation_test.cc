// SPDX-License-Identifier: Apache-2.0
//
// Goal: a shortage of memory while a directory is decoded, replayed or read is a status, harms
// nothing on the disk, and is gone when there is memory again (docs/decisions/0014).
// Method: a directory with segments, deaths, indexes and a log to replay is opened again and again,
// each time with another allocation failing, alone or with the next; then it is opened with
// memory enough and compared. Queries, scrolls, gets and counts the same. The points are a sample;
// PERIGEE_TEST_INJECTIONS sets its size.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <string>

#include "absl/strings/numbers.h"
#include "tests/durability/allocation_failure.h"
#include "tests/durability/spared_file_system.h"
#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {
namespace {

using storage::SimulatedFileSystem;
using tests::AllocationFailure;
using tests::SparedFileSystem;

constexpr uint64_t kPointsByDefault = 3'600;

uint64_t PointsWanted() {
  const char* value = std::getenv("PERIGEE_TEST_INJECTIONS");
  uint64_t points = 0;
  return value != nullptr && absl::SimpleAtoi(value, &points) ? points : kPointsByDefault;
}

EngineTuning SealingTuning() {
  EngineTuning tuning = SmallTuning();
  tuning.growing_bytes_max = 6'000;
  tuning.frozen_segments_max = 100;
  return tuning;
}

// A directory whose opening decodes everything there is, and seals in the midst of replay.
std::unique_ptr<SimulatedFileSystem> Prepared(std::map<uint64_t, int64_t>& content) {
  auto disk = std::make_unique<SimulatedFileSystem>();
  const auto database = MustOpen(*disk, SmallOptions(), SealingTuning());
  for (const char* name : {"docs", "more", "most"}) {
    const auto docs = MustCreate(*database, name);
    REQUIRE(docs->Upsert(PlaneUpsert(1, 90, 1)).ok());
    REQUIRE(docs->Flush().ok());
    REQUIRE(docs->Upsert(PlaneUpsert(60, 20, 2)).ok());
    REQUIRE(docs->Delete({.ids = {PointId(uint64_t{3}), PointId(uint64_t{5})}}).ok());
    REQUIRE(docs->Flush().ok());
  }
  MustCreate(*database, "empty");
  for (const char* name : {"docs", "more", "most"}) {
    const auto docs = MustFind(*database, name);
    REQUIRE(docs->Upsert(PlaneUpsert(70, 60, 3)).ok());
    REQUIRE(docs->Upsert(PlaneUpsert(200, 60, 4)).ok());
    REQUIRE(docs->Delete({.ids = {PointId(uint64_t{7})}}).ok());
    content = Content(*docs);
  }
  return disk->KillProcess();
}

struct Counts {
  uint64_t points = 0;
  uint64_t refused = 0;
};

// Calls `run` with a sample of its allocations failing; it says whether it was refused.
Counts FailAllocations(uint64_t wanted, const std::function<uint64_t(uint64_t, uint64_t)>& run,
                       const std::function<void(uint64_t)>& check) {
  const uint64_t total = run(0, 1);
  Counts counts;
  const uint64_t step = std::max<uint64_t>(1, total * 2 / wanted);
  for (uint64_t number = 1; number <= total; number += step) {
    // With the second fails what the first makes the boundary allocate, the text of its status.
    for (const uint64_t length : {1U, 2U}) {
      CAPTURE(number);
      CAPTURE(length);
      ++counts.points;
      run(number, length);
      check(number);
    }
  }
  return counts;
}

void OpenWithFailures(bool read_only, uint64_t wanted) {
  std::map<uint64_t, int64_t> content;
  const auto prepared = Prepared(content);
  std::unique_ptr<SimulatedFileSystem> disk;
  uint64_t refused = 0;
  const auto open = [&](uint64_t number, uint64_t length) {
    disk = prepared->KillProcess();
    SparedFileSystem spared(*disk);
    OpenOptions options = SmallOptions();
    options.read_only = read_only;
    const EngineTuning tuning = SealingTuning();
    uint64_t count = 0;
    absl::Status status;
    {
      absl::StatusOr<std::shared_ptr<DatabaseCore>> database = absl::UnknownError("");
      {
        const AllocationFailure failure(number, length);
        database = OpenOn(spared, options, tuning);
        count = failure.count();
      }
      status = database.status();
    }
    REQUIRE_MESSAGE((status.ok() || absl::IsResourceExhausted(status)), status.ToString());
    refused += status.ok() ? 0 : 1;
    return count;
  };
  const Counts counts = FailAllocations(wanted, open, [&](uint64_t number) {
    CHECK(disk->syncs_after_failed_sync() == 0);
    if (number % 3 == 0) {
      disk = disk->Crash(storage::CrashPolicy::kNothingUnsynced);
    }
    const auto database = MustOpen(*disk, SmallOptions(), SealingTuning());
    REQUIRE(Content(*MustFind(*database, "docs")) == content);
    REQUIRE(Content(*MustFind(*database, "most")) == content);
  });
  CHECK(refused > counts.points / 2);
  MESSAGE("durability: ", counts.points, " allocations failed in opening",
          std::string(read_only ? " read-only" : ""), ", ", refused, " refused, 0 harmed");
}

TEST_SUITE("durability") {
  TEST_CASE("allocations: opening and replay") { OpenWithFailures(false, PointsWanted() / 2); }

  TEST_CASE("allocations: opening read-only") { OpenWithFailures(true, PointsWanted() / 4); }

  TEST_CASE("allocations: reading") {
    std::map<uint64_t, int64_t> content;
    const auto disk = Prepared(content);
    SparedFileSystem spared(*disk);
    const auto database = MustOpen(spared, SmallOptions(), SealingTuning());
    const auto docs = MustFind(*database, "docs");
    perigee::Query query{.target = std::vector<float>{50, 2}, .limit = 20};
    query.with_payload.kind = PayloadSelector::Kind::kAll;
    GetRequest get;
    get.ids = {PointId(uint64_t{1}), PointId(uint64_t{75})};
    ScrollRequest scroll{.limit = 50};
    scroll.with_vectors.kind = VectorSelector::Kind::kAll;
    const std::vector<std::function<absl::Status()>> calls = {
        [&] { return docs->Query(query).status(); },   [&] { return docs->Get(get).status(); },
        [&] { return docs->Scroll(scroll).status(); }, [&] { return docs->Count({}).status(); },
        [&] { return docs->Explain(query).status(); }, [&] { return docs->Describe().status(); }};
    uint64_t points = 0;
    uint64_t refused = 0;
    for (const std::function<absl::Status()>& call : calls) {
      const auto run = [&](uint64_t number, uint64_t length) {
        absl::Status status;
        uint64_t count = 0;
        {
          const AllocationFailure failure(number, length);
          status = call();
          count = failure.count();
        }
        REQUIRE_MESSAGE((status.ok() || absl::IsResourceExhausted(status)), status.ToString());
        refused += status.ok() ? 0 : 1;
        return count;
      };
      points +=
          FailAllocations(PointsWanted() / 4, run, [&](uint64_t) { REQUIRE(call().ok()); }).points;
    }
    CHECK(refused > points / 2);
    CHECK(Content(*docs) == content);
    MESSAGE("durability: ", points, " allocations failed in reading, ", refused, " refused");
  }
}

}  // namespace
}  // namespace perigee::engine
