// SPDX-License-Identifier: Apache-2.0
//
// Goal: whenever the power goes, the process dies or a call fails, the manifest opens again and
// shows every acknowledged edit, at most the one in flight besides, and goes on. Method: the power
// cut behind each change of a run that also initialises and rolls over, under every policy; each
// call made to fail with every behaviour of a failed sync; a second cut during recovery.
#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/foundation/error_reason.h"
#include "storage/manifest/manifest_log.h"
#include "tests/storage/manifest/manifest_disk.h"
#include "tests/storage/manifest/random_edits.h"
#include "tests/support/simulated_file_system.h"
#include "tests/support/test_seed.h"

namespace perigee::storage {
namespace {

constexpr CrashPolicy kPolicies[] = {CrashPolicy::kNothingUnsynced, CrashPolicy::kEverything,
                                     CrashPolicy::kFilePrefix,      CrashPolicy::kRandomSectors,
                                     CrashPolicy::kNamesOnly,       CrashPolicy::kDataOnly,
                                     CrashPolicy::kReordered};
constexpr ManifestLogOptions kOptions = {.rollover_edits = 3};
constexpr int kEdits = 8;

// What a run may have left: the content after the last acknowledged edit, and the one in flight.
struct Promise {
  bool initialised = false;
  ManifestContent acknowledged;
  std::optional<ManifestContent> in_flight;
};

// Opens, commits kEdits random edits and stops at the first failure.
Promise Run(SimulatedFileSystem& disk, uint64_t seed) {
  Promise promise;
  auto database = OpenDatabase(disk, kOptions);
  if (!database.ok()) {
    return promise;
  }
  promise.initialised = true;
  promise.acknowledged = ContentOf(*database->log->state());
  RandomEdits edits(seed);
  for (int i = 0; i < kEdits; ++i) {
    const ManifestEdit edit = edits.Next();
    const auto outcome = database->log->TryCommit(database->log->state()->version, edit);
    if (!outcome.ok()) {
      CHECK(GetErrorReason(outcome.status()) == ErrorReason::kStorageFailed);
      return promise;
    }
    if (outcome->result != CommitResult::kCommitted) {
      CHECK(outcome->result == CommitResult::kUnknown);
      CHECK(GetErrorReason(outcome->cause) == ErrorReason::kStorageFailed);
      promise.in_flight = edits.model();
      // Poisoned: nothing is accepted and nothing is written any more.
      const uint64_t changes = disk.changes();
      CHECK(
          GetErrorReason(database->log->TryCommit(database->log->state()->version, {}).status()) ==
          ErrorReason::kStorageFailed);
      CHECK(disk.changes() == changes);
      return promise;
    }
    promise.acknowledged = edits.model();
  }
  return promise;
}

bool Keeps(const Promise& promise, const ManifestState& state) {
  const ManifestContent content = ContentOf(state);
  return content == promise.acknowledged || (promise.in_flight && content == *promise.in_flight) ||
         (!promise.initialised && content == ManifestContent());
}

// A reader first, then a writer that goes on; both must show what was promised.
void RequireRecovery(SimulatedFileSystem& disk, const Promise& promise) {
  if (promise.initialised) {
    const uint64_t changes = disk.changes();
    const auto reader = OpenDatabase(disk, {.read_only = true});
    REQUIRE_MESSAGE(reader.ok(), reader.status().ToString());
    CHECK(Keeps(promise, *reader->log->state()));
    CHECK(disk.changes() == changes);
  }
  ManifestContent expected;
  {
    auto database = OpenDatabase(disk, kOptions);
    REQUIRE_MESSAGE(database.ok(), database.status().ToString());
    CHECK(Keeps(promise, *database->log->state()));
    ManifestEdit edit;
    edit.epoch = database->log->state()->epoch + 1;
    const auto outcome = database->log->TryCommit(database->log->state()->version, edit);
    REQUIRE(outcome.ok());
    CHECK(outcome->result == CommitResult::kCommitted);
    expected = ContentOf(*database->log->state());
  }
  // What recovery made of it survives the next power cut.
  const auto again = disk.Crash(CrashPolicy::kNothingUnsynced);
  const auto database = OpenDatabase(*again, kOptions);
  REQUIRE_MESSAGE(database.ok(), database.status().ToString());
  CHECK(ContentOf(*database->log->state()) == expected);
}

// Opens and makes one edit without content; false when the power went.
bool RecoverAndCommit(SimulatedFileSystem& disk) {
  auto database = OpenDatabase(disk, kOptions);
  if (!database.ok()) {
    return false;
  }
  const auto outcome = database->log->TryCommit(database->log->state()->version, ManifestEdit{});
  return outcome.ok() && outcome->result == CommitResult::kCommitted;
}

uint64_t ChangesOfRun(uint64_t seed) {
  SimulatedFileSystem disk;
  const Promise promise = Run(disk, seed);
  REQUIRE(promise.initialised);
  REQUIRE_FALSE(promise.in_flight);
  return disk.changes();
}

TEST_CASE("the power goes behind each change, under every policy") {
  const uint64_t seed = tests::TestSeed(70);
  INFO("seed ", seed);
  const uint64_t changes = ChangesOfRun(seed);
  for (uint64_t stop = 1; stop <= changes; ++stop) {
    SimulatedFileSystem disk;
    disk.StopAfterChange(stop);
    const Promise promise = Run(disk, seed);
    for (const CrashPolicy policy : kPolicies) {
      for (uint64_t choice = 0; choice < (policy == CrashPolicy::kRandomSectors ? 4U : 1U);
           ++choice) {
        INFO("change ", stop, " of ", changes, ", policy ", static_cast<int>(policy), ", choice ",
             choice);
        const auto rebooted = disk.Crash(policy, stop * 10 + choice);
        RequireRecovery(*rebooted, promise);
      }
    }
    INFO("change ", stop, ", process killed");
    const auto killed = disk.KillProcess();
    RequireRecovery(*killed, promise);
  }
}

TEST_CASE("the power goes again during recovery") {
  const uint64_t seed = tests::TestSeed(71);
  INFO("seed ", seed);
  const uint64_t changes = ChangesOfRun(seed);
  for (uint64_t stop = 1; stop <= changes; stop += 3) {
    SimulatedFileSystem disk;
    disk.StopAfterChange(stop);
    const Promise promise = Run(disk, seed);
    for (const bool killed : {false, true}) {
      for (uint64_t second = 1; second < 40; ++second) {
        const auto rebooted =
            killed ? disk.KillProcess() : disk.Crash(CrashPolicy::kRandomSectors, stop);
        rebooted->StopAfterChange(second);
        if (RecoverAndCommit(*rebooted)) {
          break;  // recovery and one edit need fewer changes than that
        }
        INFO("change ", stop, killed ? ", killed" : "", ", then ", second);
        for (const CrashPolicy policy : {CrashPolicy::kRandomSectors, CrashPolicy::kReordered}) {
          RequireRecovery(*rebooted->Crash(policy, second), promise);
        }
      }
    }
  }
}

TEST_CASE("each call fails once, with every behaviour of a failed sync") {
  const uint64_t seed = tests::TestSeed(72);
  INFO("seed ", seed);
  SimulatedFileSystem whole;
  Run(whole, seed);
  for (const SyncFailure how :
       {SyncFailure::kKeptMarkedClean, SyncFailure::kReverted, SyncFailure::kLostAfterEviction}) {
    for (uint64_t call = 1; call <= whole.calls(); ++call) {
      INFO("call ", call, " of ", whole.calls(), ", sync failure ", static_cast<int>(how));
      SimulatedFileSystem disk;
      disk.SetSyncFailure(how);
      disk.AddErrorPlan({.call_number = call});
      const Promise promise = Run(disk, seed);
      CHECK(disk.syncs_after_failed_sync() == 0);
      const auto killed = disk.KillProcess();
      killed->EvictPageCache();
      RequireRecovery(*killed, promise);
      for (const CrashPolicy policy : kPolicies) {
        const auto rebooted = disk.Crash(policy, call);
        RequireRecovery(*rebooted, promise);
      }
    }
  }
}

}  // namespace
}  // namespace perigee::storage
