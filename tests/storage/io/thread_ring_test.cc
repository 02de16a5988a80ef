// SPDX-License-Identifier: Apache-2.0
#include "storage/io/thread_ring.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include "absl/synchronization/barrier.h"
#include "absl/synchronization/notification.h"
#include "storage/foundation/log.h"
#include "storage/io/file_system_selection.h"
#include "tests/storage/io/scripted_uring_queue.h"

namespace perigee::storage {
namespace {

// Rings of a scripted kernel for one test.
struct ScriptedRings {
  ScriptedRings() { SetUringQueueFactory(ScriptedUringQueue::FactoryFor(script)); }
  ~ScriptedRings() { SetUringQueueFactory(nullptr); }
  ScriptedRings(const ScriptedRings&) = delete;
  ScriptedRings& operator=(const ScriptedRings&) = delete;

  std::shared_ptr<UringScript> script = std::make_shared<UringScript>();
};

size_t OpenDescriptors() {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    static_cast<void>(entry);
    ++count;
  }
  return count;
}

TEST_CASE("U3: each thread has its own ring, and the same for each batch") {
  const ScriptedRings rings;
  UringRing* mine = nullptr;
  for (int i = 0; i < 3; ++i) {
    const ThreadRing ring;
    REQUIRE(static_cast<bool>(ring));
    CHECK((mine == nullptr || ring.operator->() == mine));
    mine = ring.operator->();
  }
  std::thread([mine] {
    const ThreadRing ring;
    REQUIRE(static_cast<bool>(ring));
    CHECK(ring.operator->() != mine);
  }).join();
  CHECK(rings.script->queues_alive == 1);  // the thread's went with it
}

TEST_CASE("1,000 threads that have ended leave no ring and no descriptor") {
  if (!ProbeUring().ok()) {
    MESSAGE("io_uring is not tested here");
    return;
  }
  SetUringQueueFactory(nullptr);
  const size_t before = OpenDescriptors();
  for (int i = 0; i < 250; ++i) {
    std::vector<std::thread> threads;
    for (int j = 0; j < 4; ++j) {
      threads.emplace_back([] {
        const ThreadRing ring;
        CHECK(static_cast<bool>(ring));
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
  }
  CHECK(ThreadRingCount() == 0);
  CHECK(OpenDescriptors() == before);
}

TEST_CASE("threads that idle keep no ring: the longest idle makes room, the rest goes in time") {
  const ScriptedRings rings;
  constexpr size_t kThreads = kRingsMax + 20;
  absl::Notification end;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) {
    absl::Notification used;
    threads.emplace_back([&used, &end] {
      {
        const ThreadRing ring;
        CHECK(static_cast<bool>(ring));
      }
      used.Notify();
      end.WaitForNotification();
    });
    used.WaitForNotification();
  }
  CHECK(ThreadRingCount() == kRingsMax);
  CHECK(GiveBackIdleRings(absl::Hours(1)) == 0);
  CHECK(GiveBackIdleRings(absl::ZeroDuration()) == kRingsMax);
  CHECK(rings.script->queues_alive == 0);
  end.Notify();
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TEST_CASE("a ring in use is taken from nobody; who finds all in use goes without") {
  const ScriptedRings rings;
  absl::Notification end;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kRingsMax; ++i) {
    absl::Notification used;
    threads.emplace_back([&used, &end] {
      const ThreadRing ring;
      CHECK(static_cast<bool>(ring));
      used.Notify();
      end.WaitForNotification();
    });
    used.WaitForNotification();
  }
  CHECK(GiveBackIdleRings(absl::ZeroDuration()) == 0);
  CHECK_FALSE(static_cast<bool>(ThreadRing()));
  end.Notify();
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK(static_cast<bool>(ThreadRing()));
}

TEST_CASE("U1: a thread that is refused a ring asks once and goes without") {
  int asked = 0;
  std::vector<std::string> lines;
  SetLogSink(
      [&lines](LogLevel, std::string_view event, std::string_view) { lines.emplace_back(event); });
  SetUringQueueFactory([&asked]() -> absl::StatusOr<std::unique_ptr<UringQueue>> {
    ++asked;
    return absl::ResourceExhaustedError("set up io_uring: no memory");
  });
  CHECK_FALSE(static_cast<bool>(ThreadRing()));
  CHECK_FALSE(static_cast<bool>(ThreadRing()));
  CHECK(asked == 1);
  CHECK(lines == std::vector<std::string>{"io.ring_refused"});
  SetUringQueueFactory(nullptr);
  SetLogSink({});
}

TEST_CASE("a broken ring is replaced by a new one") {
  const ScriptedRings rings;
  SetLogSink([](LogLevel, std::string_view, std::string_view) {});
  rings.script->refusals = {-EPERM};
  UringOperation sync{.kind = UringOperation::Kind::kDataSync, .descriptor = -1};
  {
    const ThreadRing ring;
    ring->Run(sync);
    CHECK(sync.result == -EPERM);
    CHECK(ring->is_broken());
  }
  const ThreadRing ring;
  REQUIRE(static_cast<bool>(ring));
  CHECK_FALSE(ring->is_broken());
  CHECK(rings.script->queues_alive == 1);
  SetLogSink({});
}

TEST_CASE("U11: a child made by fork has no ring, and leaves the parent's alone") {
  const ScriptedRings rings;
  { const ThreadRing ring; }
  const pid_t child = fork();
  if (child == 0) {
    const bool none = !static_cast<bool>(ThreadRing());
    _exit(none && rings.script->queues_alive == 1 ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(static_cast<bool>(ThreadRing()));
}

}  // namespace
}  // namespace perigee::storage
