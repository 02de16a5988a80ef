// SPDX-License-Identifier: Apache-2.0
#include "engine/database/maintenance_scheduler.h"

#include <doctest/doctest.h>

#include <atomic>

namespace perigee::engine {
namespace {

void WaitFor(const std::atomic<int>& value, int at_least) {
  while (value.load() < at_least) {
    std::this_thread::yield();
  }
}

TEST_SUITE("concurrency") {
  TEST_CASE("work is asked for at the start, after work, after a wake and after a pause") {
    std::atomic<int> calls = 0;
    MaintenanceScheduler scheduler(1, [&calls] {
      switch (++calls) {
        case 1:
          return absl::ZeroDuration();  // did something: ask again
        case 2:
          return absl::Milliseconds(1);  // later
        default:
          return absl::InfiniteDuration();
      }
    });
    WaitFor(calls, 3);
    scheduler.Wake();
    WaitFor(calls, 4);
    scheduler.Stop();
    CHECK(calls.load() >= 4);
    scheduler.Stop();
  }

  TEST_CASE("a wake while work is looked for is not lost") {
    std::atomic<int> calls = 0;
    MaintenanceScheduler* self = nullptr;
    std::atomic<bool> ready = false;
    MaintenanceScheduler scheduler(1, [&] {
      while (!ready.load()) {
        std::this_thread::yield();
      }
      if (++calls == 1) {
        self->Wake();
      }
      return absl::InfiniteDuration();
    });
    self = &scheduler;
    ready.store(true);
    WaitFor(calls, 2);
  }

  TEST_CASE("no threads, no work") {
    MaintenanceScheduler scheduler(0, [] { return absl::InfiniteDuration(); });
    scheduler.Wake();
    scheduler.Stop();
  }
}

}  // namespace
}  // namespace perigee::engine
