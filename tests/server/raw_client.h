// SPDX-License-Identifier: Apache-2.0
//
// RawClient: a client without the client library, to send what that one never would: bytes that are
// no messages, requests beyond the limits, calls without a session.
//
// Invariants: waits are bounded by a timeout, so that a server that does not answer fails a test
// instead of hanging it.
// Thread-safety: belongs to the thread that made it.
#pragma once

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include <memory>
#include <string>
#include <string_view>

#include "perigee.capnp.h"

namespace perigee::server {

class RawClient {
 public:
  /// Connects to a Unix socket.
  explicit RawClient(const std::string& socket_path);

  /// Sends bytes as they are.
  void Send(std::string_view bytes);
  /// Whether the server closes the connection within 30 s; what it sends before is ignored.
  bool IsClosed();
  void CloseWriting() { stream_->shutdownWrite(); }

  /// The RPC system of this client; after this Send is over.
  schema::Gateway::Client Gateway();
  /// Gateway and authentication without credential.
  schema::Session::Client Session();
  schema::Collection::Client Collection(const std::string& name);

  /// The value of the promise; throws after 30 s.
  template <typename T>
  auto Wait(kj::Promise<T>&& promise) {
    return io_.provider->getTimer()
        .timeoutAfter(30 * kj::SECONDS, kj::mv(promise))
        .wait(io_.waitScope);
  }
  template <typename T>
  auto Wait(capnp::RemotePromise<T>&& promise) {
    return Wait(kj::Promise<capnp::Response<T>>(kj::mv(promise)));
  }
  kj::AsyncIoContext& io() { return io_; }

 private:
  kj::AsyncIoContext io_;
  kj::Own<kj::AsyncIoStream> stream_;
  std::unique_ptr<capnp::TwoPartyClient> client_;
};

}  // namespace perigee::server
