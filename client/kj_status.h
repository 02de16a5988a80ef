// SPDX-License-Identifier: Apache-2.0
//
// What an exception of the RPC library means to a caller: DISCONNECTED is kUnavailable, OVERLOADED
// kResourceExhausted, UNIMPLEMENTED kUnimplemented, everything else kInternal.
//
// Invariants: a write that was sent and lost its connection carries the reason unknown_outcome.
// Thread-safety: functions without state.
#pragma once

#include <kj/exception.h>

#include <string_view>

#include "absl/status/status.h"

namespace perigee::client {

/// `context` begins the message: address and step.
absl::Status StatusOfException(const kj::Exception& exception, std::string_view context);

/// The same for a write: if it was `sent`, its outcome is not known.
absl::Status StatusOfLostWrite(const kj::Exception& exception, std::string_view context, bool sent);

}  // namespace perigee::client
