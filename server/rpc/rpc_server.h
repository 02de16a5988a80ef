// SPDX-License-Identifier: Apache-2.0
//
// RpcServer: the Cap'n Proto listener: a thread with an event loop that accepts connections and
// carries calls to the dispatcher and answers back (K3).
//
// Invariants:
//  1. All objects of the RPC library live on the loop's thread; requests and answers cross as
//  values
//     and whole messages.
//  2. Beyond the limits no connection is accepted; it waits in the kernel's queue.
//  3. After Drain no call is in progress, unless time ran out, and no new one is begun.
// Thread-safety: Start, Drain and the destructor belong to one thread, which is not the loop's.
#pragma once

#include <kj/async-io.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "perigee/database.h"
#include "server/auth/authenticator.h"
#include "server/rpc/client_connection.h"
#include "server/rpc/listen_socket.h"
#include "server/service/request_dispatcher.h"

namespace perigee::server {

class RpcServer {
 public:
  struct Parts {
    const Database& database;
    RequestDispatcher& dispatcher;
    const Authenticator& authenticator;
    /// Snapshots that clients ask for go below it; empty: none are taken.
    std::string snapshot_directory = {};
  };

  /// Serves `sockets`, which close with it. What `parts` refers to must outlive the server.
  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(const Parts& parts,
                                                          std::vector<ListenSocket> sockets,
                                                          const ConnectionLimits& limits);
  /// Ends at once: connections are closed, work that was begun finishes without an audience.
  ~RpcServer();
  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;

  /// Stops accepting, refuses new calls, waits for those in progress and for their answers to
  /// leave, at most for `time`. Answers whether all of them are done.
  bool Drain(std::chrono::milliseconds time);

  /// What clients connect to, one per socket.
  const std::vector<std::string>& client_addresses() const { return client_addresses_; }

 private:
  class Loop;

  RpcServer(const Parts& parts, std::vector<ListenSocket> sockets, const ConnectionLimits& limits);
  void Run(absl::Notification& ready);

  const Parts parts_;
  // On the loop's thread while that runs.
  std::vector<ListenSocket> sockets_;
  const ConnectionLimits limits_;
  kj::Own<const kj::Executor> executor_;
  // Used on the loop's thread alone.
  Loop* loop_ = nullptr;
  std::vector<std::string> client_addresses_;
  std::thread thread_;
};

}  // namespace perigee::server
