// SPDX-License-Identifier: Apache-2.0
//
// Goal: after a power cut or a killed process at any point of a log's life, every acknowledged
// record is there, the log is a prefix of what was appended, and it opens (promises 1 and 3); and
// no failing call loses an acknowledged record or is tried again (D5).
// Method: one short life of a log on the simulated disk, cut after each of its changes under each
// persistence policy, and cut again inside the recovery; then the same life with each of its calls
// failing.
#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "storage/foundation/error_reason.h"
#include "storage/wal/group_commit_queue.h"
#include "tests/storage/wal/log_test_bed.h"
#include "tests/support/test_seed.h"

namespace perigee::storage {
namespace {

constexpr CrashPolicy kPolicies[] = {CrashPolicy::kNothingUnsynced, CrashPolicy::kEverything,
                                     CrashPolicy::kFilePrefix,      CrashPolicy::kRandomSectors,
                                     CrashPolicy::kNamesOnly,       CrashPolicy::kDataOnly,
                                     CrashPolicy::kReordered};

bool IsRandom(CrashPolicy policy) {
  return policy == CrashPolicy::kFilePrefix || policy == CrashPolicy::kRandomSectors ||
         policy == CrashPolicy::kReordered;
}

// What the life was told: the only things that recovery may be measured by.
struct Story {
  std::map<uint64_t, std::vector<std::string>> offered;  // by LSN; one per attempt
  uint64_t acknowledged = 0;                             // all records up to here
  uint64_t applied = 0;                                  // a durable manifest says so
  uint64_t epoch = 0;
  std::vector<absl::Status> failures;
};

FileLogOptions OptionsOf(Story& story) {
  return {.epoch = ++story.epoch,
          .applied_lsn = story.applied,
          .manifest_durable_lsn = story.applied,
          .log_file_bytes = kLogFileBytesMin,
          .background_preallocation = false};
}

// Opens the log and checks promises 1 and 3.
absl::StatusOr<std::unique_ptr<FileLog>> OpenChecked(DataDirectory& directory, Story& story) {
  uint64_t lsn = story.applied;
  auto log = FileLog::Open(directory, OptionsOf(story), [&](const LogRecord& record) {
    CHECK(record.lsn == ++lsn);
    const auto offered = story.offered.find(record.lsn);
    const std::string payload(AsText(record.payload));
    CHECK(offered != story.offered.end());
    if (offered != story.offered.end()) {
      CHECK(std::count(offered->second.begin(), offered->second.end(), payload) == 1);
    }
    return absl::OkStatus();
  });
  if (log.ok()) {
    CHECK((*log)->end().lsn == lsn + 1);
    CHECK(lsn >= story.acknowledged);
    // What was shown once must stay: it counts as acknowledged from now on.
    story.acknowledged = lsn;
  }
  return log;
}

// Appends one group; every record's payload is unique in the story.
void Append(FileLog& log, Story& story, const std::vector<size_t>& sizes) {
  LogGroupBuilder builder(story.epoch, log.end());
  for (const size_t size : sizes) {
    static uint64_t serial = 0;
    std::string payload = std::to_string(++serial) + ":";
    payload.resize(std::max(size, payload.size()), 'x');
    const uint64_t lsn = builder.Add(1, 0, AsBytes(payload));
    story.offered[lsn].push_back(payload);
  }
  const LogGroup group = builder.Finish(sizes.empty() ? kGroupDurableMark : 0);
  const auto outcome = log.Append(group);
  if (outcome.ok() && *outcome == AppendOutcome::kDurable) {
    story.acknowledged = group.last_lsn();
  } else {
    story.failures.push_back(outcome.status());
  }
}

// The life: appends small and large, rolls, a mark, a killed process, a retirement, a close.
void Live(DataDirectory& directory, Story& story) {
  auto log = OpenChecked(directory, story);
  if (!log.ok()) {
    story.failures.push_back(log.status());
    return;
  }
  Append(**log, story, {5, 700});
  Append(**log, story, {20'000});
  Append(**log, story, {});
  Append(**log, story, {30'000});
  Append(**log, story, {20'000, 1});
  log->reset();  // without Close: what a killed process leaves
  log = OpenChecked(directory, story);
  if (!log.ok()) {
    story.failures.push_back(log.status());
    return;
  }
  Append(**log, story, {100'000});
  Append(**log, story, {3});
  if (story.acknowledged >= 6) {
    story.applied = 6;  // stands for a durable manifest edit
    story.failures.push_back((*log)->RetireUpTo(story.applied));
  }
  Append(**log, story, {4});
  story.failures.push_back((*log)->Close());
}

std::unique_ptr<DataDirectory> OpenDirectory(SimulatedFileSystem& disk) {
  auto directory = DataDirectory::Open(disk, "db", {});
  INFO(directory.status().ToString());
  REQUIRE(directory.ok());
  return *std::move(directory);
}

// Recovers on `disk`, appends, closes, and finds everything again.
void CheckRecovers(SimulatedFileSystem& disk, Story story) {
  {
    const auto directory = OpenDirectory(disk);
    auto log = OpenChecked(*directory, story);
    INFO(log.status().ToString());
    REQUIRE(log.ok());
    story.failures.clear();
    Append(**log, story, {10});
    CHECK(story.failures.empty());
    CHECK((*log)->RetireUpTo(story.applied).ok());
    CHECK((*log)->Close().ok());
  }
  const auto directory = OpenDirectory(disk);
  const auto log = OpenChecked(*directory, story);
  REQUIRE(log.ok());
  CHECK((*log)->recovery().clean);
}

struct CutResult {
  Story story;
  std::unique_ptr<SimulatedFileSystem> disk;
};

// Lives until the power goes behind the n-th change.
CutResult LiveUntil(uint64_t change) {
  LogTestBed bed;
  CutResult result;
  const uint64_t base = bed.disk().changes();
  bed.disk().StopAfterChange(base + change);
  Live(bed.directory(), result.story);
  result.disk = bed.disk().KillProcess();
  return result;
}

uint64_t ChangesOfLife() {
  LogTestBed bed;
  const uint64_t base = bed.disk().changes();
  Story story;
  Live(bed.directory(), story);
  for (const absl::Status& failure : story.failures) {
    CHECK(failure.ok());
  }
  CHECK(story.acknowledged == 9);
  return bed.disk().changes() - base;
}

TEST_SUITE("crash") {
  TEST_CASE("a power cut after every change of a log's life loses nothing acknowledged") {
    const uint64_t seed = tests::TestSeed(1);
    const uint64_t changes = ChangesOfLife();
    REQUIRE(changes > 40);
    uint64_t states = 0;
    for (uint64_t change = 0; change <= changes; ++change) {
      for (const CrashPolicy policy : kPolicies) {
        for (uint64_t round = 0; round < (IsRandom(policy) ? 4 : 1); ++round) {
          INFO("change ", change, " policy ", static_cast<int>(policy), " seed ", seed + round);
          const CutResult cut = LiveUntil(change);
          CheckRecovers(*cut.disk->Crash(policy, seed + round), cut.story);
          ++states;
        }
      }
    }
    MESSAGE(states, " crash states");
  }

  TEST_CASE("a killed process after every change loses nothing acknowledged") {
    const uint64_t changes = ChangesOfLife();
    for (uint64_t change = 0; change <= changes; ++change) {
      INFO("change ", change);
      const CutResult cut = LiveUntil(change);
      CheckRecovers(*cut.disk->KillProcess(), cut.story);
    }
  }

  TEST_CASE("a second power cut inside the recovery loses nothing either") {
    const uint64_t seed = tests::TestSeed(100);
    const uint64_t changes = ChangesOfLife();
    for (uint64_t change = 0; change <= changes; change += 3) {
      for (const CrashPolicy policy : {CrashPolicy::kEverything, CrashPolicy::kRandomSectors}) {
        for (uint64_t inner = 0;; ++inner) {
          INFO("change ", change, " policy ", static_cast<int>(policy), " then ", inner, " seed ",
               seed);
          const CutResult cut = LiveUntil(change);
          const auto disk = cut.disk->Crash(policy, seed);
          Story story = cut.story;
          disk->StopAfterChange(inner);
          {
            const auto directory = DataDirectory::Open(*disk, "db", {});
            if (directory.ok()) {
              const auto log = OpenChecked(**directory, story);
            }
          }
          const bool finished = !disk->stopped();
          CheckRecovers(*disk->Crash(CrashPolicy::kRandomSectors, seed + inner), story);
          if (finished) {
            break;
          }
        }
      }
    }
  }

  TEST_CASE("every call failing once or for good loses nothing and is never tried again") {
    uint64_t calls = 0;
    uint64_t base = 0;
    {
      LogTestBed bed;
      base = bed.disk().calls();
      Story story;
      Live(bed.directory(), story);
      calls = bed.disk().calls() - base;
    }
    for (uint64_t call = 1; call <= calls; ++call) {
      for (const int error : {EIO, ENOSPC, EMFILE}) {
        for (const bool forever : {false, true}) {
          for (const SyncFailure how : {SyncFailure::kKeptMarkedClean, SyncFailure::kReverted,
                                        SyncFailure::kLostAfterEviction}) {
            INFO("call ", call, " errno ", error, " forever ", forever, " sync ",
                 static_cast<int>(how));
            LogTestBed bed;
            bed.disk().SetSyncFailure(how);
            if (forever) {
              bed.disk().AddErrorPlan({.skip = call - 1, .error_number = error, .forever = true});
            } else {
              bed.disk().AddErrorPlan({.call_number = base + call, .error_number = error});
            }
            Story story;
            Live(bed.directory(), story);
            CHECK(bed.disk().planned_failures() > 0);
            CHECK(bed.disk().syncs_after_failed_sync() == 0);
            bed.disk().EvictPageCache();
            CheckRecovers(*bed.disk().KillProcess(), story);
            CheckRecovers(*bed.disk().Crash(CrashPolicy::kNothingUnsynced), story);
          }
        }
      }
    }
  }
}

// A write of the queue that notes what became of it.
class NotedOperation final : public CommitOperation {
 public:
  explicit NotedOperation(std::string payload) : payload_(std::move(payload)) {}
  uint16_t record_type() const override { return 1; }
  std::span<const std::byte> record_payload() const override { return AsBytes(payload_); }
  absl::Status Resolve(std::span<CommitOperation* const>) override { return absl::OkStatus(); }
  void Apply(uint64_t) override {}

 private:
  std::string payload_;
};

TEST_SUITE("crash") {
  TEST_CASE("writers of a group commit queue find every acknowledged write after a power cut") {
    const uint64_t seed = tests::TestSeed(42);
    std::mt19937_64 random(seed);
    uint64_t acknowledged_in_all = 0;
    for (int round = 0; round < 60; ++round) {
      const uint64_t stop = 1 + random() % 80;
      const CrashPolicy policy = kPolicies[random() % std::size(kPolicies)];
      INFO("seed ", seed, " round ", round, " stop ", stop, " policy ", static_cast<int>(policy));
      LogTestBed bed;
      REQUIRE(bed.OpenLog().ok());
      bed.disk().StopAfterChange(bed.disk().changes() + stop);
      constexpr size_t kThreads = 3;
      std::vector<std::vector<std::pair<uint64_t, std::string>>> acknowledged(kThreads);
      {
        GroupCommitOptions options;
        options.epoch = bed.options().epoch;
        options.durable_mark_after = absl::Microseconds(50);
        GroupCommitQueue queue(*bed.log(), options);
        std::vector<std::thread> threads;
        for (size_t t = 0; t < kThreads; ++t) {
          threads.emplace_back([&queue, &acknowledged, t] {
            for (int i = 0; i < 30; ++i) {
              const std::string payload = std::to_string(t) + "/" + std::to_string(i);
              NotedOperation operation(payload + std::string(static_cast<size_t>(i) * 200, ' '));
              const auto lsn = queue.Commit(operation);
              if (!lsn.ok()) {
                return;
              }
              acknowledged[t].emplace_back(*lsn, payload);
            }
          });
        }
        for (std::thread& thread : threads) {
          thread.join();
        }
      }
      bed.Crash(policy, random());
      REQUIRE(bed.OpenLog().ok());
      for (const auto& of_thread : acknowledged) {
        for (const auto& [lsn, payload] : of_thread) {
          ++acknowledged_in_all;
          REQUIRE(lsn <= bed.replayed().size());
          CHECK(bed.replayed()[lsn - 1].first == lsn);
          CHECK(bed.replayed()[lsn - 1].second.rfind(payload, 0) == 0);
        }
      }
    }
    CHECK(acknowledged_in_all > 500);
  }
}

}  // namespace
}  // namespace perigee::storage
