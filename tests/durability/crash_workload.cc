// SPDX-License-Identifier: Apache-2.0
#include "tests/durability/crash_workload.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace perigee::engine {
namespace {

constexpr std::string_view kTriplePrefix = "triple-";

EngineTuning WithGraphs() {
  EngineTuning tuning = SmallTuning();
  tuning.index_rows_min = 4;
  return tuning;
}

EngineTuning WithRollOver(uint64_t edits) {
  EngineTuning tuning = SmallTuning();
  tuning.manifest_rollover_edits = edits;
  return tuning;
}

EngineTuning WithTinySegments() {
  EngineTuning tuning = SmallTuning();
  tuning.growing_bytes_max = 200;
  tuning.frozen_segments_max = 100;
  return tuning;
}

void Initialise(CrashScript& script) { script.Open().Create("a").Create("b").Close(); }

void UpsertBatches(CrashScript& script) {
  script.Open().Create("a").Upsert("a", 1, 3, 1).Upsert("a", 2, 3, 2).Upsert("a", 3, 1, 3);
  script.Upsert("a", 1, 8, 4).Upsert("a", 5, 1, 5);
}

void Deletes(CrashScript& script) {
  script.Open().Create("a").Upsert("a", 1, 6, 1).Delete("a", 3, 2).Upsert("a", 3, 1, 3);
  script.Delete("a", 1, 9).Upsert("a", 4, 2, 4).Flush("a").Delete("a", 4, 1).Upsert("a", 4, 1, 5);
  script.Delete("a", 4, 2);
}

void CloseAndReopen(CrashScript& script) {
  script.Open().Create("a").Upsert("a", 1, 3, 1).Close().Open().Delete("a", 3, 2).Close();
  script.Open().Close().Open().Upsert("a", 5, 1, 5);
}

void Seal(CrashScript& script) {
  script.Open().Create("a").Upsert("a", 1, 8, 1).Delete("a", 2, 1).Flush("a");
  script.Upsert("a", 3, 2, 2).Delete("a", 5, 1).Flush("a").Delete("a", 6, 1).Flush("a");
  script.Upsert("a", 6, 1, 3);
}

void SealAmongWrites(CrashScript& script) {
  script.Open().Create("a");
  for (int64_t value = 1; value < 7; ++value) {
    script.Upsert("a", static_cast<uint64_t>(value), 4, value);
  }
  script.Flush("a").Delete("a", 4, 2).Upsert("a", 1, 1, 9);
}

void PublishIndex(CrashScript& script) {
  script.Open().Create("a").Upsert("a", 1, 12, 1).Flush("a").Upsert("a", 9, 8, 2).Delete("a", 2, 2);
  script.Flush("a").Optimize("a").Delete("a", 9, 1);
}

void Compact(CrashScript& script) {
  script.Open().Create("a").Upsert("a", 1, 6, 1).Flush("a").Upsert("a", 4, 6, 2).Flush("a");
  script.Delete("a", 1, 2).Optimize("a").Delete("a", 8, 1).Upsert("a", 1, 1, 3).Optimize("a");
}

void CreateAndDrop(CrashScript& script) {
  script.Open().Create("a").Upsert("a", 1, 3, 1).Flush("a").Upsert("a", 2, 1, 2).Create("b");
  script.Drop("a").Upsert("b", 1, 1, 1).Create("a").Upsert("a", 7, 1, 7).Drop("b");
}

void RollManifest(CrashScript& script) {
  script.Open().Create("a").Upsert("a", 1, 2, 1).Flush("a").Upsert("a", 2, 2, 2);
  script.Flush("a").Delete("a", 1, 1).Flush("a").Create("b").Upsert("a", 5, 1, 1);
}

void BulkLoads(CrashScript& script) {
  script.Open().Create("a").Upsert("a", 1, 3, 1).Flush("a").Upsert("a", 10, 2, 1);
  script.Load("a", 2, 9, 2).Upsert("a", 4, 1, 3).Delete("a", 5, 1).Flush("a").Close().Open();
  script.Upsert("a", 2, 1, 4);
}

void RollLog(CrashScript& script) {
  script.Open().Create("a").Create("idle").Upsert("a", 1, 4, 1).RollLog("a").Delete("a", 2, 1);
  script.Flush("a").RollLog("a").Upsert("a", 2, 2, 2).Flush("a").Delete("a", 3, 1).RollLog("a");
  script.Optimize("a").Upsert("a", 9, 1, 9);
}

void Snapshots(CrashScript& script) {
  script.Open().Create("a").Upsert("a", 1, 6, 1).Flush("a").Delete("a", 2, 1).Flush("a");
  script.Upsert("a", 9, 2, 2).Snapshot("/first").Upsert("a", 1, 3, 3).Flush("a").Optimize("a");
  script.Load("a", 20, 3, 4).Snapshot("/second").Delete("a", 20, 2);
}

void Scrubs(CrashScript& script) {
  script.Open().Create("a").Upsert("a", 1, 6, 1).Flush("a").Delete("a", 2, 1).Flush("a").Scrub();
  script.Upsert("a", 9, 2, 2).Flush("a").Close().Open().Scrub().Optimize("a").Delete("a", 1, 1);
  script.Close().Open();  // nobody has seen the new segment
  script.BeforeCall(6, [](CrashScript& meanwhile) { meanwhile.Upsert("a", 3, 1, 3).Flush("a"); });
  script.Scrub().Upsert("a", 4, 1, 4);
}

// Writes come in between the calls by which segments are built and named.
void SealAndCompactUnderWrites(CrashScript& script) {
  script.Open().Create("a").Upsert("a", 1, 8, 1);
  script.BeforeCall(2, [](CrashScript& meanwhile) { meanwhile.Delete("a", 2, 2); }).Flush("a");
  script.BeforeCall(9, [](CrashScript& meanwhile) { meanwhile.Upsert("a", 1, 1, 2); }).Flush("a");
  script.Upsert("a", 5, 5, 3).Flush("a");
  script.BeforeCall(5, [](CrashScript& meanwhile) {
    meanwhile.Delete("a", 4, 2).Upsert("a", 6, 1, 4).Delete("a", 8, 1);
  });
  script.Optimize("a").Delete("a", 6, 1);
  script.BeforeCall(20, [](CrashScript& meanwhile) { meanwhile.Delete("a", 9, 1); }).Optimize("a");
}

// One of the structural operations on collection "a" or "b", with small random arguments.
void RunRandom(CrashScript& script, std::mt19937_64& random) {
  const uint64_t first = 1 + random() % 12;
  const uint64_t count = 1 + random() % 7;
  const auto value = static_cast<int64_t>(100 + random() % 800);
  const auto write = [first, count, value](CrashScript& meanwhile) {
    meanwhile.Delete("a", first, count).Upsert("a", first + 1, 2, value);
  };
  switch (random() % 14) {
    case 0:
      script.Upsert("a", first, count, value);
      break;
    case 1:
      script.Delete("a", first, count);
      break;
    case 2:
      script.Flush("a");
      break;
    case 3:
      script.Upsert("a", first, count + 4, value).Flush("a");
      break;
    case 4:
      script.Optimize("a");
      break;
    case 5:
      script.RollLog("a");
      break;
    case 6:
      script.Load("a", first, count + 1, value);
      break;
    case 7:
      script.Drop("a").Create("a").Upsert("a", first, count, value);
      break;
    case 8:
      script.acknowledged().contains("b") ? script.Drop("b") : script.Create("b");
      break;
    case 9:
      script.Close().Open();
      break;
    case 10:
      script.Flush("a").Delete("a", first, count).Flush("a");
      break;
    case 11:
      script.BeforeCall(1 + random() % 30, write).Flush("a");
      break;
    case 12:
      script.BeforeCall(1 + random() % 30, write).Optimize("a");
      break;
    default:
      script.Delete("a", first, count).Upsert("a", first, 1, value).Optimize("a");
      break;
  }
}

}  // namespace

const std::vector<CrashWorkload>& NamedWorkloads() {
  static const std::vector<CrashWorkload> workloads = {
      {"initialise", SmallTuning(), Initialise},
      {"upsert-batches", SmallTuning(), UpsertBatches},
      {"deletes", SmallTuning(), Deletes},
      {"close-and-reopen", SmallTuning(), CloseAndReopen},
      {"seal", SmallTuning(), Seal},
      {"seal-among-writes", WithTinySegments(), SealAmongWrites},
      {"publish-index", WithGraphs(), PublishIndex},
      {"compact", SmallTuning(), Compact},
      {"under-writes", SmallTuning(), SealAndCompactUnderWrites},
      {"snapshots", SmallTuning(), Snapshots},
      {"create-and-drop", SmallTuning(), CreateAndDrop},
      {"roll-manifest", WithRollOver(3), RollManifest},
      {"bulk-load", SmallTuning(), BulkLoads},
      {"roll-log", SmallTuning(), RollLog},
      {"scrub", SmallTuning(), Scrubs},
  };
  return workloads;
}

CrashWorkload MixedTriple(uint64_t seed) {
  CrashWorkload workload;
  workload.name = absl::StrCat(std::string(kTriplePrefix), seed);
  std::mt19937_64 random(seed * 7'919 + 1);
  workload.tuning.manifest_rollover_edits = random() % 2 == 0 ? 2 + random() % 3 : 1'000;
  workload.tuning.index_rows_min = random() % 2 == 0 ? 4 : 64;
  if (random() % 4 == 0) {
    workload.tuning.growing_bytes_max = 200;
    workload.tuning.frozen_segments_max = 100;
  }
  workload.run = [random](CrashScript& script) {
    std::mt19937_64 choice = random;  // each run makes the same choices
    script.Open().Create("a").Upsert("a", 1, 1 + choice() % 8, 1);
    if (choice() % 2 == 0) {
      script.Flush("a").Upsert("a", 3, 4, 2);
    }
    for (int i = 0; i < 3 && script.running(); ++i) {
      RunRandom(script, choice);
      script.BeforeCall(0, nullptr);
    }
  };
  return workload;
}

CrashWorkload FindWorkload(const std::string& name) {
  if (name.starts_with(kTriplePrefix)) {
    return MixedTriple(std::strtoull(name.c_str() + kTriplePrefix.size(), nullptr, 10));
  }
  const auto& named = NamedWorkloads();
  const auto found = std::find_if(named.begin(), named.end(),
                                  [&name](const auto& workload) { return workload.name == name; });
  REQUIRE_MESSAGE(found != named.end(), "there is no workload '", name, "'");
  return *found;
}

}  // namespace perigee::engine
