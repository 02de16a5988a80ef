// SPDX-License-Identifier: Apache-2.0
#include "server/service/request_dispatcher.h"

#include <doctest/doctest.h>

#include <atomic>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "storage/foundation/error_reason.h"

namespace perigee::server {
namespace {

TEST_SUITE("concurrency") {
  TEST_CASE("lanes do not wait for each other") {
    RequestDispatcher dispatcher({.read_threads = 1, .write_threads = 1});
    absl::Notification release;
    absl::Notification read_done;
    REQUIRE(dispatcher.Submit(Lane::kWrite, 0, [&] { release.WaitForNotification(); }).ok());
    REQUIRE(dispatcher.Submit(Lane::kRead, 0, [&] { read_done.Notify(); }).ok());
    read_done.WaitForNotification();
    release.Notify();
  }

  TEST_CASE("beyond the limit work is refused and never runs") {
    std::atomic<int> ran = 0;
    {
      RequestDispatcher dispatcher(
          {.read_threads = 1, .admission = {.in_flight_max = {2, 1, 1}, .bytes_max = 100}});
      absl::Notification release;
      const auto work = [&] {
        release.WaitForNotification();
        ++ran;
      };
      REQUIRE(dispatcher.Submit(Lane::kRead, 0, work).ok());
      REQUIRE(dispatcher.Submit(Lane::kRead, 0, work).ok());
      CHECK(GetErrorReason(dispatcher.Submit(Lane::kRead, 0, work)) == ErrorReason::kOverloaded);
      CHECK(dispatcher.in_flight(Lane::kRead) == 2);
      release.Notify();
    }
    CHECK(ran == 2);
  }
}

}  // namespace
}  // namespace perigee::server
