// SPDX-License-Identifier: Apache-2.0
#include "client/wire/guarded_message_stream.h"

#include <capnp/rpc.capnp.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace perigee::wire {
namespace {

// What is allocated for a body before any of it arrived.
constexpr size_t kFirstReadBytes = 64U << 10U;

}  // namespace

// A message in memory of its own. It grows while bytes arrive and becomes readable at the end.
class GuardedMessageStream::OwnedMessage final : public capnp::MessageReader {
 public:
  OwnedMessage(std::vector<uint32_t> segment_words, capnp::ReaderOptions reader_options)
      : MessageReader(reader_options), segment_words_(std::move(segment_words)) {
    for (const uint32_t count : segment_words_) {
      total_words_ += count;
    }
  }

  size_t total_bytes() const { return total_words_ * sizeof(capnp::word); }
  std::vector<uint64_t>& words() { return words_; }

  // Requires: all words arrived.
  void Complete() {
    const auto* next = reinterpret_cast<const capnp::word*>(words_.data());
    for (const uint32_t count : segment_words_) {
      segments_.push_back(kj::arrayPtr(next, count));
      next += count;
    }
  }

  kj::ArrayPtr<const capnp::word> getSegment(kj::uint id) override {
    if (id >= segments_.size()) {
      return nullptr;
    }
    return segments_[id];
  }

 private:
  std::vector<uint32_t> segment_words_;
  size_t total_words_ = 0;
  std::vector<uint64_t> words_;
  std::vector<kj::ArrayPtr<const capnp::word>> segments_;
};

GuardedMessageStream::GuardedMessageStream(kj::AsyncIoStream& stream, kj::Timer& timer,
                                           Options options)
    : stream_(stream),
      timer_(timer),
      options_(std::move(options)),
      writer_(stream),
      last_message_at_(timer.now()) {}

void GuardedMessageStream::set_limits(const FrameLimits& limits, size_t open_answers_max) {
  options_.limits = limits;
  options_.open_answers_max = open_answers_max;
  options_.total_bytes_max = 0;
}

kj::Promise<GuardedMessageStream::MaybeMessage> GuardedMessageStream::tryReadMessage(
    kj::ArrayPtr<kj::AutoCloseFd> /*fdSpace*/, capnp::ReaderOptions options,
    kj::ArrayPtr<capnp::word> /*scratchSpace*/) {
  if (!violation_.empty()) {
    return MaybeMessage(nullptr);
  }
  header_.resize(kFramePrefixBytes);
  return stream_.tryRead(header_.data(), 1, kFramePrefixBytes)
      .then([this, options](size_t count) -> kj::Promise<MaybeMessage> {
        if (count == 0) {
          return MaybeMessage(nullptr);
        }
        // The clock of a message runs from its first byte.
        auto rest = kFramePrefixBytes - count;
        auto prefix = rest == 0 ? kj::Promise<size_t>(size_t{0})
                                : stream_.tryRead(header_.data() + count, rest, rest);
        auto frame = prefix.then([this, rest, options](size_t more) -> kj::Promise<MaybeMessage> {
          return more < rest ? Refuse("the connection ended inside a frame header")
                             : ReadFrame(options);
        });
        auto late = timer_.afterDelay(options_.message_timeout).then([this]() -> MaybeMessage {
          return Refuse("a message did not complete in time");
        });
        return frame.exclusiveJoin(kj::mv(late));
      });
}

kj::Promise<GuardedMessageStream::MaybeMessage> GuardedMessageStream::ReadFrame(
    capnp::ReaderOptions options) {
  const std::span<const std::byte, kFramePrefixBytes> prefix(header_.data(), kFramePrefixBytes);
  const auto header_bytes = FrameGuard::HeaderBytes(prefix, options_.limits);
  if (!header_bytes.ok()) {
    return Refuse(std::string(header_bytes.status().message()));
  }
  const size_t rest = *header_bytes - kFramePrefixBytes;
  header_.resize(*header_bytes);
  auto table = rest == 0 ? kj::Promise<size_t>(size_t{0})
                         : stream_.tryRead(header_.data() + kFramePrefixBytes, rest, rest);
  return table.then([this, rest, options](size_t count) -> kj::Promise<MaybeMessage> {
    if (count < rest) {
      return Refuse("the connection ended inside a frame header");
    }
    auto segment_words = FrameGuard::SegmentWords(header_, options_.limits);
    if (!segment_words.ok()) {
      return Refuse(std::string(segment_words.status().message()));
    }
    return ReadBody(*std::move(segment_words), options);
  });
}

kj::Promise<GuardedMessageStream::MaybeMessage> GuardedMessageStream::ReadBody(
    std::vector<uint32_t> segment_words, capnp::ReaderOptions options) {
  auto message = kj::heap<OwnedMessage>(std::move(segment_words), options);
  total_bytes_ += header_.size() + message->total_bytes();
  if (options_.total_bytes_max != 0 && total_bytes_ > options_.total_bytes_max) {
    return Refuse(
        absl::StrCat("more than ", options_.total_bytes_max, " bytes before authentication"));
  }
  OwnedMessage& target = *message;
  return ReadMore(target.words(), 0, target.total_bytes())
      .then([this, message = kj::mv(message)](bool complete) mutable -> MaybeMessage {
        return complete ? Admit(kj::mv(message)) : Refuse("the connection ended inside a message");
      });
}

// Reads until `words` holds `total_bytes`; false at an early end. Memory follows what has arrived.
kj::Promise<bool> GuardedMessageStream::ReadMore(std::vector<uint64_t>& words, size_t have_bytes,
                                                 size_t total_bytes) {
  if (have_bytes == total_bytes) {
    return true;
  }
  const size_t until_bytes = std::min(total_bytes, std::max(kFirstReadBytes, 2 * have_bytes));
  words.resize(until_bytes / sizeof(capnp::word));
  const size_t missing = until_bytes - have_bytes;
  std::byte* place = reinterpret_cast<std::byte*>(words.data()) + have_bytes;
  return stream_.tryRead(place, missing, missing)
      .then([this, &words, missing, until_bytes, total_bytes](size_t count) -> kj::Promise<bool> {
        return count < missing ? kj::Promise<bool>(false)
                               : ReadMore(words, until_bytes, total_bytes);
      });
}

GuardedMessageStream::MaybeMessage GuardedMessageStream::Admit(kj::Own<OwnedMessage> message) {
  message->Complete();
  last_message_at_ = timer_.now();
  std::string refusal;
  const auto exception = kj::runCatchingExceptions([this, &message, &refusal]() {
    const auto root = message->getRoot<capnp::rpc::Message>();
    switch (root.which()) {
      case capnp::rpc::Message::BOOTSTRAP:
        open_answers_.insert(root.getBootstrap().getQuestionId());
        break;
      case capnp::rpc::Message::CALL:
        open_answers_.insert(root.getCall().getQuestionId());
        break;
      case capnp::rpc::Message::FINISH:
        open_answers_.erase(root.getFinish().getQuestionId());
        break;
      case capnp::rpc::Message::RETURN:
      case capnp::rpc::Message::RESOLVE:
      case capnp::rpc::Message::RELEASE:
      case capnp::rpc::Message::DISEMBARGO:
      case capnp::rpc::Message::ABORT:
      case capnp::rpc::Message::UNIMPLEMENTED:
        break;
      default:
        refusal = absl::StrCat("a message of kind ", static_cast<int>(root.which()),
                               ", which two parties do not need");
    }
  });
  if (exception != nullptr) {
    refusal = "a message that cannot be read";
  } else if (open_answers_.size() > options_.open_answers_max) {
    refusal = absl::StrCat("more than ", options_.open_answers_max, " open answers");
  }
  if (!refusal.empty()) {
    return Refuse(std::move(refusal));
  }
  return capnp::MessageReaderAndFds{kj::mv(message), nullptr};
}

GuardedMessageStream::MaybeMessage GuardedMessageStream::Refuse(std::string reason) {
  if (violation_.empty()) {
    violation_ = std::move(reason);
    if (options_.on_violation) {
      options_.on_violation(violation_);
    }
  }
  return nullptr;
}

kj::Promise<void> GuardedMessageStream::writeMessage(
    kj::ArrayPtr<const int> fds, kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments) {
  return writer_.writeMessage(fds, segments);
}

kj::Promise<void> GuardedMessageStream::writeMessages(
    kj::ArrayPtr<kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>>> messages) {
  return writer_.writeMessages(messages);
}

kj::Maybe<int> GuardedMessageStream::getSendBufferSize() { return writer_.getSendBufferSize(); }

kj::Promise<void> GuardedMessageStream::end() { return writer_.end(); }

}  // namespace perigee::wire
