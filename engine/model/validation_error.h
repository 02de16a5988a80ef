// SPDX-License-Identifier: Apache-2.0
//
// The two errors of validation: a value that is wrong, and a value beyond a limit. Both are
// kInvalidArgument; the second carries the reason `limit`, so that a program can tell them apart.
//
// Invariants: arguments are what absl::StrCat takes; user text goes through QuoteForMessage first,
// since a message has to be valid UTF-8.
// Thread-safety: functions without state.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "storage/foundation/error_reason.h"

namespace perigee {

template <typename... Parts>
absl::Status InvalidError(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

template <typename... Parts>
absl::Status LimitError(const Parts&... parts) {
  return ErrorWithReason(ErrorReason::kLimit, absl::StrCat(parts...));
}

}  // namespace perigee
