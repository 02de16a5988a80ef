// SPDX-License-Identifier: Apache-2.0
#include "engine/execution/worker_pool.h"

#include <doctest/doctest.h>

#include <atomic>
#include <string>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "storage/foundation/error_reason.h"

namespace perigee::engine {
namespace {

TEST_SUITE("concurrency") {
  TEST_CASE("accepted tasks run once, also those that wait when the pool ends") {
    std::atomic<int> ran = 0;
    {
      WorkerPool pool({.threads = 3, .queue_max = 1'000});
      for (int i = 0; i < 500; ++i) {
        REQUIRE(pool.Submit([&ran] { ++ran; }).ok());
      }
    }
    CHECK(ran == 500);
  }

  TEST_CASE("a full queue refuses") {
    WorkerPool pool({.name = "small pool", .threads = 1, .queue_max = 2});
    absl::Notification release;
    absl::Notification started;
    REQUIRE(pool.Submit([&] {
                  started.Notify();
                  release.WaitForNotification();
                })
                .ok());
    started.WaitForNotification();
    CHECK(pool.Submit([] {}).ok());
    CHECK(pool.Submit([] {}).ok());
    const absl::Status refused = pool.Submit([] {});
    CHECK(GetErrorReason(refused) == ErrorReason::kOverloaded);
    CHECK(pool.pending() == 3);
    release.Notify();
  }

  TEST_CASE("a task that throws does not end its thread") {
    WorkerPool pool({.threads = 1});
    // The test's own exception; the library has none.
    REQUIRE(pool.Submit([] { (void)std::string().at(1); }).ok());
    absl::Notification done;
    REQUIRE(pool.Submit([&done] { done.Notify(); }).ok());
    done.WaitForNotification();
  }
}

}  // namespace
}  // namespace perigee::engine
