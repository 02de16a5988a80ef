// SPDX-License-Identifier: Apache-2.0
//
// The error injection campaign: scenarios that together meet every I/O site, and the runs of each
// with every call of interest failing once or for ever, in each of the ways a disk fails.
//
// Invariants: each site that a scenario meets is failed there at least once with every error, once
// and for ever; PERIGEE_TEST_INJECTIONS asks for that many runs in all and adds later occurrences.
// Thread-safety: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/durability/injection_script.h"

namespace perigee::engine {

struct InjectionScenario {
  std::string name = {};
  /// What the disk holds before; none: an empty disk.
  std::function<void(storage::SimulatedFileSystem&, InjectionScript&)> prepare = {};
  /// The part under test.
  std::function<void(InjectionScript&)> run = {};
  EngineTuning tuning = SmallTuning();
  /// Plans that hold in every run of the scenario, so that the ways out of an error are met too.
  std::vector<storage::ErrorPlan> given = {};
};

const std::vector<InjectionScenario>& InjectionScenarios();

/// One run's failure.
struct Injection {
  storage::ErrorPlan plan = {};
  storage::SyncFailure sync_failure = storage::SyncFailure::kKeptMarkedClean;
  std::string name = {};  ///< for messages
};

class InjectionCampaign {
 public:
  explicit InjectionCampaign(const InjectionScenario& scenario);

  /// The calls of a run in which nothing fails but what is given.
  const std::vector<storage::CallRecord>& trace() const { return trace_; }
  /// All injections of this scenario, the most telling first; the first `minimum()` are a must.
  const std::vector<Injection>& injections() const { return injections_; }
  size_t minimum() const { return minimum_; }

  /// Runs one and CHECKs everything that docs/guarantees.md promises of it.
  void Run(const Injection& injection, uint64_t number);

  uint64_t storage_failures() const { return storage_failures_; }

 private:
  std::unique_ptr<storage::SimulatedFileSystem> NewDisk() const;
  std::vector<int> GivenErrors() const;
  void Plan();
  void CheckRestarts(const storage::SimulatedFileSystem& disk, const InjectionScript& script,
                     const Injection& injection, uint64_t number);
  void CheckSnapshot(storage::SimulatedFileSystem& disk, const InjectionScript& script);

  const InjectionScenario& scenario_;
  std::unique_ptr<storage::SimulatedFileSystem> prepared_;
  World base_;
  std::vector<storage::CallRecord> trace_;
  std::vector<Injection> injections_;
  size_t minimum_ = 0;
  uint64_t storage_failures_ = 0;
};

}  // namespace perigee::engine
