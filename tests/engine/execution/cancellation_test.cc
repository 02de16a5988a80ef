// SPDX-License-Identifier: Apache-2.0
#include "engine/execution/cancellation.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>

namespace perigee::engine {
namespace {

TEST_CASE("nothing stops by default - a past deadline and a flag do") {
  CHECK(Cancellation().Check().ok());
  CHECK(Cancellation::After(std::chrono::hours(1)).Check().ok());
  CHECK(Cancellation::After(std::chrono::milliseconds(0)).Check().code() ==
        absl::StatusCode::kDeadlineExceeded);
  std::atomic<bool> cancelled{false};
  const Cancellation cancellation = Cancellation::OnFlag(&cancelled);
  CHECK(cancellation.Check().ok());
  cancelled = true;
  CHECK(cancellation.Check().code() == absl::StatusCode::kCancelled);
  CHECK(Cancellation::After(std::chrono::milliseconds(0), &cancelled).Check().code() ==
        absl::StatusCode::kCancelled);
}

TEST_CASE("a poll looks once per interval of work") {
  std::atomic<bool> cancelled{true};
  const Cancellation cancellation = Cancellation::OnFlag(&cancelled);
  CancellationPoll poll(cancellation);
  for (uint32_t i = 1; i < CancellationPoll::kPollInterval; ++i) {
    REQUIRE(poll.Poll().ok());
  }
  CHECK(poll.Poll().code() == absl::StatusCode::kCancelled);
  CHECK(poll.Poll(CancellationPoll::kPollInterval - 1).ok());
  CHECK(poll.Poll(2).code() == absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace perigee::engine
