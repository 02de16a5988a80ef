// SPDX-License-Identifier: Apache-2.0
#include "tests/durability/injection_campaign.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/database/snapshot_restore.h"

namespace perigee::engine {
namespace {

using storage::CallKind;
using storage::CallRecord;
using storage::CrashPolicy;
using storage::ErrorPlan;
using storage::SimulatedFileSystem;
using storage::SyncFailure;

constexpr std::array kPolicies = {CrashPolicy::kNothingUnsynced, CrashPolicy::kEverything,
                                  CrashPolicy::kFilePrefix,      CrashPolicy::kRandomSectors,
                                  CrashPolicy::kNamesOnly,       CrashPolicy::kDataOnly};

struct Way {
  int error_number = 0;
  size_t short_bytes = 0;
};

bool IsOfTest(const CallRecord& call) {
  return std::string_view(call.site.file).find("tests/") != std::string_view::npos;
}

// The ways in which a call of a kind fails.
std::vector<Way> WaysOf(CallKind kind) {
  std::vector<Way> ways = {{EIO}, {ENOSPC}, {EMFILE}, {EINTR}, {EAGAIN}};
  if (kind == CallKind::kRead || kind == CallKind::kWrite) {
    ways.push_back({EINTR, 512});  // a short transfer, which is continued
  }
  if (kind == CallKind::kWrite) {
    ways.push_back({EIO, 512});
    ways.push_back({ENOSPC, 512});
  }
  return ways;
}

std::string NameOf(const Way& way, bool forever, const CallRecord& call, uint64_t skip) {
  std::string_view file = call.site.file;
  for (const std::string_view layer : {"/storage/", "/engine/"}) {
    if (const size_t at = file.rfind(layer); at != std::string_view::npos) {
      file.remove_prefix(at + 1);
    }
  }
  return absl::StrCat(std::string(file), ":", call.site.line, " call ", skip + 1, " of kind ",
                      static_cast<int>(call.kind), " errno ", way.error_number, " after ",
                      way.short_bytes, " bytes ", forever ? "for ever" : "once");
}

// Occurrences of a site by what they may show: the first, the last, the middle, then the others.
std::vector<uint64_t> Occurrences(uint64_t count) {
  std::vector<uint64_t> order = {0};
  const auto add = [&order](uint64_t occurrence) {
    if (std::find(order.begin(), order.end(), occurrence) == order.end()) {
      order.push_back(occurrence);
    }
  };
  add(count - 1);
  add(count / 2);
  for (uint64_t i = 0; i < count; ++i) {
    add(i);
  }
  return order;
}

}  // namespace

InjectionCampaign::InjectionCampaign(const InjectionScenario& scenario) : scenario_(scenario) {
  prepared_ = std::make_unique<SimulatedFileSystem>();
  if (scenario.prepare) {
    InjectionScript script(*prepared_, scenario.tuning, {});
    scenario.prepare(*prepared_, script);
    script.Finish(false);
    REQUIRE_MESSAGE(script.findings().empty(), absl::StrJoin(script.findings(), "; "));
    REQUIRE(script.possible().size() == 1);
    base_ = script.possible().front();
  }
  const auto disk = NewDisk();
  InjectionScript script(*disk, scenario.tuning, base_);
  if (!scenario.given.empty()) {
    script.SetPlan(GivenErrors(), false);
  }
  scenario.run(script);
  trace_ = disk->Trace();
  std::erase_if(trace_, IsOfTest);
  script.Finish(false);
  REQUIRE_MESSAGE(script.findings().empty(), absl::StrJoin(script.findings(), "; "));
  Plan();
}

std::unique_ptr<SimulatedFileSystem> InjectionCampaign::NewDisk() const {
  auto disk = prepared_->KillProcess();
  for (const ErrorPlan& plan : scenario_.given) {
    disk->AddErrorPlan(plan);
  }
  return disk;
}

std::vector<int> InjectionCampaign::GivenErrors() const {
  std::vector<int> errors;
  for (const ErrorPlan& plan : scenario_.given) {
    errors.push_back(plan.error_number);
  }
  return errors;
}

void InjectionCampaign::Plan() {
  using Key = std::tuple<std::string, uint32_t, CallKind>;
  std::map<Key, std::pair<CallRecord, uint64_t>> counts;
  for (const CallRecord& call : trace_) {
    auto& [record, count] = counts[Key(call.site.file, call.site.line, call.kind)];
    record = call;
    ++count;
  }
  std::vector<std::vector<Injection>> rounds;
  for (const auto& [key, counted] : counts) {
    const auto& [call, count] = counted;
    const std::vector<uint64_t> occurrences = Occurrences(count);
    rounds.resize(std::max(rounds.size(), occurrences.size()));
    for (size_t round = 0; round < occurrences.size(); ++round) {
      const uint64_t skip = occurrences[round];
      for (const Way& way : WaysOf(call.kind)) {
        for (const bool forever : {false, true}) {
          const bool flush = call.kind == CallKind::kSync;
          const int behaviours = flush && way.error_number == EIO && !forever ? 3 : 1;
          for (int behaviour = 0; behaviour < behaviours; ++behaviour) {
            rounds[round].push_back({.plan = {.kind = call.kind,
                                              .site = call.site,
                                              .skip = skip,
                                              .error_number = way.error_number,
                                              .forever = forever,
                                              .short_bytes = way.short_bytes},
                                     .sync_failure = static_cast<SyncFailure>(behaviour),
                                     .name = NameOf(way, forever, call, skip)});
          }
        }
      }
    }
  }
  for (const std::vector<Injection>& round : rounds) {
    injections_.insert(injections_.end(), round.begin(), round.end());
  }
  minimum_ = rounds.empty() ? 0 : rounds.front().size();
}

void InjectionCampaign::Run(const Injection& injection, uint64_t number) {
  CAPTURE(scenario_.name);
  CAPTURE(injection.name);
  CAPTURE(static_cast<int>(injection.sync_failure));
  const auto disk = NewDisk();
  disk->SetSyncFailure(injection.sync_failure);
  disk->AddErrorPlan(injection.plan);
  std::vector<int> errors = GivenErrors();
  errors.push_back(injection.plan.error_number);
  InjectionScript script(*disk, scenario_.tuning, base_);
  script.SetPlan(errors, !injection.plan.forever && scenario_.given.empty());
  scenario_.run(script);
  REQUIRE(disk->planned_failures() > 0);  // else the run is not like the one before
  disk->ClearErrorPlans();
  disk->EvictPageCache();
  script.Settle();
  storage_failures_ += script.ever_failed() ? 1 : 0;
  CHECK(disk->syncs_after_failed_sync() == 0);
  CheckRestarts(*disk, script, injection, number);
  script.Finish(number % 2 == 0);
  REQUIRE_MESSAGE(script.findings().empty(), absl::StrJoin(script.findings(), "\n"));
}

// The process dies, the power goes, and the power goes after the process has died and come again:
// each time the database opens and holds what is possible, and what it showed it keeps.
void InjectionCampaign::CheckRestarts(const SimulatedFileSystem& disk,
                                      const InjectionScript& script, const Injection& injection,
                                      uint64_t number) {
  const std::vector<World>& possible = script.possible();
  const auto allowed = [&possible](const World& found) {
    return std::find(possible.begin(), possible.end(), found) != possible.end();
  };
  const auto killed = disk.KillProcess();
  World shown;
  {
    const auto database = MustOpen(*killed, SmallOptions(), scenario_.tuning);
    shown = ReadSmallWorld(*database);
    CHECK_MESSAGE(allowed(shown), "after a restart of the process: ", injection.name);
    CHECK(killed->syncs_after_failed_sync() == 0);
  }
  if (injection.plan.kind == CallKind::kRemoveDirectory && !scenario_.given.empty()) {
    // A directory whose name could not be flushed, and then not be taken away either: nothing makes
    // that name durable any more, and a later flush says ok (docs/decisions/0014).
    return;
  }
  const auto cut_later = killed->Crash(CrashPolicy::kNothingUnsynced);
  {
    const auto database = MustOpen(*cut_later, SmallOptions(), scenario_.tuning);
    CHECK_MESSAGE(ReadSmallWorld(*database) == shown,
                  "shown after the restart, gone in a power cut: ", injection.name);
  }
  const auto cut = disk.Crash(kPolicies[number % kPolicies.size()], number);
  CheckSnapshot(*cut, script);
  const auto database = MustOpen(*cut, SmallOptions(), scenario_.tuning);
  CHECK_MESSAGE(allowed(ReadSmallWorld(*database)), "after a power cut: ", injection.name);
}

// What a snapshot or a restore had promised to be there is there after the power cut.
void InjectionCampaign::CheckSnapshot(SimulatedFileSystem& disk, const InjectionScript& script) {
  std::vector<std::string> directories;
  if (script.snapshot().has_value()) {
    directories.push_back("/restored-later");
    const auto again = RestoreOn(disk, kSnapshotDirectory, directories.back(), {});
    REQUIRE_MESSAGE(again.ok(), again.status().ToString());
  }
  if (script.restored()) {
    directories.push_back(kRestoredDirectory);
  }
  for (const std::string& directory : directories) {
    const auto database = DatabaseCore::Open(disk, directory, SmallOptions(), scenario_.tuning);
    REQUIRE_MESSAGE(database.ok(), database.status().ToString());
    CHECK(ReadSmallWorld(**database) == *script.snapshot());
  }
}

}  // namespace perigee::engine
