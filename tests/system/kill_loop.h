// SPDX-License-Identifier: Apache-2.0
//
// KillLoop: runs a server under mixed load over RPC, kills it, starts it again and compares what it
// holds with the logs of its clients, round after round; also kills it while it recovers.
//
// Invariants: every round ends with all acknowledged operations there, each writer's open one
// there wholly or not at all, and nothing that a reader saw gone (oracle_state.h). The logs are on
// the disk: perigee_oracle_check judges the same directory again, after a night too.
// Thread-safety: one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "perigee/client/connection.h"
#include "tests/support/oracle_client.h"
#include "tests/support/oracle_state.h"
#include "tests/support/program_process.h"
#include "tests/support/temporary_directory.h"

namespace perigee::tests {

struct KillLoopOptions {
  std::string io_backend = "auto";
  bool power_cut = false;
  int rounds = 0;
  uint64_t seed = 1;
};

/// PERIGEE_TEST_KILLS, else `otherwise`.
int KillRounds(int otherwise);

/// Makes a database of small files, with the collection that the oracle's clients write to.
void MakeOracleDatabase(const std::string& path);

class KillLoop {
 public:
  static constexpr uint32_t kWriters = 4;

  explicit KillLoop(const KillLoopOptions& options);

  /// All rounds, and one orderly end. Failures are doctest failures of the calling case.
  void Run();

 private:
  std::string LogPath(const std::string& client) const;
  ServerProcess::Options ServerOptions();
  /// Kills servers that have not finished opening yet.
  void KillWhileOpening();
  void Load(ServerProcess& server);
  /// Compares with the logs and settles what was open.
  void Judge(const client::Connection& connection);
  void CheckOffline() const;

  const KillLoopOptions options_;
  storage::TemporaryDirectory temporary_;
  const std::string directory_;  // holds db, spill and the logs
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<OracleWriter>> writers_;
  std::unique_ptr<OracleReader> reader_;
  std::vector<std::unique_ptr<OracleState>> states_;
  std::vector<std::unique_ptr<OracleLog>> settlements_;
  std::vector<uint64_t> offsets_;
  int kills_ = 0;
};

}  // namespace perigee::tests
