// SPDX-License-Identifier: Apache-2.0
//
// ServedDatabase: a real database in a temporary directory, served by an RpcServer of this process
// on a Unix socket, for tests of the server and the client.
//
// Invariants: members end in the order server, database, dispatcher, directory.
// Thread-safety: one thread at a time; clients may be on any thread.
#pragma once

#include <memory>
#include <string>

#include "perigee/database.h"
#include "server/auth/authenticator.h"
#include "server/rpc/rpc_server.h"
#include "server/service/request_dispatcher.h"
#include "tests/support/temporary_directory.h"

namespace perigee::server {

class ServedDatabase {
 public:
  struct Options {
    ConnectionLimits limits = {};
    RequestDispatcher::Options dispatcher = {};
    Authenticator::Options authenticator = {};
    bool takes_snapshots = false;
  };

  ServedDatabase();
  explicit ServedDatabase(const Options& options);
  ~ServedDatabase();
  ServedDatabase(const ServedDatabase&) = delete;
  ServedDatabase& operator=(const ServedDatabase&) = delete;

  /// "unix:PATH", the same over all restarts.
  std::string address() const { return "unix:" + socket_path_; }
  const std::string& socket_path() const { return socket_path_; }
  /// Where the server puts snapshots, if it takes them.
  std::string snapshot_directory() const { return directory_.PathOf("snapshots"); }
  Database& database() { return *database_; }
  RpcServer& server() { return *server_; }
  const RequestDispatcher& dispatcher() const { return dispatcher_; }

  /// Ends the server; the database stays open.
  void Stop() { server_.reset(); }
  /// Serves again.
  void Start();

 private:
  const storage::TemporaryDirectory directory_;
  const Options options_;
  const std::string socket_path_;
  RequestDispatcher dispatcher_;
  const Authenticator authenticator_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<RpcServer> server_;
};

/// One unnamed cosine vector of `dimension`.
CollectionSchema PlainSchema(uint32_t dimension = 4);
/// Points 0 to count - 1 of PlainSchema, with the payload {"n": id}.
UpsertRequest PlainPoints(uint64_t count, uint32_t dimension = 4);

}  // namespace perigee::server
