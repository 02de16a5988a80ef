// SPDX-License-Identifier: Apache-2.0
//
// OracleRun: four writers and a reader that load a server until it is gone, their logs, and the
// judgement of what a server that was started again holds. What kill loops, storage failures and
// full disks have in common.
//
// Invariants: Judge demands all acknowledged operations, each writer's open one wholly or not at
// all, and nothing gone that a reader saw (oracle_state.h); it then settles what was open. Failures
// are doctest failures of the calling case.
// Thread-safety: one thread.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "perigee/client/connection.h"
#include "tests/support/oracle_client.h"
#include "tests/support/oracle_state.h"

namespace perigee::tests {

/// Makes a database of small files, with the collection that the oracle's clients write to, and
/// with a reserve for a full disk.
void MakeOracleDatabase(const std::string& path, uint64_t reserve_bytes = 0);

class OracleRun {
 public:
  static constexpr uint32_t kWriters = 4;

  /// Makes `directory`/db and the logs beside it; `directory` exists.
  OracleRun(const std::string& directory, uint64_t seed, uint64_t reserve_bytes = 0);
  ~OracleRun();

  std::string database_path() const { return directory_ + "/db"; }
  /// Starts the clients; they end when the server does, or fails.
  void Start(const std::string& address);
  void Join();
  void Judge(const client::Connection& connection);
  /// As Judge, by perigee_oracle_check on the closed database.
  void CheckOffline() const;

  const std::vector<std::unique_ptr<OracleWriter>>& writers() const { return writers_; }
  uint64_t acknowledged() const;
  uint64_t reads() const { return reader_->reads(); }

 private:
  std::string LogPath(const std::string& client) const;
  void ReadLogs();

  const std::string directory_;
  std::vector<std::unique_ptr<OracleWriter>> writers_;
  std::unique_ptr<OracleReader> reader_;
  std::vector<std::thread> threads_;
  std::vector<std::unique_ptr<OracleState>> states_;
  std::vector<std::unique_ptr<OracleLog>> settlements_;
  std::vector<uint64_t> offsets_;  // in the writers' logs, then in the reader's
};

}  // namespace perigee::tests
