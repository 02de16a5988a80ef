// SPDX-License-Identifier: Apache-2.0
//
// ListenAddress: where a server is told to listen, "HOST:PORT" or "unix:PATH".
//
// Invariants: exactly one of `unix_path` and `host` is not empty; port 0 asks for a free one.
// Thread-safety: a value type.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace perigee::server {

struct ListenAddress {
  std::string spelling = {};  ///< as it was given, for messages
  std::string host = {};
  uint16_t port = 0;
  std::string unix_path = {};
};

/// kInvalidArgument naming the text and what is accepted.
absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text);

}  // namespace perigee::server
