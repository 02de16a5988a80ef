// SPDX-License-Identifier: Apache-2.0
//
// GuardedMessageStream: the only way bytes of a peer reach Cap'n Proto. It reads frames through the
// FrameGuard, lets through only the message kinds that two parties need, and counts open answers.
//
// Invariants:
//  1. No more than the bytes that arrived, doubled, are allocated for a message (M2).
//  2. A frame that is refused, a message of another kind, one too many open answers or a message
//     that does not complete in time ends the stream: reads answer end of file for good,
//     violation() says why, and on_violation was called once.
//  3. File descriptors are never accepted (K7).
// Thread-safety: belongs to one KJ event loop.
#pragma once

#include <capnp/serialize-async.h>
#include <kj/async-io.h>
#include <kj/timer.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "client/wire/frame_guard.h"

namespace perigee::wire {

class GuardedMessageStream final : public capnp::MessageStream {
 public:
  struct Options {
    FrameLimits limits = kAuthenticatedLimits;
    /// Bootstrap and Call messages of the peer that it has not finished (K4).
    size_t open_answers_max = 256;
    /// All bytes the peer may send before set_limits is called; 0: no such limit (K2).
    uint64_t total_bytes_max = 0;
    /// From the first byte of a message to its last (K7).
    kj::Duration message_timeout = 10 * kj::SECONDS;
    /// Called once, from the event loop, while the stream is in use: must not destroy it.
    std::function<void(const std::string& reason)> on_violation = {};
  };

  /// `stream` and `timer` must outlive this object.
  GuardedMessageStream(kj::AsyncIoStream& stream, kj::Timer& timer, Options options);

  /// What holds from the next frame on.
  void set_limits(const FrameLimits& limits, size_t open_answers_max);

  /// Why the stream was ended; empty while it was not.
  const std::string& violation() const { return violation_; }
  size_t open_answers() const { return open_answers_.size(); }
  /// When the last message was complete, or the stream was made.
  kj::TimePoint last_message_at() const { return last_message_at_; }

  kj::Promise<kj::Maybe<capnp::MessageReaderAndFds>> tryReadMessage(
      kj::ArrayPtr<kj::AutoCloseFd> fdSpace, capnp::ReaderOptions options,
      kj::ArrayPtr<capnp::word> scratchSpace) override;
  kj::Promise<void> writeMessage(
      kj::ArrayPtr<const int> fds,
      kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments) override;
  kj::Promise<void> writeMessages(
      kj::ArrayPtr<kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>>> messages) override;
  kj::Maybe<int> getSendBufferSize() override;
  kj::Promise<void> end() override;

 private:
  using MaybeMessage = kj::Maybe<capnp::MessageReaderAndFds>;
  class OwnedMessage;

  kj::Promise<MaybeMessage> ReadFrame(capnp::ReaderOptions options);
  kj::Promise<MaybeMessage> ReadBody(std::vector<uint32_t> segment_words,
                                     capnp::ReaderOptions options);
  kj::Promise<bool> ReadMore(std::vector<uint64_t>& words, size_t have_bytes, size_t total_bytes);
  MaybeMessage Admit(kj::Own<OwnedMessage> message);
  MaybeMessage Refuse(std::string reason);

  kj::AsyncIoStream& stream_;
  kj::Timer& timer_;
  Options options_;
  capnp::AsyncIoMessageStream writer_;
  std::string violation_;
  absl::flat_hash_set<uint32_t> open_answers_;
  uint64_t total_bytes_ = 0;
  kj::TimePoint last_message_at_;
  std::vector<std::byte> header_;
};

}  // namespace perigee::wire
