// SPDX-License-Identifier: Apache-2.0
#include "tests/system/kill_loop.h"

#include <doctest/doctest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "perigee/client/connection.h"
#include "tests/support/temporary_directory.h"
#include "tests/system/oracle_run.h"

namespace perigee::tests {
namespace {

constexpr int64_t kLoadMillisecondsMin = 20;
constexpr int64_t kLoadMillisecondsSpread = 400;
constexpr int64_t kOpeningMillisecondsSpread = 40;
// Changes that a server makes to the disk in a round, roughly.
constexpr uint64_t kChangesSpread = 400;
constexpr uint64_t kReserveBytes = 1ULL << 20U;

// Kept when PERIGEE_TEST_ORACLE_DIR names a directory.
std::string LoopDirectory(const KillLoopOptions& options, const std::string& temporary) {
  const char* kept = std::getenv("PERIGEE_TEST_ORACLE_DIR");
  if (kept == nullptr) {
    return temporary;
  }
  const std::string directory = std::string(kept) + "/" + options.io_backend +
                                (options.power_cut ? "-power-cut-" : "-kill-") +
                                std::to_string(options.seed);
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  return directory;
}

class KillLoop {
 public:
  explicit KillLoop(const KillLoopOptions& options)
      : options_(options),
        directory_(LoopDirectory(options, temporary_.path())),
        random_(options.seed),
        run_(directory_, options.seed, kReserveBytes) {}

  void Run() {
    for (int round = 0; round <= options_.rounds; ++round) {
      CAPTURE(round);
      CAPTURE(options_.seed);
      KillWhileOpening();
      ServerProcess server(run_.database_path(), ServerOptions(round));
      const auto connection = client::Connection::Open(server.address(), {});
      REQUIRE_MESSAGE(connection.ok(), connection.status().ToString());
      run_.Judge(**connection);
      if (round < options_.rounds) {
        LoadAndKill(server);
        continue;
      }
      server.process().Signal(SIGTERM);
      CHECK(server.process().Wait() == 0);
    }
    run_.CheckOffline();
    MESSAGE("durability: ", options_.power_cut ? 0 : kills_, " kills, ",
            options_.power_cut ? kills_ : 0, " power cuts, ", run_.acknowledged(),
            " operations acknowledged, ", run_.reads(), " reads, 0 lost, 0 resurrected (",
            options_.io_backend, ")");
    CHECK(run_.acknowledged() > static_cast<uint64_t>(options_.rounds));
    CHECK(run_.reads() > 0);
  }

 private:
  absl::Duration Milliseconds(int64_t least, int64_t spread) {
    return absl::Milliseconds(least +
                              static_cast<int64_t>(random_() % static_cast<uint64_t>(spread)));
  }

  ServerProcess::Options ServerOptions(int round) {
    ServerProcess::Options server = {.io_backend = options_.io_backend};
    // Three kills while opening are nothing unusual here.
    server.arguments = {"--recovery-mode", "off"};
    if (options_.power_cut) {
      server.program = "perigee_powercut_server";
      // Half of the power cuts lose all that was not synced, half of them some of it.
      server.environment = PowerCutEnvironment(directory_, random_() % 2 == 0 ? 0 : random_());
      if (round < options_.rounds && random_() % 2 == 0) {
        // In the middle of a change, while readers go on for a moment: what they see by then and
        // the power takes was visible before it was durable.
        server.environment["PERIGEE_POWERCUT_AT_CALL"] =
            std::to_string(kChangesBeforeLoad + random_() % kChangesSpread);
      }
    }
    return server;
  }

  // Kills servers that have not finished opening yet.
  void KillWhileOpening() {
    while (random_() % 4 == 0) {
      const ServerProcess::Options options = ServerOptions(options_.rounds);
      ProgramProcess server(
          options.program,
          {"--data", run_.database_path(), "--listen", "unix:" + directory_ + "/opening.sock",
           "--io-backend", options.io_backend, "--recovery-mode", "off"},
          directory_ + "/opening.log", options.environment);
      absl::SleepFor(Milliseconds(0, kOpeningMillisecondsSpread));
      server.Signal(SIGKILL);
      server.Wait();
      ++kills_;
    }
  }

  void LoadAndKill(ServerProcess& server) {
    run_.Start(server.address());
    absl::SleepFor(Milliseconds(kLoadMillisecondsMin, kLoadMillisecondsSpread));
    server.process().Signal(SIGKILL);
    server.process().Wait();
    ++kills_;
    run_.Join();
    for (const auto& writer : run_.writers()) {
      // Anything else than a lost connection would be a server that fails without being killed.
      const absl::StatusCode code = writer->last_status().code();
      CHECK_MESSAGE((code == absl::StatusCode::kUnavailable || code == absl::StatusCode::kInternal),
                    writer->last_status().ToString());
    }
  }

  // So many are made by an open without a load, so that the open itself goes through.
  static constexpr uint64_t kChangesBeforeLoad = 60;

  const KillLoopOptions options_;
  const storage::TemporaryDirectory temporary_;
  const std::string directory_;  // holds db, spill and the logs
  std::mt19937_64 random_;
  OracleRun run_;
  int kills_ = 0;
};

}  // namespace

int KillRounds(int otherwise) {
  const char* text = std::getenv("PERIGEE_TEST_KILLS");
  return text == nullptr ? otherwise : std::atoi(text);
}

ProgramProcess::Environment PowerCutEnvironment(const std::string& directory, uint64_t seed) {
  const std::string spill = directory + "/spill";
  std::filesystem::remove_all(spill);
  std::filesystem::create_directory(spill);
  return {{"PERIGEE_POWERCUT_SPILL", spill}, {"PERIGEE_POWERCUT_SEED", std::to_string(seed)}};
}

void RunKillLoop(const KillLoopOptions& options) { KillLoop(options).Run(); }

}  // namespace perigee::tests
