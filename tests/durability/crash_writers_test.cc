// SPDX-License-Identifier: Apache-2.0
//
// Goal: the promises hold for groups that several writers share (promises 1, 2 and 3).
// Method: writers on threads of their own change ids of their own and one that they share, while
// the flush of each group waits a moment, so that groups fill. The power goes behind a call drawn
// from the seed. What is found afterwards is for each writer the state behind its last acknowledged
// operation or the one behind it; nothing that a reader could see is missing; and as many
// operations are there as the log has LSNs, so none was left out in the middle.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/durability/crash_state.h"
#include "tests/durability/watched_file_system.h"
#include "tests/engine/database/database_fixture.h"
#include "tests/support/test_seed.h"

namespace perigee::engine {
namespace {

using storage::SimulatedFileSystem;

constexpr size_t kWriters = 4;
constexpr int64_t kOperations = 12;  // of each writer
constexpr uint64_t kIdsOfWriter = 3;
constexpr uint64_t kSharedId = 1'000;
constexpr uint64_t kPreparedLsns = 1;  // the collection's creation

// What one writer knows.
struct Writer {
  std::vector<uint64_t> lsns = {};  // of the acknowledged operations, in order
  bool failed = false;
};

using Points = std::map<uint64_t, int64_t>;

// The writer's own ids behind its first `operations` operations. Each third one deletes; each
// other one writes all of its ids with one value, so that half of a batch would be seen.
Points OwnPoints(size_t writer, int64_t operations) {
  Points points;
  if (operations == 0 || operations % 3 == 0) {
    return points;
  }
  for (uint64_t i = 0; i < kIdsOfWriter; ++i) {
    points[writer * kIdsOfWriter + i] = operations;
  }
  return points;
}

int64_t SharedValue(size_t writer, int64_t operation) {
  return operation * static_cast<int64_t>(kWriters) + static_cast<int64_t>(writer);
}

absl::StatusOr<WriteResult> RunOperation(CollectionCore& collection, size_t writer,
                                         int64_t operation) {
  if (operation % 3 == 0) {
    DeleteRequest request;
    for (uint64_t i = 0; i < kIdsOfWriter; ++i) {
      request.ids.emplace_back(writer * kIdsOfWriter + i);
    }
    return collection.Delete(request);
  }
  UpsertRequest request = PlaneUpsert(writer * kIdsOfWriter, kIdsOfWriter, operation);
  request.points.push_back(PlanePoint(kSharedId, SharedValue(writer, operation)));
  return collection.Upsert(request);
}

void Write(CollectionCore& collection, size_t number, Writer& writer) {
  for (int64_t operation = 1; operation <= kOperations && !writer.failed; ++operation) {
    const auto result = RunOperation(collection, number, operation);
    writer.failed = !result.ok();
    if (result.ok()) {
      writer.lsns.push_back(result->seq);
    }
  }
}

struct Life {
  std::array<Writer, kWriters> writers = {};
  Points seen = {};  // by readers, when it was over
  uint64_t calls = 0;
  uint64_t flushes = 0;  // of the log
  std::unique_ptr<SimulatedFileSystem> disk = {};
};

// Lives until the power goes behind that call, or to the end.
Life Live(uint64_t stop_after_call) {
  Life life;
  SimulatedFileSystem disk;
  // A flush takes a while, in which the other writers queue up.
  WatchedFileSystem slow(disk, [] { std::this_thread::sleep_for(std::chrono::microseconds(20)); });
  const auto database = MustOpen(slow);
  const auto collection = MustCreate(*database, "a");
  const uint64_t calls_before = disk.calls();
  disk.StopAfterCall(calls_before + stop_after_call);
  {
    std::vector<std::thread> threads;
    for (size_t i = 0; i < kWriters; ++i) {
      threads.emplace_back([&life, &collection, i] { Write(*collection, i, life.writers[i]); });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
  }
  life.calls = disk.calls() - calls_before;
  const std::vector<storage::CallRecord> trace = disk.Trace();
  for (size_t i = calls_before; i < trace.size(); ++i) {
    const bool of_log = trace[i].path.find(".wal") != std::string::npos;
    life.flushes += of_log && trace[i].kind == storage::CallKind::kSync ? 1 : 0;
  }
  life.seen = Content(*collection);
  life.disk = disk.KillProcess();
  return life;
}

// How many operations of the writer are there; -1 when it is no number at all.
int64_t FindOperations(const Points& found, size_t number, const Writer& writer) {
  Points own;
  for (const auto& [id, value] : found) {
    if (id / kIdsOfWriter == number) {
      own[id] = value;
    }
  }
  const auto acknowledged = static_cast<int64_t>(writer.lsns.size());
  for (int64_t operations = acknowledged + (writer.failed ? 1 : 0); operations >= acknowledged;
       --operations) {
    if (own == OwnPoints(number, operations)) {
      return operations;
    }
  }
  return -1;
}

// The shared id holds the newest acknowledged value, or one that is newer or in flight.
bool SharedIsRight(const Points& found, const Life& life) {
  uint64_t newest_lsn = 0;
  std::map<int64_t, uint64_t> lsns;
  for (size_t i = 0; i < kWriters; ++i) {
    const Writer& writer = life.writers[i];
    for (size_t k = 0; k < writer.lsns.size(); ++k) {
      const auto operation = static_cast<int64_t>(k) + 1;
      if (operation % 3 != 0) {
        lsns[SharedValue(i, operation)] = writer.lsns[k];
        newest_lsn = std::max(newest_lsn, writer.lsns[k]);
      }
    }
    if (writer.failed) {
      lsns[SharedValue(i, static_cast<int64_t>(writer.lsns.size()) + 1)] = ~uint64_t{0};
    }
  }
  const auto value = found.find(kSharedId);
  if (value == found.end()) {
    return newest_lsn == 0;
  }
  const auto lsn = lsns.find(value->second);
  return lsn != lsns.end() && lsn->second >= newest_lsn;
}

void CheckRecovered(SimulatedFileSystem& disk, const Life& life) {
  const auto database = MustOpen(disk);
  const Points found = Content(*MustFind(*database, "a"));
  uint64_t there = 0;
  for (size_t i = 0; i < kWriters; ++i) {
    const int64_t operations = FindOperations(found, i, life.writers[i]);
    CHECK_MESSAGE(operations >= 0, "writer ", i, " with ", life.writers[i].lsns.size(),
                  " acknowledged operations finds neither their state nor the next");
    there += static_cast<uint64_t>(std::max<int64_t>(operations, 0));
    // What readers saw is at least acknowledged or at most in flight, and never newer than this.
    const int64_t seen = FindOperations(life.seen, i, life.writers[i]);
    CHECK_MESSAGE(seen <= operations, "readers had seen operation ", seen, " of writer ", i,
                  ", found is ", operations);
  }
  CHECK(SharedIsRight(found, life));
  const auto status = database->Status();
  REQUIRE(status.ok());
  CHECK_MESSAGE(status->seq == kPreparedLsns + there, "the log has ", status->seq, " records for ",
                there, " operations and the collection's creation");
}

TEST_SUITE("durability") {
  TEST_CASE("crash enumeration: several writers in one group") {
    const uint64_t seed = tests::TestSeed(1);
    const char* text = std::getenv("PERIGEE_TEST_CRASH_STATES");
    const uint64_t lives = text == nullptr ? 150 : 1 + std::strtoull(text, nullptr, 10) / 200;
    std::mt19937_64 random(seed);
    const Life whole = Live(~uint64_t{0} / 2);
    constexpr auto kInAll = static_cast<uint64_t>(kOperations) * kWriters;
    CHECK_MESSAGE((whole.flushes > 0 && whole.flushes < kInAll),
                  "no group held more than one operation");
    uint64_t states = 0;
    for (uint64_t n = 0; n < lives; ++n) {
      const uint64_t stop = random() % whole.calls;
      const Life life = Live(stop);
      for (size_t aftermath = 0; aftermath < Aftermaths().size(); ++aftermath) {
        INFO("seed ", seed, " life ", n, " stopped after call ", stop, ", ",
             std::string(Aftermaths()[aftermath].name));
        CheckRecovered(*AfterCrash(*life.disk, aftermath, seed + n), life);
        ++states;
      }
    }
    MESSAGE("durability: several writers: ", states, " crash states; ", kInAll,
            " operations of a whole life in ", whole.flushes, " flushes");
  }
}

}  // namespace
}  // namespace perigee::engine
