// SPDX-License-Identifier: Apache-2.0
#include "tests/system/kill_loop.h"

#include <doctest/doctest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "perigee/database.h"
#include "storage/foundation/status_macros.h"

namespace perigee::tests {
namespace {

constexpr uint64_t kLoadMillisecondsMin = 20;
constexpr uint64_t kLoadMillisecondsSpread = 400;
constexpr uint64_t kOpeningMillisecondsSpread = 40;

// Kept when PERIGEE_TEST_ORACLE_DIR names a directory, for perigee_oracle_check.
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

}  // namespace

int KillRounds(int otherwise) {
  const char* text = std::getenv("PERIGEE_TEST_KILLS");
  return text == nullptr ? otherwise : std::atoi(text);
}

void MakeOracleDatabase(const std::string& path) {
  OpenOptions options = {.access = Access::Unrestricted()};
  options.creation = {.log_file_bytes = 256U << 10U, .section_alignment_bytes = 4U << 10U};
  auto database = Database::Open(path, options);
  REQUIRE_MESSAGE(database.ok(), database.status().ToString());
  REQUIRE((*database)->CreateCollection(kOracleCollection, SystemTestSchema()).ok());
  REQUIRE((*database)->Close().ok());
}

KillLoop::KillLoop(const KillLoopOptions& options)
    : options_(options),
      directory_(LoopDirectory(options, temporary_.path())),
      random_(options.seed),
      offsets_(2 * kWriters, 0) {
  MakeOracleDatabase(directory_ + "/db");
  reader_ = std::make_unique<OracleReader>(options.seed, LogPath("reader"));
  for (uint32_t i = 0; i < kWriters; ++i) {
    const std::string log_path = LogPath(std::to_string(i));
    writers_.push_back(
        std::make_unique<OracleWriter>(OracleWriter::Options{.seed = options.seed * 100 + i,
                                                             .number = i,
                                                             .has_side = i == 0,
                                                             .has_structure = i == 1,
                                                             .log_path = log_path}));
    states_.push_back(std::make_unique<OracleState>(i, SystemTestSchema()));
    settlements_.push_back(std::make_unique<OracleLog>(log_path));
  }
}

std::string KillLoop::LogPath(const std::string& client) const {
  return directory_ + "/oracle-" + client + ".log";
}

ServerProcess::Options KillLoop::ServerOptions() {
  ServerProcess::Options server = {.io_backend = options_.io_backend};
  if (options_.power_cut) {
    const std::string spill = directory_ + "/spill";
    std::filesystem::remove_all(spill);
    std::filesystem::create_directory(spill);
    server.program = "perigee_powercut_server";
    // Half of the power cuts lose all that was not synced, half of them some of it.
    server.environment = {
        {"PERIGEE_POWERCUT_SPILL", spill},
        {"PERIGEE_POWERCUT_SEED", std::to_string(random_() % 2 == 0 ? 0 : random_())}};
  }
  return server;
}

void KillLoop::KillWhileOpening() {
  while (random_() % 4 == 0) {
    const ServerProcess::Options options = ServerOptions();
    ProgramProcess server(
        options.program,
        {"--data", directory_ + "/db", "--listen", "unix:" + directory_ + "/opening.sock",
         "--io-backend", options.io_backend},
        directory_ + "/opening.log", options.environment);
    absl::SleepFor(
        absl::Milliseconds(static_cast<int64_t>(random_() % kOpeningMillisecondsSpread)));
    server.Signal(SIGKILL);
    server.Wait();
    ++kills_;
  }
}

void KillLoop::Load(ServerProcess& server) {
  std::vector<std::thread> clients;
  for (const auto& writer : writers_) {
    clients.emplace_back([&server, &writer] { writer->Run(server.address()); });
  }
  clients.emplace_back([&server, this] { reader_->Run(server.address()); });
  absl::SleepFor(absl::Milliseconds(
      static_cast<int64_t>(kLoadMillisecondsMin + random_() % kLoadMillisecondsSpread)));
  server.process().Signal(SIGKILL);
  server.process().Wait();
  ++kills_;
  for (std::thread& client : clients) {
    client.join();
  }
  for (const auto& writer : writers_) {
    // Anything else than a lost connection would be a server that fails without being killed.
    const absl::StatusCode code = writer->last_status().code();
    CHECK_MESSAGE((code == absl::StatusCode::kUnavailable || code == absl::StatusCode::kInternal),
                  writer->last_status().ToString());
  }
}

void KillLoop::Judge(const client::Connection& connection) {
  for (uint32_t i = 0; i < kWriters; ++i) {
    const auto entries = ReadOracleLog(LogPath(std::to_string(i)), &offsets_[i]);
    REQUIRE_MESSAGE(entries.ok(), entries.status().ToString());
    for (const OracleEntry& entry : *entries) {
      const absl::Status applied = states_[i]->Apply(entry);
      REQUIRE_MESSAGE(applied.ok(), applied.ToString());
    }
  }
  const auto seen = ReadOracleLog(LogPath("reader"), &offsets_[kWriters]);
  REQUIRE_MESSAGE(seen.ok(), seen.status().ToString());
  for (const OracleEntry& entry : *seen) {
    const absl::Status applied = states_[entry.writer]->Apply(entry);
    REQUIRE_MESSAGE(applied.ok(), applied.ToString());
  }
  auto collection = connection.OpenCollection(kOracleCollection);
  REQUIRE_MESSAGE(collection.ok(), collection.status().ToString());
  const auto all = ReadAllPoints(*collection);
  REQUIRE_MESSAGE(all.ok(), all.status().ToString());
  std::optional<StoredPoints> side;
  const auto side_collection = connection.OpenCollection(kOracleSideCollection);
  if (side_collection.ok()) {
    const auto points = ReadAllPoints(*side_collection);
    REQUIRE_MESSAGE(points.ok(), points.status().ToString());
    side = *points;
  }
  size_t owned = 0;
  std::vector<const OracleState*> states;
  for (uint32_t i = 0; i < kWriters; ++i) {
    const OracleStored stored = {.points = PointsOfWriter(*all, i),
                                 .side = i == 0 ? side : std::nullopt};
    owned += stored.points.size();
    const auto settled = states_[i]->Judge(stored);
    REQUIRE_MESSAGE(settled.ok(), settled.status().ToString());
    if (settled->has_value()) {
      settlements_[i]->Append(**settled);
    }
    states.push_back(states_[i].get());
  }
  CHECK(owned == all->size());
  const absl::Status seqs = CheckSeqs(states);
  REQUIRE_MESSAGE(seqs.ok(), seqs.ToString());
}

void KillLoop::CheckOffline() const {
  ProgramProcess checker("perigee_oracle_check", {directory_}, directory_ + "/check.log");
  const std::string said = checker.ReadAll();
  CHECK(checker.Wait() == 0);
  CHECK(said.find("0 lost, 0 resurrected") != std::string::npos);
}

void KillLoop::Run() {
  for (int round = 0; round <= options_.rounds; ++round) {
    CAPTURE(round);
    CAPTURE(options_.seed);
    KillWhileOpening();
    ServerProcess server(directory_ + "/db", ServerOptions());
    const auto connection = client::Connection::Open(server.address(), {});
    REQUIRE_MESSAGE(connection.ok(), connection.status().ToString());
    Judge(**connection);
    if (round < options_.rounds) {
      Load(server);
      continue;
    }
    server.process().Signal(SIGTERM);
    CHECK(server.process().Wait() == 0);
  }
  uint64_t acknowledged = 0;
  for (const auto& state : states_) {
    acknowledged += state->acknowledged();
  }
  CheckOffline();
  MESSAGE("durability: ", options_.power_cut ? 0 : kills_, " kills, ",
          options_.power_cut ? kills_ : 0, " power cuts, ", acknowledged,
          " operations acknowledged, ", reader_->reads(), " reads, 0 lost, 0 resurrected (",
          options_.io_backend, ")");
  CHECK(acknowledged > static_cast<uint64_t>(options_.rounds));
  CHECK(reader_->reads() > 0);
}

}  // namespace perigee::tests
