// SPDX-License-Identifier: Apache-2.0
//
// Goal: whenever the power goes, no acknowledged write is lost, nothing half done is seen, nothing
// deleted comes back, and the database opens (promises 1, 3 and 5 of docs/guarantees.md).
// Method: each script runs once for every change it makes to a simulated disk, with the power off
// behind that change; each time the disk is restarted under some of the policies for what was not
// flushed, opened, and compared with what the script knows. PERIGEE_CRASH_POLICIES=all takes all
// policies, and cuts each recovery at every change as well.
#include <doctest/doctest.h>

#include <array>
#include <cstdlib>
#include <string_view>

#include "tests/durability/crash_script.h"

namespace perigee::engine {
namespace {

using storage::CrashPolicy;
using storage::SimulatedFileSystem;

constexpr std::array kPolicies = {CrashPolicy::kNothingUnsynced, CrashPolicy::kEverything,
                                  CrashPolicy::kFilePrefix,      CrashPolicy::kRandomSectors,
                                  CrashPolicy::kNamesOnly,       CrashPolicy::kDataOnly};

bool Thorough() {
  const char* value = std::getenv("PERIGEE_CRASH_POLICIES");
  return value != nullptr && std::string_view(value) == "all";
}

void CheckWorld(const World& found, const CrashScript& script) {
  const bool known = found == script.acknowledged() || found == script.attempted();
  CHECK_MESSAGE(known, "the database holds neither what was acknowledged nor what was attempted");
}

// Opens what the crash left, compares, writes and opens once more.
void CheckRecovers(SimulatedFileSystem& disk, const CrashScript& script,
                   const EngineTuning& tuning) {
  World found;
  {
    const auto database = MustOpen(disk, SmallOptions(), tuning);
    found = ReadWorld(*database);
    CheckWorld(found, script);
    if (!found.contains("after")) {
      found["after"] = {};
      MustCreate(*database, "after");
    }
    REQUIRE(MustFind(*database, "after")->Upsert(PlaneUpsert(1, 2, 7)).ok());
    found["after"][1] = 7;
    found["after"][2] = 7;
    CHECK(ReadWorld(*database) == found);
  }
  const auto database = MustOpen(disk, SmallOptions(), tuning);
  CHECK(ReadWorld(*database) == found);
}

// Cuts the power while the crashed disk is being recovered, too.
void CheckRecoversFromCutRecovery(const SimulatedFileSystem& crashed, const CrashScript& script,
                                  const EngineTuning& tuning, uint64_t stride) {
  for (uint64_t change = 0;; change += stride) {
    const auto disk = crashed.Crash(CrashPolicy::kNothingUnsynced);
    disk->StopAfterChange(change);
    const bool opened = OpenOn(*disk, SmallOptions(), tuning).ok();
    const bool stopped = disk->stopped();
    const auto again = disk->Crash(kPolicies[change % kPolicies.size()], change);
    const auto database = MustOpen(*again, SmallOptions(), tuning);
    CheckWorld(ReadWorld(*database), script);
    if (opened && !stopped) {
      return;
    }
  }
}

void CutEverywhere(const std::function<void(CrashScript&)>& run,
                   const EngineTuning& tuning = SmallTuning(), uint64_t stride = 1) {
  for (uint64_t change = 0;; change += Thorough() ? 1 : stride) {
    CAPTURE(change);
    SimulatedFileSystem disk;
    disk.StopAfterChange(change);
    CrashScript script(disk, tuning);
    run(script);
    const bool finished = script.running();
    REQUIRE((finished || disk.stopped()));  // nothing but the power cut may fail
    const size_t policies = Thorough() ? kPolicies.size() : 2;
    for (size_t i = 0; i < policies; ++i) {
      // Two neighbours in the list differ most, so that each cut meets a mild and a harsh one.
      const CrashPolicy policy = kPolicies[(2 * (change / stride) + i) % kPolicies.size()];
      CAPTURE(static_cast<int>(policy));
      const auto crashed = disk.Crash(policy, change);
      if (Thorough() || change % 7 == 3) {
        CheckRecoversFromCutRecovery(*crashed, script, tuning, Thorough() ? 1 : 5);
      }
      CheckRecovers(*crashed, script, tuning);
    }
    if (finished) {
      MESSAGE(change, " cuts");
      return;
    }
  }
}

TEST_SUITE("crash") {
  TEST_CASE("power cut: initialise and create") {
    CutEverywhere([](CrashScript& script) { script.Open().Create("a").Create("b").Close(); });
  }

  TEST_CASE("power cut: upserts and deletes") {
    CutEverywhere([](CrashScript& script) {
      script.Open().Create("a").Upsert("a", 1, 3, 1).Upsert("a", 2, 3, 2).Delete("a", 3, 2);
      script.Upsert("a", 3, 1, 3).Delete("a", 1, 9).Upsert("a", 4, 2, 4).Close();
      script.Open().Upsert("a", 5, 1, 5);
    });
  }

  TEST_CASE("power cut: sealing with deaths on both sides") {
    CutEverywhere([](CrashScript& script) {
      script.Open().Create("a").Upsert("a", 1, 8, 1).Delete("a", 2, 1).Flush("a");
      script.Upsert("a", 3, 2, 2).Delete("a", 5, 1).Flush("a").Delete("a", 6, 1).Flush("a");
      script.Upsert("a", 6, 1, 3);
    });
  }

  TEST_CASE("power cut: sealing in the midst of writes") {
    EngineTuning tuning = SmallTuning();
    tuning.growing_bytes_max = 200;
    tuning.frozen_segments_max = 100;
    CutEverywhere(
        [](CrashScript& script) {
          script.Open().Create("a");
          for (int64_t value = 1; value < 7; ++value) {
            script.Upsert("a", static_cast<uint64_t>(value), 4, value);
          }
          script.Flush("a").Delete("a", 4, 2).Upsert("a", 1, 1, 9);
        },
        tuning);
  }

  TEST_CASE("power cut: compaction") {
    CutEverywhere([](CrashScript& script) {
      script.Open().Create("a").Upsert("a", 1, 6, 1).Flush("a").Upsert("a", 4, 6, 2).Flush("a");
      script.Delete("a", 1, 2).Optimize("a").Delete("a", 8, 1).Upsert("a", 1, 1, 3);
    });
  }

  TEST_CASE("power cut: create and drop") {
    CutEverywhere([](CrashScript& script) {
      script.Open().Create("a").Upsert("a", 1, 3, 1).Flush("a").Upsert("a", 2, 1, 2).Create("b");
      script.Drop("a").Upsert("b", 1, 1, 1).Create("a").Upsert("a", 7, 1, 7).Drop("b");
    });
  }

  TEST_CASE("power cut: the manifest rolls over") {
    EngineTuning tuning = SmallTuning();
    tuning.manifest_rollover_edits = 3;
    CutEverywhere(
        [](CrashScript& script) {
          script.Open().Create("a").Upsert("a", 1, 2, 1).Flush("a").Upsert("a", 2, 2, 2);
          script.Flush("a").Delete("a", 1, 1).Flush("a").Create("b").Upsert("a", 5, 1, 1);
        },
        tuning);
  }

  TEST_CASE("power cut: bulk load") {
    CutEverywhere([](CrashScript& script) {
      script.Open().Create("a").Upsert("a", 1, 3, 1).Flush("a").Upsert("a", 10, 2, 1);
      script.Load("a", 2, 9, 2).Upsert("a", 4, 1, 3).Delete("a", 5, 1).Flush("a").Close().Open();
      script.Upsert("a", 2, 1, 4);
    });
  }

  TEST_CASE("power cut: the log rolls over and old files go") {
    // Long, so only every third change is cut unless all are asked for.
    CutEverywhere(
        [](CrashScript& script) {
          script.Open().Create("a");
          for (int64_t value = 1; value < 16; ++value) {
            // Each batch fills blocks of the 64 KiB log files.
            script.Upsert("a", 1, 200, value);
            if (value % 5 == 0) {
              script.Flush("a");
            }
          }
        },
        SmallTuning(), 3);
  }
}

}  // namespace
}  // namespace perigee::engine
