// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/offload.h"

#include <doctest/doctest.h>
#include <kj/async-io.h>
#include <kj/debug.h>

#include <string>
#include <thread>

#include "absl/synchronization/notification.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/log.h"

namespace perigee::server {
namespace {

TEST_SUITE("event_loop") {
  TEST_CASE("work runs elsewhere and its answer comes back") {
    auto io = kj::setupAsyncIo();
    RequestDispatcher dispatcher({});
    const std::thread::id here = std::this_thread::get_id();
    const auto answer = Offload<bool>(dispatcher, {}, [here]() -> absl::StatusOr<bool> {
                          return std::this_thread::get_id() != here;
                        }).wait(io.waitScope);
    REQUIRE(answer.ok());
    CHECK(*answer);
  }

  TEST_CASE("a status of the work is the answer") {
    auto io = kj::setupAsyncIo();
    RequestDispatcher dispatcher({});
    const auto answer =
        Offload<int>(dispatcher, {.lane = Lane::kWrite}, []() -> absl::StatusOr<int> {
          return absl::NotFoundError("no such point");
        }).wait(io.waitScope);
    CHECK(answer.status() == absl::NotFoundError("no such point"));
  }

  TEST_CASE("an exception of the work becomes internal and keeps its text to the log") {
    auto io = kj::setupAsyncIo();
    RequestDispatcher dispatcher({});
    std::string logged;
    SetLogSink([&logged](LogLevel, std::string_view, std::string_view message) {
      logged = std::string(message);
    });
    const auto answer = Offload<int>(dispatcher, {}, []() -> absl::StatusOr<int> {
                          KJ_FAIL_REQUIRE("inner detail");
                        }).wait(io.waitScope);
    SetLogSink({});
    CHECK(answer.status().code() == absl::StatusCode::kInternal);
    const std::string message(answer.status().message());
    CHECK(message.find("inner detail") == std::string::npos);
    CHECK(logged.find("inner detail") != std::string::npos);
    const std::string id = message.substr(message.size() - 16);
    CHECK(logged.find(id) != std::string::npos);
  }

  TEST_CASE("an exception that is not of the RPC library is stopped too") {
    auto io = kj::setupAsyncIo();
    RequestDispatcher dispatcher({});
    const auto answer = Offload<int>(dispatcher, {}, []() -> absl::StatusOr<int> {
                          return static_cast<int>(std::string().at(3));
                        }).wait(io.waitScope);
    CHECK(answer.status().code() == absl::StatusCode::kInternal);
  }

  TEST_CASE("refused work answers why") {
    auto io = kj::setupAsyncIo();
    RequestDispatcher dispatcher({.admission = {.in_flight_max = {1, 1, 1}, .bytes_max = 10}});
    const auto answer = Offload<int>(dispatcher, {.bytes = 11}, []() -> absl::StatusOr<int> {
                          return 1;
                        }).wait(io.waitScope);
    CHECK(GetErrorReason(answer.status()) == ErrorReason::kOverloaded);
  }

  TEST_CASE("queued reads that nobody waits for are skipped, writes are not") {
    for (const Lane lane : {Lane::kRead, Lane::kWrite}) {
      auto io = kj::setupAsyncIo();
      std::atomic<int> ran = 0;
      absl::Notification release;
      {
        RequestDispatcher dispatcher({.read_threads = 1, .write_threads = 1});
        auto first = Offload<int>(dispatcher, {.lane = lane}, [&release]() -> absl::StatusOr<int> {
          release.WaitForNotification();
          return 1;
        });
        {
          const auto dropped = Offload<int>(dispatcher, {.lane = lane},
                                            [&ran]() -> absl::StatusOr<int> { return ++ran; });
        }
        release.Notify();
        CHECK(first.wait(io.waitScope).ok());
      }
      CHECK(ran == (lane == Lane::kRead ? 0 : 1));
    }
  }
}

}  // namespace
}  // namespace perigee::server
