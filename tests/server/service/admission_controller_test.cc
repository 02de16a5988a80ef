// SPDX-License-Identifier: Apache-2.0
#include "server/service/admission_controller.h"

#include <doctest/doctest.h>

#include <utility>

#include "client/wire/wire_status.h"
#include "storage/foundation/error_reason.h"

namespace perigee::server {
namespace {

TEST_CASE("a lane takes so many requests and the next when one is done") {
  AdmissionController controller({.in_flight_max = {2, 1, 1}, .bytes_max = 1'000});
  auto first = controller.Admit(Lane::kRead, 0);
  auto second = controller.Admit(Lane::kRead, 0);
  REQUIRE(first.ok());
  REQUIRE(second.ok());
  const auto third = controller.Admit(Lane::kRead, 0);
  CHECK(GetErrorReason(third.status()) == ErrorReason::kOverloaded);
  CHECK(wire::GetRetryAfterMs(third.status()) > 0);
  CHECK(controller.Admit(Lane::kWrite, 0).ok());
  { const AdmissionController::Ticket done = *std::move(first); }
  CHECK(controller.in_flight(Lane::kRead) == 1);
  CHECK(controller.Admit(Lane::kRead, 0).ok());
}

TEST_CASE("bytes of all lanes count together") {
  AdmissionController controller({.in_flight_max = {9, 9, 9}, .bytes_max = 1'000});
  const auto held = controller.Admit(Lane::kWrite, 600);
  REQUIRE(held.ok());
  CHECK(GetErrorReason(controller.Admit(Lane::kRead, 401).status()) == ErrorReason::kOverloaded);
  CHECK(controller.Admit(Lane::kRead, 400).ok());
  CHECK(controller.in_flight(Lane::kRead) == 0);
}

TEST_CASE("a moved ticket gives back once") {
  AdmissionController controller({.in_flight_max = {1, 1, 1}, .bytes_max = 10});
  AdmissionController::Ticket ticket = *controller.Admit(Lane::kRead, 10);
  AdmissionController::Ticket moved = std::move(ticket);
  CHECK(controller.in_flight(Lane::kRead) == 1);
  moved = AdmissionController::Ticket();
  CHECK(controller.in_flight(Lane::kRead) == 0);
  CHECK(controller.Admit(Lane::kRead, 10).ok());
}

}  // namespace
}  // namespace perigee::server
