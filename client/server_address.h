// SPDX-License-Identifier: Apache-2.0
//
// ServerAddress: where a server listens, "perigee://HOST:PORT" or "unix:PATH".
//
// Invariants: exactly one of `unix_path` and `host` is not empty; a host in brackets is IPv6.
// Thread-safety: a value type.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace perigee::client {

struct ServerAddress {
  std::string spelling = {};  ///< as it was given, for messages
  std::string host = {};
  uint16_t port = 0;
  std::string unix_path = {};
};

/// kInvalidArgument naming the text and what is accepted.
absl::StatusOr<ServerAddress> ParseServerAddress(std::string_view text);

}  // namespace perigee::client
