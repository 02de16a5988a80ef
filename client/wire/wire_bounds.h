// SPDX-License-Identifier: Apache-2.0
//
// Bounds of everything that is read from a message: lists are refused by their length before they
// are walked (K9), texts before they are copied (K8), and a malformed message becomes a status.
//
// Invariants: a limit that is exceeded answers kInvalidArgument with the reason limit, naming it.
// Thread-safety: functions without state.
#pragma once

#include <capnp/list.h>
#include <kj/exception.h>
#include <kj/string.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace perigee::wire {

/// Longest text that names something whose own limit is checked by the model.
inline constexpr size_t kNameBytesMax = 4U << 10U;

/// Ok if `count` is at most `count_max`; `what` begins the message.
absl::Status CheckCount(std::string_view what, size_t count, size_t count_max);
/// A copy of `text` if it has at most `bytes_max` bytes.
absl::StatusOr<std::string> CopyText(std::string_view what, capnp::Text::Reader text,
                                     size_t bytes_max);
/// For setters; valid while `text` is.
inline capnp::Text::Reader WireText(const std::string& text) { return {text.c_str(), text.size()}; }
/// The size of a list for init functions; checked against 32 bits.
kj::uint WireCount(size_t count);

/// The status of a call that read a malformed message.
absl::Status MalformedMessage(const kj::Exception& exception);

/// Runs `decode`, which answers a StatusOr and reads a message that may be malformed anywhere.
template <typename Decode>
auto Guarded(Decode&& decode) -> decltype(decode()) {
  std::optional<decltype(decode())> result;
  KJ_IF_MAYBE (exception, kj::runCatchingExceptions([&]() { result.emplace(decode()); })) {
    return MalformedMessage(*exception);
  }
  return *std::move(result);
}

}  // namespace perigee::wire
