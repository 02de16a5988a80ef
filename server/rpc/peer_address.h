// SPDX-License-Identifier: Apache-2.0
//
// What the kernel says about the other end of a connection.
//
// Invariants: loopback is 127.0.0.0/8, ::1 and ::ffff:127.0.0.0/104, nothing else.
// Thread-safety: functions without state.
#pragma once

#include <kj/async-io.h>
#include <sys/socket.h>

#include <string>

#include "absl/status/statusor.h"
#include "server/auth/authenticator.h"

namespace perigee::server {

bool IsLoopback(const sockaddr* address);
/// "127.0.0.1:7474" or "[::1]:7474".
std::string AddressText(const sockaddr* address);

/// The peer of an accepted connection. A Unix socket's peer must have the server's user or be root;
/// others are kPermissionDenied (S5).
absl::StatusOr<Peer> PeerOf(kj::AsyncIoStream& stream, bool unix_socket);

}  // namespace perigee::server
