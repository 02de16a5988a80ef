// SPDX-License-Identifier: Apache-2.0
//
// Exit codes of Perigee's programs: those of sysexits.h, chosen from a status the same way
// everywhere (docs/errors.md has the table).
//
// Invariants: kOk for an ok status only; 2 is left to verify and doctor.
// Thread-safety: a pure function.
#pragma once

#include "absl/status/status.h"

namespace perigee {

enum class ExitCode : int {
  kOk = 0,
  kUsage = 64,
  kBadData = 65,
  kNoInput = 66,
  kUnavailable = 69,
  kInternal = 70,
  kCannotCreate = 73,
  kIoError = 74,
  kTryLater = 75,
  kNoPermission = 77,
  kConfiguration = 78,
};

/// The exit code that tells a script what kind of failure `status` is.
ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace perigee
