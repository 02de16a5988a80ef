// SPDX-License-Identifier: Apache-2.0
//
// ClientConnection: one accepted connection: guard, RPC system, gateway, and the rules for ending
// it.
//
// Invariants:
//  1. Until the client has authenticated, the narrow limits hold: small messages, few of them, and
//     not for long (K2).
//  2. Ended() resolves once the connection is over for whatever reason; destroying the object then
//     closes the socket and drops every capability of the client.
// Thread-safety: belongs to one KJ event loop.
#pragma once

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <kj/timer.h>

#include <string>

#include "client/wire/guarded_message_stream.h"
#include "server/auth/authenticator.h"
#include "server/rpc/gateway_capability.h"

namespace perigee::server {

struct ConnectionLimits {
  size_t connections_max = 1'024;
  size_t unauthenticated_max = 64;
  kj::Duration authenticate_timeout = 5 * kj::SECONDS;
  kj::Duration message_timeout = 10 * kj::SECONDS;
  kj::Duration idle_timeout = 15 * kj::MINUTES;
  kj::Duration age_max = 24 * kj::HOURS;
  /// Replies that the client does not take (K6).
  size_t unsent_bytes_max = 16U << 20U;
  kj::Duration unsent_time_max = 30 * kj::SECONDS;
  size_t open_answers_max = 256;
  /// Parameters of calls in flight; the connection is not read beyond it (K3).
  size_t flow_words_max = 4U << 20U;
};

class ClientConnection {
 public:
  /// `timer`, `limits` and what `parts` refers to must outlive this object.
  ClientConnection(kj::Own<kj::AsyncIoStream> stream, Peer peer, kj::Timer& timer,
                   const GatewayCapability::Parts& parts, const ConnectionLimits& limits);
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  /// To be called once; must not outlive this object.
  kj::Promise<void> Ended();

  bool authenticated() const { return authenticated_; }
  const Peer& peer() const { return peer_; }
  /// Bytes of replies that the kernel has not taken.
  size_t unsent_bytes() { return network_.getCurrentQueueSize(); }

 private:
  wire::GuardedMessageStream::Options GuardOptions();
  void OnAuthenticated();
  kj::Promise<void> Watch();
  /// Why the connection must end now; empty: it need not.
  std::string Verdict();

  const Peer peer_;
  kj::Timer& timer_;
  const ConnectionLimits& limits_;
  const kj::TimePoint accepted_at_;
  bool authenticated_ = false;
  kj::PromiseFulfillerPair<void> violated_;
  kj::Own<kj::AsyncIoStream> stream_;
  wire::GuardedMessageStream guard_;
  capnp::TwoPartyVatNetwork network_;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc_;
};

}  // namespace perigee::server
