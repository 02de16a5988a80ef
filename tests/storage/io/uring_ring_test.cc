// SPDX-License-Identifier: Apache-2.0
#include "storage/io/uring_ring.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <string>
#include <vector>

#include "storage/foundation/log.h"
#include "storage/io/file_system_selection.h"
#include "tests/storage/io/scripted_uring_queue.h"
#include "tests/support/temporary_directory.h"

#if defined(__SANITIZE_ADDRESS__)
#define PERIGEE_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PERIGEE_ADDRESS_SANITIZER 1
#endif
#endif
#ifdef PERIGEE_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

namespace perigee::storage {
namespace {

std::unique_ptr<UringRing> RingOrNothing() {
  if (const absl::Status probed = ProbeUring(); !probed.ok()) {
    MESSAGE("io_uring is not tested here: ", std::string(probed.message()));
    return nullptr;
  }
  auto ring = UringRing::Create();
  REQUIRE(ring.ok());
  return *std::move(ring);
}

// A descriptor for one test.
class Scratch {
 public:
  Scratch() : descriptor_(open(directory_.PathOf("f").c_str(), O_RDWR | O_CREAT, 0600)) {
    REQUIRE(descriptor_ >= 0);
  }
  ~Scratch() { close(descriptor_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  TemporaryDirectory directory_;
  int descriptor_;
};

UringOperation Transfer(UringOperation::Kind kind, int descriptor, uint64_t offset,
                        std::string& text) {
  return {.kind = kind,
          .descriptor = descriptor,
          .offset = offset,
          .buffer = reinterpret_cast<std::byte*>(text.data()),
          .length = text.size()};
}

// Four writes of four letters each, at their places.
struct FourWrites {
  explicit FourWrites(int descriptor) {
    for (size_t i = 0; i < texts.size(); ++i) {
      operations.push_back(
          Transfer(UringOperation::Kind::kWrite, descriptor, i * texts[i].size(), texts[i]));
    }
  }
  std::vector<std::string> texts = {"aaaa", "bbbb", "cccc", "dddd"};
  std::vector<UringOperation> operations;
};

// A ring over a scripted kernel, silent in the log.
struct ScriptedRing {
  ScriptedRing() {
    SetLogSink([this](LogLevel, std::string_view event, std::string_view) {
      logged.insert(std::string(event));
    });
  }
  ~ScriptedRing() { SetLogSink({}); }
  ScriptedRing(const ScriptedRing&) = delete;
  ScriptedRing& operator=(const ScriptedRing&) = delete;

  std::set<std::string> logged;
  std::shared_ptr<UringScript> script = std::make_shared<UringScript>();
  UringRing ring{std::make_unique<ScriptedUringQueue>(script)};
};

TEST_CASE("operations have the results that the kernel gives") {
  const auto ring = RingOrNothing();
  if (ring == nullptr) {
    return;
  }
  const Scratch scratch;
  std::string text = "some bytes";
  UringOperation write = Transfer(UringOperation::Kind::kWrite, scratch.descriptor(), 0, text);
  ring->Run(write);
  CHECK(write.result == 10);
  UringOperation sync{.kind = UringOperation::Kind::kDataSync, .descriptor = scratch.descriptor()};
  ring->Run(sync);
  CHECK(sync.result == 0);
  std::string buffer(20, '?');
  UringOperation read = Transfer(UringOperation::Kind::kRead, scratch.descriptor(), 5, buffer);
  ring->Run(read);
  CHECK(read.result == 5);
  CHECK(buffer.substr(0, 5) == "bytes");

  UringOperation bad = Transfer(UringOperation::Kind::kRead, 1'000'000, 0, buffer);
  ring->Run(bad);
  CHECK(bad.result == -EBADF);
  ring->Run(read);  // the ring is as good as before
  CHECK(read.result == 5);
}

TEST_CASE("more operations than a ring holds all complete") {
  const auto ring = RingOrNothing();
  if (ring == nullptr) {
    return;
  }
  const Scratch scratch;
  constexpr size_t kCount = 5 * UringRing::kDepth + 3;
  std::vector<std::string> texts;
  std::vector<UringOperation> operations;
  for (size_t i = 0; i < kCount; ++i) {
    texts.push_back(std::string(100, static_cast<char>('a' + i % 26)));
  }
  for (size_t i = 0; i < kCount; ++i) {
    const bool bad = i % 50 == 7;
    operations.push_back(
        Transfer(UringOperation::Kind::kWrite, bad ? -1 : scratch.descriptor(), i * 100, texts[i]));
  }
  ring->Run(operations);
  for (size_t i = 0; i < kCount; ++i) {
    CHECK(operations[i].result == (i % 50 == 7 ? -EBADF : 100));
  }
  std::vector<std::string> buffers(kCount, std::string(100, '?'));
  for (size_t i = 0; i < kCount; ++i) {
    operations[i] =
        Transfer(UringOperation::Kind::kRead, scratch.descriptor(), i * 100, buffers[i]);
  }
  ring->Run(operations);
  for (size_t i = 0; i < kCount; ++i) {
    if (i % 50 != 7) {
      CHECK(buffers[i] == texts[i]);
    }
  }
  ring->Run({});
}

TEST_CASE("U2: the error is the result of the completion, whatever errno holds") {
  ScriptedRing bed;
  bed.script->answers = {-ENOSPC, 0, -EIO, 0};
  const Scratch scratch;
  FourWrites writes(scratch.descriptor());
  errno = EPERM;
  bed.ring.Run(writes.operations);
  CHECK(writes.operations[0].result == -ENOSPC);
  CHECK(writes.operations[1].result == 4);
  CHECK(writes.operations[2].result == -EIO);
  CHECK(writes.operations[3].result == 4);
}

TEST_CASE("U3: never more in flight than the queues hold") {
  ScriptedRing bed;
  const Scratch scratch;
  std::string text = "x";
  std::vector<UringOperation> operations(
      5 * UringRing::kDepth + 3,
      Transfer(UringOperation::Kind::kWrite, scratch.descriptor(), 0, text));
  bed.ring.Run(operations);
  CHECK(bed.script->in_flight_max == UringRing::kDepth);
  for (const UringOperation& operation : operations) {
    CHECK(operation.result == 1);
  }
}

TEST_CASE("U3: an overflow of completions breaks the ring and fails what ran") {
  ScriptedRing bed;
  bed.script->overflows = 1;
  const Scratch scratch;
  FourWrites writes(scratch.descriptor());
  bed.ring.Run(writes.operations);
  for (const UringOperation& operation : writes.operations) {
    CHECK(operation.result == -EIO);
  }
  CHECK(bed.ring.is_broken());
  CHECK(bed.logged.contains("io.ring_broken"));
  bed.script->events.clear();
  bed.ring.Run(writes.operations);
  CHECK(bed.script->events.empty());
  CHECK(writes.operations[0].result == -EIO);
}

TEST_CASE("completions in another order belong to their own operations") {
  ScriptedRing bed;
  bed.script->reversed = true;
  bed.script->answers = {1, 2, 3, 0};
  const Scratch scratch;
  FourWrites writes(scratch.descriptor());
  bed.ring.Run(writes.operations);
  CHECK(bed.script->events[4] == "complete write 4");
  for (size_t i = 0; i < 4; ++i) {
    CHECK(writes.operations[i].result == static_cast<int32_t>(i) + 1);
  }
}

TEST_CASE("completions that nobody waits for, and second ones, change nothing") {
  ScriptedRing bed;
  const Scratch scratch;
  FourWrites writes(scratch.descriptor());
  bed.ring.Run(writes.operations);
  bed.script->strays = {{.tag = 17, .result = -EIO}, {.tag = 1ULL << 40U, .result = 3}};
  bed.ring.Run(writes.operations);
  for (const UringOperation& operation : writes.operations) {
    CHECK(operation.result == 4);
  }
  CHECK(bed.logged.contains("io.unknown_completion"));
  CHECK_FALSE(bed.ring.is_broken());
}

TEST_CASE("U6: a submission that is interrupted or comes too early is made again") {
  ScriptedRing bed;
  bed.script->refusals = {-EINTR, -EAGAIN, -EBUSY, -EINTR, 0};
  const Scratch scratch;
  FourWrites writes(scratch.descriptor());
  bed.ring.Run(writes.operations);
  for (const UringOperation& operation : writes.operations) {
    CHECK(operation.result == 4);
  }
  CHECK_FALSE(bed.ring.is_broken());
}

TEST_CASE("U7: a kernel that refuses to go on keeps no buffer behind the end of a run") {
  for (const bool accepts : {false, true}) {
    CAPTURE(accepts);
    ScriptedRing bed;
    bed.script->refusals = {-EPERM};
    bed.script->refusals_accept = accepts;
    const Scratch scratch;
    FourWrites writes(scratch.descriptor());
    bed.ring.Run(writes.operations);
    CHECK(bed.ring.is_broken());
    for (const UringOperation& operation : writes.operations) {
      CHECK(operation.result == (accepts ? 4 : -EPERM));
    }
    // Submitted means completed.
    CHECK(bed.script->events.size() == (accepts ? 8 : 0));
  }
}

TEST_CASE("U7: a buffer is poisoned while it is the kernel's, and no longer") {
#ifdef PERIGEE_ADDRESS_SANITIZER
  ScriptedRing bed;
  int looked = 0;
  bed.script->in_flight = [&looked](const std::vector<UringOperation>& operations) {
    for (const UringOperation& operation : operations) {
      ++looked;
      CHECK(__asan_address_is_poisoned(operation.buffer) == 1);
      CHECK(__asan_address_is_poisoned(operation.buffer + operation.length - 1) == 1);
    }
  };
  const Scratch scratch;
  std::vector<std::byte> buffer(64);
  UringOperation write{.kind = UringOperation::Kind::kWrite,
                       .descriptor = scratch.descriptor(),
                       .buffer = buffer.data(),
                       .length = buffer.size()};
  bed.ring.Run(write);
  CHECK(looked == 1);
  CHECK(__asan_region_is_poisoned(buffer.data(), buffer.size()) == nullptr);
  bed.script->refusals = {-EPERM};
  bed.ring.Run(write);
  CHECK(__asan_region_is_poisoned(buffer.data(), buffer.size()) == nullptr);
#else
  MESSAGE("tested in the build with AddressSanitizer");
#endif
}

}  // namespace
}  // namespace perigee::storage
