// SPDX-License-Identifier: Apache-2.0
#include "client/wire/guarded_message_stream.h"

#include <capnp/message.h>
#include <capnp/rpc.capnp.h>
#include <capnp/serialize.h>
#include <doctest/doctest.h>

#include <optional>
#include <random>
#include <string>

#include "tests/storage/hex_example.h"
#include "tests/support/test_seed.h"

namespace perigee::wire {
namespace {

// A frame with a Call of that question id.
std::string CallFrame(uint32_t question_id, size_t padding_words = 0) {
  capnp::MallocMessageBuilder message;
  auto call = message.initRoot<capnp::rpc::Message>().initCall();
  call.setQuestionId(question_id);
  if (padding_words > 0) {
    call.initParams().getContent().initAs<capnp::Data>(
        static_cast<kj::uint>(padding_words * sizeof(capnp::word)));
  }
  const auto words = capnp::messageToFlatArray(message);
  const auto bytes = words.asBytes();
  return {reinterpret_cast<const char*>(bytes.begin()), bytes.size()};
}

std::string FinishFrame(uint32_t question_id) {
  capnp::MallocMessageBuilder message;
  message.initRoot<capnp::rpc::Message>().initFinish().setQuestionId(question_id);
  const auto words = capnp::messageToFlatArray(message);
  const auto bytes = words.asBytes();
  return {reinterpret_cast<const char*>(bytes.begin()), bytes.size()};
}

// The guard at one end of a pipe, bytes at the other.
class GuardedPipe {
 public:
  explicit GuardedPipe(GuardedMessageStream::Options options = {})
      : io_(kj::setupAsyncIo()), pipe_(io_.provider->newTwoWayPipe()) {
    options.on_violation = [this](const std::string& /*reason*/) { ++violations; };
    stream_.emplace(*pipe_.ends[0], io_.provider->getTimer(), std::move(options));
  }

  // What the next read answers; nullptr is the end.
  bool ReadsMessage() {
    auto message = stream_->MessageStream::tryReadMessage().wait(io_.waitScope);
    return message != nullptr;
  }

  // Writes all of it in pieces of `chunk` bytes while messages are read; counts the messages.
  int MessagesIn(const std::string& bytes, size_t chunk, bool end_after) {
    auto writing = kj::evalLater([this, &bytes, chunk, end_after]() {
                     return WritePieces(bytes, 0, chunk, end_after);
                   }).eagerlyEvaluate([](kj::Exception&&) {});
    int messages = 0;
    while (ReadsMessage()) {
      ++messages;
    }
    return messages;
  }

  GuardedMessageStream& stream() { return *stream_; }
  int violations = 0;

 private:
  kj::Promise<void> WritePieces(const std::string& bytes, size_t from, size_t chunk,
                                bool end_after) {
    if (from == bytes.size()) {
      if (end_after) {
        pipe_.ends[1]->shutdownWrite();
      }
      return kj::READY_NOW;
    }
    const size_t count = std::min(chunk, bytes.size() - from);
    return pipe_.ends[1]
        ->write(bytes.data() + from, count)
        .then([this, &bytes, from, count, chunk, end_after]() {
          return WritePieces(bytes, from + count, chunk, end_after);
        });
  }

  kj::AsyncIoContext io_;
  kj::TwoWayPipe pipe_;
  std::optional<GuardedMessageStream> stream_;
};

TEST_CASE("messages arrive whole however their bytes are cut") {
  const std::string bytes = CallFrame(1) + CallFrame(2, 5'000) + FinishFrame(1) + CallFrame(3);
  for (const size_t chunk : {size_t{1}, size_t{7}, size_t{8}, size_t{4'096}, bytes.size()}) {
    CAPTURE(chunk);
    GuardedPipe pipe;
    CHECK(pipe.MessagesIn(bytes, chunk, true) == 4);
    CHECK(pipe.violations == 0);
    CHECK(pipe.stream().open_answers() == 2);
  }
}

TEST_CASE("what follows a refused frame is never read") {
  std::string hostile(8, '\xFF');
  hostile += CallFrame(1);
  GuardedPipe pipe;
  CHECK(pipe.MessagesIn(hostile, 3, true) == 0);
  CHECK(pipe.violations == 1);
  CHECK(!pipe.stream().violation().empty());
  CHECK(!pipe.ReadsMessage());
}

TEST_CASE("truncation at every byte is an end, not a message") {
  const std::string bytes = CallFrame(1, 3);
  for (size_t length = 0; length < bytes.size(); ++length) {
    GuardedPipe pipe;
    CHECK(pipe.MessagesIn(bytes.substr(0, length), 5, true) == 0);
    CHECK(pipe.violations == (length == 0 ? 0 : 1));
  }
}

TEST_CASE("a message that does not complete in time ends the stream") {
  GuardedMessageStream::Options options;
  options.message_timeout = 10 * kj::MILLISECONDS;
  GuardedPipe pipe(std::move(options));
  CHECK(pipe.MessagesIn(CallFrame(1).substr(0, 20), 20, false) == 0);
  CHECK(pipe.violations == 1);
}

TEST_CASE("open answers are counted until they are finished") {
  GuardedMessageStream::Options options;
  options.open_answers_max = 2;
  std::string good;
  for (uint32_t i = 0; i < 10; ++i) {
    good += CallFrame(i) + FinishFrame(i);
  }
  GuardedPipe pipe(std::move(options));
  CHECK(pipe.MessagesIn(good + CallFrame(20) + CallFrame(21) + CallFrame(22), 64, true) == 22);
  CHECK(pipe.violations == 1);
}

// Frames of a hundred calls, with the narrow limits.
GuardedMessageStream::Options Unauthenticated() {
  GuardedMessageStream::Options options;
  options.limits = kUnauthenticatedLimits;
  options.total_bytes_max = 2'000;
  return options;
}

std::string HundredCalls() {
  std::string bytes;
  for (uint32_t i = 0; i < 100; ++i) {
    bytes += CallFrame(i);
  }
  return bytes;
}

TEST_CASE("the bytes before authentication are limited") {
  const std::string bytes = HundredCalls();
  GuardedPipe pipe(Unauthenticated());
  CHECK(pipe.MessagesIn(bytes, 64, true) < 100);
  CHECK(pipe.violations == 1);
}

TEST_CASE("the narrow limits end with authentication") {
  const std::string bytes = HundredCalls();
  GuardedPipe pipe(Unauthenticated());
  pipe.stream().set_limits(kAuthenticatedLimits, 256);
  CHECK(pipe.MessagesIn(bytes, 64, true) == 100);
}

TEST_CASE("the worked example of the format page is a Bootstrap") {
  const std::string page = tests::ReadSourceFile("docs/formats/wire.md");
  const std::string frame = tests::DecodeHexExample(page, "bootstrap_frame");
  capnp::MallocMessageBuilder message;
  message.initRoot<capnp::rpc::Message>().initBootstrap().setQuestionId(7);
  const auto words = capnp::messageToFlatArray(message);
  const auto bytes = words.asBytes();
  const std::string expected(reinterpret_cast<const char*>(bytes.begin()), bytes.size());
  CHECK_MESSAGE(frame == expected, tests::EncodeHexExample(expected));
  GuardedPipe pipe;
  CHECK(pipe.MessagesIn(frame, 5, true) == 1);
  CHECK(pipe.stream().open_answers() == 1);
}

TEST_CASE("message kinds that two parties do not need end the stream") {
  capnp::MallocMessageBuilder message;
  message.initRoot<capnp::rpc::Message>().initProvide();
  const auto words = capnp::messageToFlatArray(message);
  GuardedPipe pipe;
  CHECK(pipe.MessagesIn({reinterpret_cast<const char*>(words.begin()), words.asBytes().size()}, 64,
                        true) == 0);
  CHECK(pipe.violations == 1);
}

TEST_CASE("random bytes never get further than a refusal") {
  const uint64_t seed = tests::TestSeed(9);
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const std::string good = CallFrame(1, 20);
  for (int i = 0; i < 500; ++i) {
    std::string bytes = good;
    for (uint64_t j = 1 + random() % 6; j > 0; --j) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    GuardedPipe pipe;
    pipe.MessagesIn(bytes, 1 + random() % 64, true);
    CHECK(pipe.violations <= 1);
  }
}

}  // namespace
}  // namespace perigee::wire
