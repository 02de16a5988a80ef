// SPDX-License-Identifier: Apache-2.0
#include "perigee/model/exit_code.h"

#include "storage/foundation/error_reason.h"

namespace perigee {
namespace {

ExitCode OfReason(ErrorReason reason) {
  switch (reason) {
    case ErrorReason::kStorageFailed:
    case ErrorReason::kDamaged:
    case ErrorReason::kPartial:
      return ExitCode::kIoError;
    case ErrorReason::kLocked:
    case ErrorReason::kDiskFull:
    case ErrorReason::kOverloaded:
    case ErrorReason::kStale:
    case ErrorReason::kThrottled:
      return ExitCode::kTryLater;
    case ErrorReason::kNotADatabase:
    case ErrorReason::kUnknownFormat:
    case ErrorReason::kFenced:
    case ErrorReason::kNotWriter:
      return ExitCode::kConfiguration;
    case ErrorReason::kReadOnly:
    case ErrorReason::kAccessDenied:
      return ExitCode::kNoPermission;
    case ErrorReason::kLimit:
      return ExitCode::kBadData;
    case ErrorReason::kUnknownOutcome:
      return ExitCode::kUnavailable;
  }
  return ExitCode::kInternal;
}

}  // namespace

ExitCode ExitCodeOf(const absl::Status& status) {
  if (status.ok()) {
    return ExitCode::kOk;
  }
  if (const std::optional<ErrorReason> reason = GetErrorReason(status); reason.has_value()) {
    return OfReason(*reason);
  }
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kUnimplemented:
      return ExitCode::kBadData;
    case absl::StatusCode::kNotFound:
      return ExitCode::kNoInput;
    case absl::StatusCode::kUnavailable:
      return ExitCode::kUnavailable;
    case absl::StatusCode::kDataLoss:
      return ExitCode::kIoError;
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kCancelled:
      return ExitCode::kTryLater;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return ExitCode::kNoPermission;
    case absl::StatusCode::kFailedPrecondition:
      return ExitCode::kConfiguration;
    default:
      return ExitCode::kInternal;
  }
}

}  // namespace perigee
