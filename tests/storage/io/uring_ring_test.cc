// SPDX-License-Identifier: Apache-2.0
#include "storage/io/uring_ring.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "storage/io/file_system_selection.h"
#include "tests/support/temporary_directory.h"

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

TEST_CASE("a ring is restricted where the kernel can") {
  const auto ring = RingOrNothing();
  if (ring == nullptr) {
    return;
  }
  // Kernels from 5.10 on can; a refusal is allowed, so this only reports.
  MESSAGE("restricted: ", ring->is_restricted());
}

TEST_CASE("each thread has its own ring and a child has none") {
  if (RingOrNothing() == nullptr) {
    return;
  }
  UringRing* const mine = UringRing::OfThisThread();
  REQUIRE(mine != nullptr);
  CHECK(UringRing::OfThisThread() == mine);
  std::thread([mine] {
    UringRing* const theirs = UringRing::OfThisThread();
    CHECK(theirs != nullptr);
    CHECK(theirs != mine);
  }).join();
  const pid_t child = fork();
  if (child == 0) {
    _exit(UringRing::OfThisThread() == nullptr ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

}  // namespace
}  // namespace perigee::storage
