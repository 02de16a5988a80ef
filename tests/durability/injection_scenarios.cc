// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cerrno>

#include "storage/encoding/byte_codec.h"
#include "storage/foundation/status_macros.h"
#include "storage/layout/file_names.h"
#include "tests/durability/injection_campaign.h"

namespace perigee::engine {
namespace {

using storage::CallKind;
using storage::ErrorPlan;
using storage::SimulatedFileSystem;

EngineTuning RollingTuning() {
  EngineTuning tuning = SmallTuning();
  tuning.manifest_rollover_edits = 2;
  return tuning;
}

EngineTuning RoomyTuning() {
  EngineTuning tuning = SmallTuning();
  tuning.growing_bytes_max = 4 << 20;
  return tuning;
}

EngineTuning SealingTuning() {
  EngineTuning tuning = SmallTuning();
  tuning.growing_bytes_max = 200;
  tuning.frozen_segments_max = 100;
  return tuning;
}

void Fill(InjectionScript& script) {
  script.Open().Create("a").Upsert("a", 1, 8, 1).Delete("a", 2, 1).Flush("a");
  script.Upsert("a", 3, 2, 2).Delete("a", 5, 1).Flush("a").Delete("a", 6, 1).Upsert("a", 9, 1, 3);
}

// The calls of DurableDirectory that no part of the engine makes.
absl::Status UseNames(const InjectionScript& script) {
  storage::DurableDirectory& files = script.database()->environment().directory->files();
  const std::string name = storage::SegmentName(storage::Uuid::Random());
  PERIGEE_RETURN_IF_ERROR(files.CreateExclusive(name, storage::AsBytes("0123456789")));
  const absl::StatusOr<std::string> range = files.ReadRange(name, 2, 3);
  files.Remove(name).IgnoreError();
  PERIGEE_RETURN_IF_ERROR(range.status());
  return *range == "234" ? absl::OkStatus() : absl::InternalError("other bytes");
}

// Scenarios in which something has failed already: what is done then fails too.
void AddSecondErrors(std::vector<InjectionScenario>& scenarios) {
  const auto initialise = [](InjectionScript& script) {
    script.Open().Create("a").Upsert("a", 1, 2, 1);
  };
  const std::vector<std::pair<std::string, ErrorPlan>> first_errors = {
      {"after: the directory has no durable name", {.kind = CallKind::kSyncDirectory}},
      {"after: the marker has no durable name",
       {.kind = CallKind::kSyncDirectory, .path_contains = "/db/tmp"}},
      {"after: the directories have no durable names",
       {.kind = CallKind::kSyncDirectory, .path_contains = "/db", .skip = 3}},
      {"after: the directory cannot be looked at",
       {.kind = CallKind::kStat, .path_contains = "/db/."}},
      {"after: the log file cannot be named",
       {.kind = CallKind::kRename, .path_contains = "wal", .error_number = ENOSPC}}};
  for (const auto& [name, plan] : first_errors) {
    scenarios.push_back({.name = name, .run = initialise, .given = {plan}});
  }
  scenarios.push_back(
      {.name = "after: the lock file was not seen",
       .prepare =
           [](SimulatedFileSystem&, InjectionScript& script) {
             script.Open().Create("a").Upsert("a", 1, 2, 1).Close();
           },
       .run = [](InjectionScript& script) { script.Open().Upsert("a", 2, 1, 2); },
       .given = {{.kind = CallKind::kOpen, .path_contains = "LOCK", .error_number = ENOENT}}});
  scenarios.push_back(
      {.name = "after: a segment found no room",
       .run =
           [](InjectionScript& script) {
             script.Open().Create("a").Upsert("a", 1, 4, 1).Flush("a").Flush("a");
             script.Load("a", 20, 6, 4).Load("a", 20, 6, 4).Delete("a", 1, 1);
             script.Flush("a").Flush("a");
           },
       .given = {{.kind = CallKind::kWrite, .path_contains = "tmp/seg", .error_number = ENOSPC},
                 {.kind = CallKind::kWrite,
                  .path_contains = "tmp/seg",
                  .skip = 3,
                  .error_number = ENOSPC},
                 {.kind = CallKind::kWrite, .path_contains = "tmp/del", .error_number = ENOSPC}}});
}

// A database with a reserve, closed.
void FillWithReserve(SimulatedFileSystem& disk, InjectionScript& script) {
  OpenOptions options = SmallOptions();
  options.creation.reserve_bytes = 512U << 10U;
  REQUIRE(MustOpen(disk, options)->Close().ok());
  script.Open().Create("a").Upsert("a", 1, 4, 1).Flush("a").Delete("a", 1, 1).Close();
  REQUIRE(disk.RemoveFile("/db/RESERVE").ok());
}

// The disk is full now and then: at an edit, at the file that is begun for it, and at its names.
void AddFullDisks(std::vector<InjectionScenario>& scenarios) {
  const auto edit = [](InjectionScript& script) {
    script.Open().Upsert("a", 5, 2, 2).Delete("a", 2, 1).Flush("a").Upsert("a", 5, 1, 3);
    script.Flush("a").Delete("a", 3, 1).Flush("a");
  };
  const auto full = [](CallKind kind, const std::string& path, uint64_t skip) {
    return ErrorPlan{.kind = kind, .path_contains = path, .skip = skip, .error_number = ENOSPC};
  };
  scenarios.push_back({.name = "after: an edit found no room",
                       .prepare = FillWithReserve,
                       .run = edit,
                       .given = {full(CallKind::kWrite, "/db/MANIFEST", 2),
                                 full(CallKind::kWrite, "/db/tmp/MANIFEST", 0),
                                 full(CallKind::kRename, "/db/tmp/MANIFEST", 0),
                                 full(CallKind::kRename, "/db/tmp/CURRENT", 0)}});
  scenarios.push_back({.name = "after: what is left of the reserve found no room",
                       .prepare =
                           [](SimulatedFileSystem& disk, InjectionScript& script) {
                             FillWithReserve(disk, script);
                             disk.SetContents("/db/RESERVE", std::string(64U << 10U, '\0'));
                           },
                       .run = edit,
                       .given = {full(CallKind::kAllocate, "RESERVE", 0)}});
  scenarios.push_back({.name = "after: the reserve found no room",
                       .prepare = FillWithReserve,
                       .run = edit,
                       .given = {full(CallKind::kAllocate, "RESERVE", 0),
                                 full(CallKind::kWrite, "/db/MANIFEST", 3)}});
}

std::vector<InjectionScenario> MakeScenarios() {
  std::vector<InjectionScenario> scenarios;
  scenarios.push_back({.name = "initialise and write", .run = [](InjectionScript& script) {
                         script.Open().Create("a").Upsert("a", 1, 3, 1).Status().OpenTwice();
                         script.Delete("a", 2, 1).Close().Open().Upsert("a", 2, 1, 2);
                       }});
  scenarios.push_back({.name = "seal, compact and search",
                       .run =
                           [](InjectionScript& script) {
                             Fill(script);
                             script.Search("a").Flush("a").Optimize("a").Search("a");
                             script.Delete("a", 4, 1).Flush("a").Status();
                           },
                       .tuning = RollingTuning()});
  scenarios.push_back({.name = "roll the log",
                       .run =
                           [](InjectionScript& script) {
                             script.Open().Create("a");
                             for (int64_t value = 1; value < 10; ++value) {
                               script.Upsert("a", 1, 300, value);
                               if (value % 4 == 0) {
                                 script.Flush("a");
                               }
                             }
                             script.Close();
                           },
                       .tuning = RoomyTuning()});
  scenarios.push_back({.name = "bulk load and drop",
                       .prepare =
                           [](SimulatedFileSystem&, InjectionScript& script) {
                             script.Open().Create("a").Upsert("a", 1, 3, 1).Flush("a").Create("b");
                           },
                       .run =
                           [](InjectionScript& script) {
                             script.Open().Upsert("a", 10, 2, 1).Load("a", 2, 9, 2).Search("a");
                             script.Upsert("a", 4, 1, 3).Drop("b").Delete("a", 5, 1).Flush("a");
                             script.Drop("a").Create("a").Upsert("a", 1, 1, 7);
                           }});
  scenarios.push_back({.name = "recover",
                       .prepare =
                           [](SimulatedFileSystem& disk, InjectionScript& script) {
                             Fill(script);
                             script.Load("a", 20, 6, 4).Upsert("a", 2, 4, 5);
                             disk.SetContents("/db/tmp/left", "behind");
                           },
                       .run =
                           [](InjectionScript& script) {
                             script.Open().Search("a").Upsert("a", 1, 1, 8).Close();
                             script.Open().Upsert("a", 1, 1, 9);
                           }});
  scenarios.push_back({.name = "recover and seal",
                       .prepare =
                           [](SimulatedFileSystem&, InjectionScript& script) {
                             script.Open().Create("a");
                             for (int64_t value = 1; value < 5; ++value) {
                               script.Upsert("a", static_cast<uint64_t>(value), 4, value);
                             }
                           },
                       .run =
                           [](InjectionScript& script) {
                             script.Open().Upsert("a", 1, 1, 8).Flush("a").Search("a");
                           },
                       .tuning = SealingTuning()});
  scenarios.push_back(
      {.name = "read only",
       .prepare =
           [](SimulatedFileSystem&, InjectionScript& script) {
             Fill(script);
             script.Flush("a").Close();
           },
       .run = [](InjectionScript& script) { script.OpenReadOnly().Search("a").Status().Close(); }});
  scenarios.push_back({.name = "scrub",
                       .prepare =
                           [](SimulatedFileSystem&, InjectionScript& script) {
                             Fill(script);
                             script.Flush("a").Close();
                           },
                       .run =
                           [](InjectionScript& script) {
                             script.Open().Scrub().Status().Upsert("a", 1, 1, 8).Flush("a").Close();
                             script.Open().Scrub().Optimize("a").Search("a").Scrub();
                           }});
  scenarios.push_back({.name = "a disk of large blocks",
                       .prepare =
                           [](SimulatedFileSystem& disk, InjectionScript& script) {
                             disk.SetDirectAlignment(8192);
                             Fill(script);
                           },
                       .run =
                           [](InjectionScript& script) {
                             script.Open().Search("a").Flush("a").SnapshotAndRestore();
                           },
                       .tuning = RollingTuning()});
  const auto small = [](SimulatedFileSystem&, InjectionScript& script) {
    script.Open().Create("a").Upsert("a", 1, 4, 1).Flush("a").Delete("a", 2, 1).Flush("a");
    script.Load("a", 20, 4, 4).Upsert("a", 3, 2, 2).Create("b").Load("b", 1, 4, 1).Drop("b");
  };
  const auto snapshot = [](InjectionScript& script) { script.Open().SnapshotAndRestore(); };
  scenarios.push_back({.name = "snapshot and restore", .prepare = small, .run = snapshot});
  scenarios.push_back({.name = "after: a snapshot found no room",
                       .prepare = small,
                       .run = snapshot,
                       .given = {{.kind = CallKind::kSyncDirectory,
                                  .path_contains = "/snapshot.unfinished",
                                  .error_number = ENOSPC}}});
  scenarios.push_back(
      {.name = "large reads",
       .prepare = [](SimulatedFileSystem&,
                     InjectionScript& script) { script.Open().CreateWide().Close(); },
       .run = [](InjectionScript& script) { script.Open().SearchWide(); },
       .tuning = RoomyTuning()});
  scenarios.push_back(
      {.name = "a locked directory",
       .prepare =
           [](SimulatedFileSystem&, InjectionScript& script) {
             script.Open().Create("a").Upsert("a", 1, 2, 1).Close();
           },
       .run = [](InjectionScript& script) { script.OpenLocked().Open().Upsert("a", 2, 1, 2); }});
  scenarios.push_back({.name = "names",
                       .run =
                           [](InjectionScript& script) {
                             script.Open().Create("a").Upsert("a", 1, 1, 1);
                             script.Call("names", [&script] { return UseNames(script); });
                             script.Call("plant", [&script] {
                               // As if a roll-over had failed before.
                               script.disk().SetContents("/db/tmp/CURRENT", "left");
                               return absl::OkStatus();
                             });
                             script.Flush("a").Upsert("a", 2, 1, 2).Flush("a");
                           },
                       .tuning = RollingTuning()});
  // The trailer of such a group lies behind what is read with its header.
  scenarios.push_back(
      {.name = "replay a long group",
       .prepare = [](SimulatedFileSystem&,
                     InjectionScript& script) { script.Open().CreateByLongGroup().Close(); },
       .run = [](InjectionScript& script) { script.Open().Close(); }});
  AddSecondErrors(scenarios);
  AddFullDisks(scenarios);
  return scenarios;
}

}  // namespace

const std::vector<InjectionScenario>& InjectionScenarios() {
  static const std::vector<InjectionScenario> scenarios = MakeScenarios();
  return scenarios;
}

}  // namespace perigee::engine
