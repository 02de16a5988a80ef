// SPDX-License-Identifier: Apache-2.0
//
// Goal: when storage fails, a server answers storage_failed to every write that waits or comes
// later, ends with 74 or serves on without writes as it was told to, and has lost nothing when it
// is started again; an embedded host is told once and lives on. Method: one call on the log or the
// manifest of the power-cut programs fails by plan, and its bytes are lost; strace fails the
// flushes of the real server. The clients' logs judge the restart.
#include <doctest/doctest.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <random>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "perigee/client/connection.h"
#include "perigee/database.h"
#include "storage/foundation/error_reason.h"
#include "tests/support/operation_stream.h"
#include "tests/support/oracle_client.h"
#include "tests/support/program_process.h"
#include "tests/support/reference_collection.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_seed.h"
#include "tests/system/kill_loop.h"
#include "tests/system/oracle_run.h"

namespace perigee::tests {
namespace {

constexpr int kExitIoError = 74;

struct PlannedCall {
  const char* call;
  /// Calls that an open makes, so that it goes through; the failure comes some time behind them.
  uint64_t after;
  uint64_t spread;
};

constexpr PlannedCall kPlannedCalls[] = {
    {"sync:/wal/", 8, 40},    {"write:/wal/", 8, 40},        {"sync:MANIFEST", 8, 8},
    {"write:MANIFEST", 8, 8}, {"sync_directory:/wal", 4, 2}, {"sync_directory:/seg", 2, 3},
};

ServerProcess::Options FailingServer(const std::string& directory, const PlannedCall& planned,
                                     std::mt19937_64& random) {
  ServerProcess::Options options = {.program = "perigee_powercut_server"};
  options.io_backend = random() % 2 == 0 ? "auto" : "posix";
  options.environment = PowerCutEnvironment(directory, random() % 2 == 0 ? 0 : random());
  options.environment["PERIGEE_POWERCUT_FAILURES"] =
      std::string(planned.call) + ":" + std::to_string(planned.after + random() % planned.spread);
  return options;
}

bool WaitFor(const std::function<bool()>& condition) {
  for (int i = 0; i < 3'000; ++i) {
    if (condition()) {
      return true;
    }
    absl::SleepFor(absl::Milliseconds(10));
  }
  return false;
}

bool AnyWriterWasToldSo(const OracleRun& run) {
  for (const auto& writer : run.writers()) {
    if (GetErrorReason(writer->last_status()) == ErrorReason::kStorageFailed) {
      return true;
    }
  }
  return false;
}

// Starts the server without failures, on the disk as the failed one left it.
void JudgeRestart(OracleRun& run) {
  ServerProcess server(run.database_path(), {});
  const auto connection = client::Connection::Open(server.address(), {});
  REQUIRE_MESSAGE(connection.ok(), connection.status().ToString());
  run.Judge(**connection);
  server.process().Signal(SIGTERM);
  CHECK(server.process().Wait() == 0);
}

// Whether a tracer attaches to all threads of the process within some seconds.
bool IsTraced(pid_t pid) {
  return WaitFor([pid] {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);) {
      if (absl::StartsWith(line, "TracerPid:")) {
        return line.find_first_of("123456789") != std::string::npos;
      }
    }
    return false;
  });
}

TEST_SUITE("system kill") {
  TEST_CASE("a storage failure under load ends the server with 74 and loses nothing") {
    const uint64_t seed = TestSeed(31);
    std::mt19937_64 random(seed);
    const storage::TemporaryDirectory directory;
    OracleRun run(directory.path(), seed);
    for (int round = 0; round < KillRounds(12); ++round) {
      const PlannedCall& planned =
          kPlannedCalls[static_cast<size_t>(round) % std::size(kPlannedCalls)];
      CAPTURE(std::string(planned.call));
      CAPTURE(seed);
      {
        ServerProcess server(run.database_path(), FailingServer(directory.path(), planned, random));
        run.Start(server.address());
        const bool ended = WaitFor([&server] { return !server.process().Running(); });
        server.process().Signal(SIGKILL);
        run.Join();
        REQUIRE_MESSAGE(ended, server.Log());
        CHECK(server.process().Wait() == kExitIoError);
        CHECK(AnyWriterWasToldSo(run));
      }
      JudgeRestart(run);
    }
    run.CheckOffline();
    MESSAGE("durability: ", KillRounds(12), " storage failures under load, ", run.acknowledged(),
            " operations acknowledged, 0 lost, 0 resurrected");
  }

  TEST_CASE("a server told so serves reads on after a storage failure and takes no write") {
    const uint64_t seed = TestSeed(32);
    std::mt19937_64 random(seed);
    const storage::TemporaryDirectory directory;
    OracleRun run(directory.path(), seed);
    {
      ServerProcess::Options options = FailingServer(directory.path(), kPlannedCalls[0], random);
      options.arguments = {"--on-storage-failure", "read_only"};
      ServerProcess server(run.database_path(), options);
      const auto connection = client::Connection::Open(server.address(), {});
      REQUIRE(connection.ok());
      run.Start(server.address());
      CHECK(WaitFor([&connection] {
        const auto status = (*connection)->Status();
        return status.ok() && !status->storage_error.empty();
      }));
      auto collection = (*connection)->OpenCollection(kOracleCollection);
      REQUIRE(collection.ok());
      OperationStream stream(SystemTestSchema(), {.seed = seed, .id_prefix = "never-"});
      for (int i = 0; i < 5; ++i) {
        const auto refused = collection->Upsert({.points = {stream.NextPoint()}});
        CHECK(GetErrorReason(refused.status()) == ErrorReason::kStorageFailed);
        CHECK(collection->Count({}).ok());
      }
      CHECK(GetErrorReason((*connection)->DropCollection(kOracleCollection)) ==
            ErrorReason::kStorageFailed);
      CHECK(ReadAllPoints(*collection).ok());
      server.process().Signal(SIGTERM);
      CHECK(server.process().Wait() == kExitIoError);
      run.Join();
      CHECK(AnyWriterWasToldSo(run));
    }
    JudgeRestart(run);
  }

  TEST_CASE("flushes that fail in the real server end it with 74 and lose nothing") {
    const uint64_t seed = TestSeed(33);
    const storage::TemporaryDirectory directory;
    OracleRun run(directory.path(), seed);
    {
      ServerProcess server(run.database_path(), {.io_backend = "posix"});
      run.Start(server.address());
      const std::string strace =
          "strace -f -qq -o /dev/null -e trace=fdatasync,fsync "
          "-e inject=fdatasync,fsync:error=EIO:when=3+ -p " +
          std::to_string(server.process().pid()) + " 2>/dev/null &";
      const bool traced = std::system(strace.c_str()) == 0 && IsTraced(server.process().pid());
      const bool ended = traced && WaitFor([&server] { return !server.process().Running(); });
      server.process().Signal(SIGKILL);
      run.Join();
      if (!traced) {
        MESSAGE("skipped: strace cannot attach here");
        return;
      }
      REQUIRE_MESSAGE(ended, server.Log());
      CHECK(server.process().Wait() == kExitIoError);
      CHECK(AnyWriterWasToldSo(run));
    }
    JudgeRestart(run);
    run.CheckOffline();
  }

  TEST_CASE("an embedded host is told once of a storage failure, reads on and lives") {
    const uint64_t seed = TestSeed(34);
    std::mt19937_64 random(seed);
    const storage::TemporaryDirectory directory;
    const std::string path = directory.PathOf("db");
    MakeOracleDatabase(path);
    OperationStream stream(SystemTestSchema(), {.seed = seed, .ids = 200});
    ReferenceCollection state(SystemTestSchema());
    uint64_t applied = 0;
    const auto apply_next = [&] {
      const WriteOperation operation = stream.NextWrite();
      if (const auto* upsert = std::get_if<UpsertRequest>(&operation)) {
        state.Upsert(*upsert);
      } else {
        state.Delete(std::get<DeleteRequest>(operation));
      }
      ++applied;
    };
    for (int round = 0; round < KillRounds(6); ++round) {
      const PlannedCall& planned = kPlannedCalls[static_cast<size_t>(round) % 2];
      CAPTURE(std::string(planned.call));
      ProgramProcess::Environment environment = PowerCutEnvironment(directory.path(), 0);
      environment["PERIGEE_POWERCUT_FAILURES"] =
          std::string(planned.call) + ":" + std::to_string(planned.after + random() % 40);
      ProgramProcess child("perigee_powercut_writer",
                           {path, std::to_string(seed), std::to_string(applied), "auto"},
                           directory.PathOf("writer.log"), environment);
      REQUIRE(child.ReadLine() == "ready");
      int told = 0;
      uint64_t answered = applied;
      std::string last;
      while (const std::optional<std::string> line = child.ReadLine()) {
        last = *line;
        told += *line == "storage failed" ? 1 : 0;
        answered = std::max<uint64_t>(answered, std::strtoull(line->c_str(), nullptr, 10));
      }
      CHECK(child.Wait() == 0);
      CHECK(told == 1);
      while (applied < answered) {
        apply_next();
      }
      CHECK(last == "reads on: " + std::to_string(state.size()));
      auto database = Database::Open(path, {.access = Access::Unrestricted()});
      REQUIRE_MESSAGE(database.ok(), database.status().ToString());
      auto collection = (*database)->OpenCollection(kOracleCollection);
      const auto stored = ReadAllPoints(*collection);
      REQUIRE(stored.ok());
      if (*stored != state.points()) {
        apply_next();
        REQUIRE(*stored == state.points());
      }
    }
  }
}

}  // namespace
}  // namespace perigee::tests
