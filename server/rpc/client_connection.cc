// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/client_connection.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/foundation/log.h"

namespace perigee::server {
namespace {

constexpr size_t kUnauthenticatedOpenAnswers = 4;
constexpr uint64_t kUnauthenticatedBytes = 64U << 10U;
constexpr kj::Duration kWatchInterval = 250 * kj::MILLISECONDS;

// The guard bounds messages; these bound what is read of one. A filter of depth 16 takes two levels
// of pointers per level, and the traversal limit counts every visit of a word.
capnp::ReaderOptions ReceiveOptions() {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = 2 * (wire::kAuthenticatedLimits.message_bytes_max / 8);
  options.nestingLimit = 64;
  return options;
}

}  // namespace

ClientConnection::ClientConnection(kj::Own<kj::AsyncIoStream> stream, Peer peer, kj::Timer& timer,
                                   const GatewayCapability::Parts& parts,
                                   const ConnectionLimits& limits)
    : peer_(std::move(peer)),
      timer_(timer),
      limits_(limits),
      accepted_at_(timer.now()),
      violated_(kj::newPromiseAndFulfiller<void>()),
      stream_(kj::mv(stream)),
      guard_(*stream_, timer, GuardOptions()),
      network_(guard_, capnp::rpc::twoparty::Side::SERVER, ReceiveOptions()),
      rpc_(capnp::makeRpcServer(
          network_, kj::heap<GatewayCapability>(parts, peer_, [this]() { OnAuthenticated(); }))) {
  rpc_.setFlowLimit(limits_.flow_words_max);
}

wire::GuardedMessageStream::Options ClientConnection::GuardOptions() {
  wire::GuardedMessageStream::Options options;
  options.limits = wire::kUnauthenticatedLimits;
  options.open_answers_max = kUnauthenticatedOpenAnswers;
  options.total_bytes_max = kUnauthenticatedBytes;
  options.message_timeout = limits_.message_timeout;
  options.on_violation = [this](const std::string& reason) {
    Log(LogLevel::kWarning, "rpc.frame_refused",
        absl::StrCat("closing the connection of ", peer_.name, ": ", reason));
    violated_.fulfiller->fulfill();
  };
  return options;
}

void ClientConnection::OnAuthenticated() {
  authenticated_ = true;
  guard_.set_limits(wire::kAuthenticatedLimits, limits_.open_answers_max);
  Log(LogLevel::kDebug, "rpc.authenticated", peer_.name);
}

kj::Promise<void> ClientConnection::Ended() {
  return network_.onDisconnect().exclusiveJoin(kj::mv(violated_.promise)).exclusiveJoin(Watch());
}

kj::Promise<void> ClientConnection::Watch() {
  return timer_.afterDelay(kWatchInterval).then([this]() -> kj::Promise<void> {
    const std::string reason = Verdict();
    if (reason.empty()) {
      return Watch();
    }
    Log(LogLevel::kInfo, "rpc.connection_closed",
        absl::StrCat("closing the connection of ", peer_.name, ": ", reason));
    return kj::READY_NOW;
  });
}

std::string ClientConnection::Verdict() {
  const kj::TimePoint now = timer_.now();
  if (!authenticated_ && now - accepted_at_ > limits_.authenticate_timeout) {
    return "it did not authenticate in time";
  }
  if (unsent_bytes() > 0) {
    const kj::Duration waiting = network_.getOutgoingMessageWaitTime();
    if (waiting > limits_.unsent_time_max) {
      return "it does not take its replies";
    }
    // A burst of replies is no fault; one that stands still is.
    if (unsent_bytes() > limits_.unsent_bytes_max && waiting > kj::SECONDS) {
      return absl::StrCat("it left ", unsent_bytes(), " bytes of replies");
    }
  }
  if (guard_.open_answers() > 0) {
    return "";
  }
  if (now - guard_.last_message_at() > limits_.idle_timeout) {
    return "it is idle";
  }
  if (now - accepted_at_ > limits_.age_max) {
    return "it is old; clients connect again by themselves";
  }
  return "";
}

}  // namespace perigee::server
