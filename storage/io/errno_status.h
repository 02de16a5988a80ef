// SPDX-License-Identifier: Apache-2.0
//
// The one translation from errno values to statuses, shared by all file system backends, so that a
// caller sees the same code whichever backend runs (file_system.h, invariant 5).
//
// Invariants: the message holds the operation, the path and the errno text; the code depends on the
// errno value alone.
// Thread-safety: a pure function.
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace perigee::storage {

/// The status of `operation` on `path` that failed with `error_number` (a positive errno value).
absl::Status ErrnoStatus(int error_number, std::string_view operation, std::string_view path);

}  // namespace perigee::storage
