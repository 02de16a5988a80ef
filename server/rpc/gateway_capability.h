// SPDX-License-Identifier: Apache-2.0
//
// GatewayCapability: the bootstrap object. Its two methods are all that a stranger can call (S1).
//
// Invariants: a session is made for exactly the Access that the authenticator granted; a connection
// that failed to authenticate learns only that it failed.
// Thread-safety: belongs to one KJ event loop.
#pragma once

#include <functional>

#include "perigee.capnp.h"
#include "perigee/database.h"
#include "server/auth/authenticator.h"
#include "server/rpc/call_service.h"

namespace perigee::server {

class GatewayCapability final : public schema::Gateway::Server {
 public:
  struct Parts {
    CallService& service;
    const Authenticator& authenticator;
    const Database& database;
    std::string snapshot_directory = {};
  };

  /// The parts must outlive this object; `on_authenticated` is called after each success.
  GatewayCapability(const Parts& parts, Peer peer, std::function<void()> on_authenticated)
      : parts_(parts), peer_(std::move(peer)), on_authenticated_(std::move(on_authenticated)) {}

  kj::Promise<void> hello(HelloContext context) override;
  kj::Promise<void> authenticate(AuthenticateContext context) override;

 private:
  const Parts parts_;
  const Peer peer_;
  const std::function<void()> on_authenticated_;
};

}  // namespace perigee::server
