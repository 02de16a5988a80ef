// SPDX-License-Identifier: Apache-2.0
#include "storage/foundation/error_reason.h"

#include <array>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee {
namespace {

constexpr absl::string_view kPayloadUrl = "perigee/reason";

struct Row {
  ErrorReason reason;
  std::string_view name;
  absl::StatusCode code;
  bool retriable;
};

constexpr std::array<Row, 16> kRows = {{
    {ErrorReason::kStorageFailed, "storage_failed", absl::StatusCode::kUnavailable, false},
    {ErrorReason::kDamaged, "damaged", absl::StatusCode::kDataLoss, false},
    {ErrorReason::kLocked, "locked", absl::StatusCode::kFailedPrecondition, true},
    {ErrorReason::kNotADatabase, "not_a_database", absl::StatusCode::kFailedPrecondition, false},
    {ErrorReason::kUnknownFormat, "unknown_format", absl::StatusCode::kUnimplemented, false},
    {ErrorReason::kReadOnly, "read_only", absl::StatusCode::kFailedPrecondition, false},
    {ErrorReason::kDiskFull, "disk_full", absl::StatusCode::kResourceExhausted, true},
    {ErrorReason::kOverloaded, "overloaded", absl::StatusCode::kResourceExhausted, true},
    {ErrorReason::kLimit, "limit", absl::StatusCode::kInvalidArgument, false},
    {ErrorReason::kPartial, "partial", absl::StatusCode::kDataLoss, false},
    {ErrorReason::kUnknownOutcome, "unknown_outcome", absl::StatusCode::kUnavailable, true},
    {ErrorReason::kFenced, "fenced", absl::StatusCode::kFailedPrecondition, false},
    {ErrorReason::kStale, "stale", absl::StatusCode::kUnavailable, true},
    {ErrorReason::kNotWriter, "not_writer", absl::StatusCode::kFailedPrecondition, false},
    {ErrorReason::kThrottled, "throttled", absl::StatusCode::kResourceExhausted, true},
    {ErrorReason::kAccessDenied, "access_denied", absl::StatusCode::kPermissionDenied, false},
}};

const Row& Find(ErrorReason reason) {
  for (const Row& row : kRows) {
    if (row.reason == reason) {
      return row;
    }
  }
  return kRows[0];
}

}  // namespace

std::string_view ErrorReasonName(ErrorReason reason) { return Find(reason).name; }

std::optional<ErrorReason> ParseErrorReason(std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name) {
      return row.reason;
    }
  }
  return std::nullopt;
}

absl::StatusCode ErrorReasonCode(ErrorReason reason) { return Find(reason).code; }

bool ErrorReasonRetriable(ErrorReason reason) { return Find(reason).retriable; }

absl::Status ErrorWithReason(ErrorReason reason, std::string_view message) {
  const Row& row = Find(reason);
  absl::Status status(row.code, Absl(message));
  status.SetPayload(kPayloadUrl, absl::Cord(Absl(row.name)));
  return status;
}

std::optional<ErrorReason> GetErrorReason(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayloadUrl);
  if (!payload.has_value()) {
    return std::nullopt;
  }
  return ParseErrorReason(std::string(*payload));
}

absl::Status WithContext(const absl::Status& status, std::string_view context) {
  if (status.ok()) {
    return status;
  }
  absl::Status result(status.code(), absl::StrCat(Absl(context), ": ", status.message()));
  status.ForEachPayload([&result](absl::string_view url, const absl::Cord& payload) {
    result.SetPayload(url, payload);
  });
  return result;
}

}  // namespace perigee
