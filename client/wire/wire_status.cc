// SPDX-License-Identifier: Apache-2.0
#include "client/wire/wire_status.h"

#include <array>
#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/wire/wire_bounds.h"
#include "storage/foundation/error_reason.h"

namespace perigee::wire {
namespace {

constexpr const char* kRetryAfterUrl = "perigee/retry_after_ms";
constexpr size_t kMessageBytesMax = 64U << 10U;

constexpr std::array<std::pair<ErrorReason, schema::Reason>, 16> kReasons = {{
    {ErrorReason::kStorageFailed, schema::Reason::STORAGE_FAILED},
    {ErrorReason::kDamaged, schema::Reason::DAMAGED},
    {ErrorReason::kLocked, schema::Reason::LOCKED},
    {ErrorReason::kNotADatabase, schema::Reason::NOT_A_DATABASE},
    {ErrorReason::kUnknownFormat, schema::Reason::UNKNOWN_FORMAT},
    {ErrorReason::kReadOnly, schema::Reason::READ_ONLY},
    {ErrorReason::kDiskFull, schema::Reason::DISK_FULL},
    {ErrorReason::kOverloaded, schema::Reason::OVERLOADED},
    {ErrorReason::kLimit, schema::Reason::LIMIT},
    {ErrorReason::kPartial, schema::Reason::PARTIAL},
    {ErrorReason::kUnknownOutcome, schema::Reason::UNKNOWN_OUTCOME},
    {ErrorReason::kFenced, schema::Reason::FENCED},
    {ErrorReason::kStale, schema::Reason::STALE},
    {ErrorReason::kNotWriter, schema::Reason::NOT_WRITER},
    {ErrorReason::kThrottled, schema::Reason::THROTTLED},
    {ErrorReason::kAccessDenied, schema::Reason::ACCESS_DENIED},
}};

schema::Reason WireReason(const absl::Status& status) {
  const std::optional<ErrorReason> reason = GetErrorReason(status);
  for (const auto& [ours, wire] : kReasons) {
    if (reason == ours) {
      return wire;
    }
  }
  return schema::Reason::NONE;
}

std::optional<ErrorReason> ModelReason(schema::Reason reason) {
  for (const auto& [ours, wire] : kReasons) {
    if (reason == wire) {
      return ours;
    }
  }
  return std::nullopt;
}

absl::StatusCode ModelCode(uint16_t code) {
  // A code that this build does not know, or an "error" that says ok, is a fault of the peer.
  if (code == 0 || code > static_cast<uint16_t>(absl::StatusCode::kUnauthenticated)) {
    return absl::StatusCode::kUnknown;
  }
  return static_cast<absl::StatusCode>(code);
}

}  // namespace

void SetRetryAfterMs(absl::Status& status, uint32_t retry_after_ms) {
  status.SetPayload(kRetryAfterUrl, absl::Cord(absl::StrCat(retry_after_ms)));
}

uint32_t GetRetryAfterMs(const absl::Status& status) {
  const auto payload = status.GetPayload(kRetryAfterUrl);
  uint32_t value = 0;
  if (payload.has_value() && absl::SimpleAtoi(std::string(*payload), &value)) {
    return value;
  }
  return 0;
}

void EncodeStatus(const absl::Status& status, schema::Status::Builder out) {
  out.setCode(static_cast<uint16_t>(status.code()));
  out.setReason(WireReason(status));
  out.setMessage(WireText(std::string(status.message().substr(0, kMessageBytesMax))));
  out.setRetryAfterMs(GetRetryAfterMs(status));
}

absl::Status DecodeStatus(schema::Status::Reader in) {
  std::string message(in.getMessage().begin(),
                      std::min<size_t>(in.getMessage().size(), kMessageBytesMax));
  if (in.hasRequestId()) {
    absl::StrAppend(&message, " (request ", in.getRequestId().cStr(), ")");
  }
  absl::Status status;
  const std::optional<ErrorReason> reason = ModelReason(in.getReason());
  const absl::StatusCode code = ModelCode(in.getCode());
  if (reason.has_value() && ErrorReasonCode(*reason) == code) {
    status = ErrorWithReason(*reason, message);
  } else {
    status = absl::Status(code, message);
  }
  if (in.getRetryAfterMs() != 0) {
    SetRetryAfterMs(status, in.getRetryAfterMs());
  }
  return status;
}

}  // namespace perigee::wire
