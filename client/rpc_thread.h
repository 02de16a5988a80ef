// SPDX-License-Identifier: Apache-2.0
//
// RpcThread: the thread of one Connection, with its own KJ event loop, and the link to the server
// that lives on it.
//
// Invariants:
//  1. Every object of the RPC library is made, used and destroyed on this thread; a step runs on
//  it,
//     is code of this library, and does no more than send, copy and hand back.
//  2. A link that was lost is made again by the next call; concurrent calls share one attempt.
//  3. A read whose connection fails is tried once more on a new link; a write never.
// Thread-safety: Start and the calls may be made from every thread but this one; calls block.
#pragma once

#include <kj/async-io.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "client/server_address.h"
#include "perigee.capnp.h"
#include "perigee/client/connection.h"

namespace perigee::client {

class ServerLink;

class RpcThread {
 public:
  enum class CallKind { kRead, kWrite };
  struct CallOptions {
    CallKind kind = CallKind::kRead;
    /// The whole call, with connecting and repeating.
    uint32_t timeout_ms = 60'000;
    /// For messages: "query", "upsert", ...
    const char* what = "call";
  };
  /// Sends a request and copies its reply to variables of the caller, which outlive the step. It
  /// may run twice, so it sets them anew. Answers the server's status.
  using SessionStep = std::function<kj::Promise<absl::Status>(schema::Session::Client)>;
  using CollectionStep = std::function<kj::Promise<absl::Status>(schema::Collection::Client)>;

  /// Starts the thread and connects. kUnavailable names the address and the step that failed.
  static absl::StatusOr<std::shared_ptr<RpcThread>> Start(ServerAddress address,
                                                          ConnectionOptions options);
  ~RpcThread();
  RpcThread(const RpcThread&) = delete;
  RpcThread& operator=(const RpcThread&) = delete;

  absl::Status CallSession(const CallOptions& call, const SessionStep& step);
  /// Asks the server for the collection if this link has not yet.
  absl::Status CallCollection(const CallOptions& call, const std::string& name,
                              const CollectionStep& step);
  /// Makes the next CallCollection ask again.
  void ForgetCollection(const std::string& name);

  uint32_t call_timeout_ms() const { return options_.call_timeout_ms; }

 private:
  RpcThread(ServerAddress address, ConnectionOptions options);
  void Run(absl::Notification& ready);
  /// Runs `work`, which answers a promise of a status, on the thread and waits for it.
  absl::Status OnThread(const std::function<kj::Promise<absl::Status>()>& work);

  const ServerAddress address_;
  const ConnectionOptions options_;
  kj::Own<const kj::Executor> executor_;
  // Used on the thread alone.
  ServerLink* link_ = nullptr;
  kj::Own<kj::PromiseFulfiller<void>> stop_;
  std::thread thread_;
};

}  // namespace perigee::client
