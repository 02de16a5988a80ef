// SPDX-License-Identifier: Apache-2.0
//
// ListenSocket: a bound and listening socket, TCP or Unix.
//
// Invariants:
//  1. Beyond loopback a socket is opened only when that is asked for in so many words (S5).
//  2. A Unix socket's file is for its owner alone (mode 0600); a file that a dead server left
//  behind
//     is replaced, one on which somebody listens and a file of another kind never are.
//  3. Close and the destructor remove the socket's file before they close it: while the file
//  stands,
//     somebody listens, so no other server replaces it and has its own removed.
// Thread-safety: one thread at a time.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "server/listen_address.h"

namespace perigee::server {

class ListenSocket {
 public:
  struct Options {
    bool allow_remote = false;
  };

  /// kPermissionDenied: the address is beyond loopback. kAlreadyExists: in use. Other errors name
  /// the address and what the system said.
  static absl::StatusOr<ListenSocket> Open(const ListenAddress& address, const Options& options);

  ~ListenSocket();
  ListenSocket(ListenSocket&& other) noexcept;
  ListenSocket& operator=(ListenSocket&& other) noexcept;

  /// Removes the socket's file and closes it, so that new clients are refused at once. Idempotent.
  void Close();

  /// -1 once closed.
  int fd() const { return fd_; }
  /// What a client connects to: "perigee://127.0.0.1:7474" or "unix:/run/perigee.sock".
  const std::string& client_address() const { return client_address_; }
  bool is_unix() const { return !unix_path_.empty(); }

 private:
  ListenSocket(int fd, std::string client_address, std::string unix_path);

  int fd_ = -1;
  std::string client_address_;
  std::string unix_path_;
};

}  // namespace perigee::server
