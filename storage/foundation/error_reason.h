// SPDX-License-Identifier: Apache-2.0
//
// Our own reasons behind an absl::Status: a name carried as the payload "perigee/reason", so that a
// program can tell a lost race from a full disk without reading text. docs/errors.md is the table
// of reason, code and whether a retry can help; docs/decisions/0002 says why codes alone do not do.
//
// Invariants: a reason has exactly one absl code; a storage failure is never retriable.
// Thread-safety: functions without state.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace perigee {

enum class ErrorReason {
  kStorageFailed,   ///< a write or flush failed; the log is poisoned until reopened
  kDamaged,         ///< checksum or structure of stored bytes is wrong
  kLocked,          ///< another process has the directory
  kNotADatabase,    ///< the directory is something else, or lost its identity
  kUnknownFormat,   ///< written by a version with a feature this one does not know
  kReadOnly,        ///< the handle cannot write
  kDiskFull,        ///< below the hard limit of free space
  kOverloaded,      ///< a queue or budget is full; retry later
  kLimit,           ///< a fixed limit is exceeded; the request must change
  kPartial,         ///< a part of the data could not be read
  kUnknownOutcome,  ///< the write may or may not have happened
  kFenced,          ///< another writer took over
  kStale,           ///< the state asked for has not been reached
  kNotWriter,       ///< this process does not write this database
  kThrottled,       ///< a quota is used up; retry later
  kAccessDenied,    ///< the principal lacks the right
};

/// Stable lower-case name, e.g. "storage_failed".
std::string_view ErrorReasonName(ErrorReason reason);
/// The reason of that name, if there is one.
std::optional<ErrorReason> ParseErrorReason(std::string_view name);
/// The absl code every error with this reason has.
absl::StatusCode ErrorReasonCode(ErrorReason reason);
/// Whether the same request may succeed later without a change.
bool ErrorReasonRetriable(ErrorReason reason);

/// A status with the code of `reason`, the message, and the reason as payload.
absl::Status ErrorWithReason(ErrorReason reason, std::string_view message);
/// The reason carried by `status`, if any.
std::optional<ErrorReason> GetErrorReason(const absl::Status& status);
/// `status` with "context: " before its message; code and payload stay.
absl::Status WithContext(const absl::Status& status, std::string_view context);

}  // namespace perigee
