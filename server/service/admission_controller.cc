// SPDX-License-Identifier: Apache-2.0
#include "server/service/admission_controller.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/wire/wire_status.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::server {
namespace {

// Long enough for a few searches or flushes of the log, short enough not to be felt.
constexpr uint32_t kRetryAfterMs = 50;

absl::Status Overloaded(std::string_view message) {
  absl::Status status = ErrorWithReason(ErrorReason::kOverloaded, message);
  wire::SetRetryAfterMs(status, kRetryAfterMs);
  return status;
}

}  // namespace

std::string_view LaneName(Lane lane) {
  switch (lane) {
    case Lane::kRead:
      return "read";
    case Lane::kWrite:
      return "write";
    case Lane::kAdministration:
      return "administration";
  }
  return "unknown";
}

AdmissionController::Ticket::~Ticket() {
  if (controller_ != nullptr) {
    controller_->Release(lane_, bytes_);
  }
}

AdmissionController::Ticket::Ticket(Ticket&& other) noexcept
    : controller_(std::exchange(other.controller_, nullptr)),
      lane_(other.lane_),
      bytes_(other.bytes_) {}

AdmissionController::Ticket& AdmissionController::Ticket::operator=(Ticket&& other) noexcept {
  std::swap(controller_, other.controller_);
  std::swap(lane_, other.lane_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

absl::StatusOr<AdmissionController::Ticket> AdmissionController::Admit(Lane lane, uint64_t bytes) {
  const size_t limit = options_.in_flight_max[static_cast<size_t>(lane)];
  const size_t before = in_flight_[static_cast<size_t>(lane)].fetch_add(1);
  const uint64_t bytes_before = bytes_.fetch_add(bytes);
  if (before >= limit || bytes_before + bytes > options_.bytes_max) {
    Release(lane, bytes);
    if (before >= limit) {
      return Overloaded(absl::StrCat("the server works on ", limit, " ", Absl(LaneName(lane)),
                                     " requests, which is its limit; try again later"));
    }
    return Overloaded(absl::StrCat("requests in flight hold ", bytes_before, " of ",
                                   options_.bytes_max, " bytes, and this one has ", bytes,
                                   "; try again later"));
  }
  return Ticket(this, lane, bytes);
}

void AdmissionController::Release(Lane lane, uint64_t bytes) {
  in_flight_[static_cast<size_t>(lane)].fetch_sub(1);
  bytes_.fetch_sub(bytes);
}

}  // namespace perigee::server
