// SPDX-License-Identifier: Apache-2.0
//
// ServerLink: the connection of one RpcThread to its server: connecting, the session, collections
// by name, and what is repeated when the connection is lost.
//
// Invariants: one attempt to connect at a time; a session belongs to exactly one connection, and
// everything obtained from it goes with it.
// Thread-safety: belongs to one KJ event loop.
#pragma once

#include <kj/async-io.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/rpc_thread.h"
#include "client/server_address.h"
#include "perigee.capnp.h"

namespace perigee::client {

class ServerLink {
 public:
  ServerLink(kj::AsyncIoContext& io, const ServerAddress& address,
             const ConnectionOptions& options);
  ~ServerLink();
  ServerLink(const ServerLink&) = delete;
  ServerLink& operator=(const ServerLink&) = delete;

  /// `call` and `step` must outlive the promise.
  kj::Promise<absl::Status> CallSession(const RpcThread::CallOptions& call,
                                        const RpcThread::SessionStep& step);
  kj::Promise<absl::Status> CallCollection(const RpcThread::CallOptions& call,
                                           const std::string& name,
                                           const RpcThread::CollectionStep& step);
  void ForgetCollection(const std::string& name);

 private:
  class Connected;
  /// Where one call stands; decides what a failure means.
  struct Attempt;
  using AttemptStep = std::function<kj::Promise<absl::Status>(Attempt&)>;

  kj::Promise<absl::Status> Call(const RpcThread::CallOptions& call, AttemptStep step);
  kj::Promise<absl::Status> Try(kj::Own<Attempt> attempt);
  kj::Promise<absl::Status> EnsureConnected();
  kj::Promise<absl::Status> Connect();
  kj::Promise<absl::Status> Greet(kj::Own<Connected> connected);
  kj::Promise<absl::Status> Authenticate(kj::Own<Connected> connected);
  std::string Context(const char* what) const;

  kj::AsyncIoContext& io_;
  const ServerAddress& address_;
  const ConnectionOptions& options_;
  kj::Own<Connected> connected_;
  bool connecting_now_ = false;
  kj::Maybe<kj::ForkedPromise<absl::Status>> connecting_;
  /// What connecting is doing, for its error.
  const char* connect_step_ = "";
};

}  // namespace perigee::client
