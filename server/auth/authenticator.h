// SPDX-License-Identifier: Apache-2.0
//
// Authenticator: turns a credential and the peer that shows it into an Access, which nothing else
// in the server can make (S1, S7).
//
// Invariants: "no credential" is accepted from Unix sockets and loopback alone, unless the operator
// said --insecure; every refusal reads the same (S5).
// Thread-safety: immutable.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "perigee/access.h"

namespace perigee::server {

/// Who is at the other end of a connection, as the kernel tells it.
struct Peer {
  enum class Kind { kUnixSocket, kLoopback, kRemote };
  Kind kind = Kind::kRemote;
  /// For logs: an address, or "uid 1000".
  std::string name = {};
};

/// What a client shows.
struct PresentedCredential {
  enum class Kind { kNone, kApiKey, kUnknown };
  Kind kind = Kind::kUnknown;
};

class Authenticator {
 public:
  struct Options {
    /// --insecure: anyone who can connect may do everything.
    bool accept_remote_without_key = false;
  };

  explicit Authenticator(const Options& options) : options_(options) {}

  /// kUnauthenticated if the credential does not do for this peer.
  absl::StatusOr<Access> Authenticate(const PresentedCredential& credential,
                                      const Peer& peer) const;

 private:
  const Options options_;
};

}  // namespace perigee::server
