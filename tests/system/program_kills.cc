// SPDX-License-Identifier: Apache-2.0
#include "tests/system/program_kills.h"

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "perigee/database.h"
#include "tests/support/operation_stream.h"
#include "tests/support/oracle_client.h"
#include "tests/support/program_process.h"
#include "tests/support/reference_collection.h"
#include "tests/support/temporary_directory.h"
#include "tests/system/kill_loop.h"
#include "tests/system/oracle_run.h"
#include "tools/point_json/point_json.h"

namespace perigee::tests {
namespace {

constexpr int kLoadRows = 400;
// A load makes about as many changes to the disk; a pass cuts the power at each.
constexpr int kChangesPerPass = 40;

void ApplyTo(ReferenceCollection& points, const WriteOperation& operation) {
  if (const auto* upsert = std::get_if<UpsertRequest>(&operation)) {
    points.Upsert(*upsert);
  } else {
    points.Delete(std::get<DeleteRequest>(operation));
  }
}

StoredPoints OpenAndRead(const std::string& path) {
  auto database = Database::Open(path, {.access = Access::Unrestricted()});
  REQUIRE_MESSAGE(database.ok(), database.status().ToString());
  auto collection = (*database)->OpenCollection(kOracleCollection);
  REQUIRE_MESSAGE(collection.ok(), collection.status().ToString());
  const auto points = ReadAllPoints(*collection);
  REQUIRE_MESSAGE(points.ok(), points.status().ToString());
  return *points;
}

void Report(const ProgramKills& kills, int count, uint64_t operations, const std::string& what) {
  const bool power_cut = kills.manner == KillManner::kPowerCut;
  MESSAGE("durability: ", power_cut ? 0 : count, " kills, ", power_cut ? count : 0, " power cuts, ",
          operations, " operations acknowledged, 0 lost, 0 resurrected (", what, ")");
}

// A database with points, a file of rows of which some replace points, and what there must be
// before and after the load.
class LoadCase {
 public:
  explicit LoadCase(uint64_t seed) : before_(SystemTestSchema()), after_(SystemTestSchema()) {
    OperationStream stream(SystemTestSchema(), {.seed = seed, .ids = 300});
    MakeOracleDatabase(directory_.PathOf("base"));
    auto database = Database::Open(directory_.PathOf("base"), {.access = Access::Unrestricted()});
    REQUIRE(database.ok());
    auto collection = (*database)->OpenCollection(kOracleCollection);
    for (int i = 0; i < 60; ++i) {
      const UpsertRequest request = {.points = {stream.NextPoint()}};
      REQUIRE(collection->Upsert(request).ok());
      before_.Upsert(request);
      after_.Upsert(request);
    }
    REQUIRE(collection->Flush().ok());
    REQUIRE((*database)->Close().ok());
    std::ofstream rows(directory_.PathOf("rows.jsonl"));
    std::set<std::string> ids;
    for (int i = 0; i < kLoadRows; ++i) {
      Point point = stream.NextPoint();
      point.id = i < 30 ? stream.NextId() : PointId("row-" + std::to_string(i));
      if (!ids.insert(point.id.Encode()).second) {
        continue;  // twice in one load is refused
      }
      rows << tools::PointLine(point) << "\n";
      after_.Upsert({.points = {point}});
    }
    REQUIRE(rows.flush().good());
  }

  const storage::TemporaryDirectory& directory() const { return directory_; }
  std::string path() const { return directory_.PathOf("db"); }

  void Reset() const {
    std::filesystem::remove_all(path());
    std::filesystem::copy(directory_.PathOf("base"), path(),
                          std::filesystem::copy_options::recursive);
  }
  ProgramProcess Start(const std::string& program,
                       const ProgramProcess::Environment& environment) const {
    return ProgramProcess(program,
                          {"--data", path(), "--collection", kOracleCollection, "--payload",
                           directory_.PathOf("rows.jsonl"), "--quiet"},
                          directory_.PathOf("load.log"), environment);
  }
  // All rows or none; then the load is done again, and all are there.
  void CheckAndRepeat() const {
    const StoredPoints stored = OpenAndRead(path());
    if (stored != before_.points()) {
      REQUIRE(stored == after_.points());
    }
    ProgramProcess again = Start("perigee-load", {});
    REQUIRE(again.Wait() == 0);
    REQUIRE(OpenAndRead(path()) == after_.points());
  }

 private:
  storage::TemporaryDirectory directory_;
  ReferenceCollection before_;
  ReferenceCollection after_;
};

}  // namespace

void RunEmbeddedKills(const ProgramKills& kills) {
  const storage::TemporaryDirectory directory;
  const std::string path = directory.PathOf("db");
  MakeOracleDatabase(path);
  // The child applies operation after operation of one stream and says which it was answered; the
  // same stream here gives the state after any number of them.
  OperationStream stream(SystemTestSchema(), {.seed = kills.seed, .ids = 200});
  ReferenceCollection state(SystemTestSchema());
  uint64_t applied = 0;
  std::mt19937_64 random(kills.seed);
  const bool power_cut = kills.manner == KillManner::kPowerCut;
  for (int round = 0; round < kills.rounds; ++round) {
    CAPTURE(round);
    const uint64_t early = round % 2 == 0 ? 0 : random();
    ProgramProcess child(
        power_cut ? "perigee_powercut_writer" : "perigee_embedded_writer",
        {path, std::to_string(kills.seed), std::to_string(applied),
         round % 2 == 0 ? "auto" : "posix"},
        directory.PathOf("writer.log"),
        power_cut ? PowerCutEnvironment(directory.path(), early) : ProgramProcess::Environment());
    REQUIRE(child.ReadLine() == "ready");
    absl::SleepFor(absl::Milliseconds(static_cast<int64_t>(5 + random() % 150)));
    child.Signal(SIGKILL);
    uint64_t answered = applied;
    while (const std::optional<std::string> line = child.ReadLine()) {
      answered = std::strtoull(line->c_str(), nullptr, 10);
    }
    child.Wait();
    while (applied < answered) {
      ApplyTo(state, stream.NextWrite());
      ++applied;
    }
    const StoredPoints stored = OpenAndRead(path);
    if (stored != state.points()) {
      ApplyTo(state, stream.NextWrite());
      ++applied;
      REQUIRE(stored == state.points());
    }
  }
  Report(kills, kills.rounds, applied, "embedded host");
  CHECK(applied > static_cast<uint64_t>(kills.rounds));
}

namespace {

// SIGKILL at random moments of a load.
int KillLoads(const ProgramKills& kills, const LoadCase& load) {
  std::mt19937_64 random(kills.seed);
  load.Reset();
  const auto started = std::chrono::steady_clock::now();
  REQUIRE(load.Start("perigee-load", {}).Wait() == 0);
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - started);
  int killed = 0;
  for (int round = 0; round < kills.rounds; ++round) {
    CAPTURE(round);
    load.Reset();
    ProgramProcess child = load.Start("perigee-load", {});
    absl::SleepFor(absl::Microseconds(
        static_cast<int64_t>(random() % static_cast<uint64_t>(whole.count() + 1))));
    child.Signal(SIGKILL);
    killed += child.Wait() == 128 + SIGKILL ? 1 : 0;
    load.CheckAndRepeat();
  }
  return killed;
}

// A power cut at every change that a load makes to the disk, in the order of the changes.
int CutLoads(const ProgramKills& kills, const LoadCase& load) {
  std::mt19937_64 random(kills.seed);
  int killed = 0;
  for (int pass = 0; pass < std::max(1, kills.rounds / kChangesPerPass); ++pass) {
    for (uint64_t at = 1;; ++at) {
      CAPTURE(at);
      load.Reset();
      const uint64_t early = random() % 2 == 0 ? 0 : random();
      ProgramProcess::Environment environment = PowerCutEnvironment(load.directory().path(), early);
      environment["PERIGEE_POWERCUT_AT_CALL"] = std::to_string(at);
      ProgramProcess child = load.Start("perigee_powercut_load", environment);
      const int exit_code = child.Wait();
      load.CheckAndRepeat();
      if (exit_code == 0) {
        break;  // the load makes fewer changes
      }
      REQUIRE(exit_code == 128 + SIGKILL);
      ++killed;
    }
  }
  return killed;
}

}  // namespace

void RunLoaderKills(const ProgramKills& kills) {
  const LoadCase load(kills.seed);
  const int killed =
      kills.manner == KillManner::kSigkill ? KillLoads(kills, load) : CutLoads(kills, load);
  Report(kills, killed, static_cast<uint64_t>(killed), "bulk loader, loads repeated");
  CHECK(killed > 0);
}

}  // namespace perigee::tests
