// SPDX-License-Identifier: Apache-2.0
//
// Verdict: what a reader says of a file, in the words that two readers can be compared in: good,
// damaged, or of a later version.
//
// Invariants: VerdictOf aborts on an error that is neither damage nor an unknown format: a decoder
// has no other reason to refuse.
// Thread-safety: a pure function.
#pragma once

#include "absl/status/status.h"
#include "storage/foundation/check.h"
#include "storage/foundation/error_reason.h"

namespace perigee::tests {

enum class Verdict { kGood, kDamaged, kUnsupported };

/// What the engine's reader says.
inline Verdict VerdictOf(const absl::Status& status) {
  if (status.ok()) {
    return Verdict::kGood;
  }
  const auto reason = GetErrorReason(status);
  PERIGEE_CHECK(reason == ErrorReason::kDamaged || reason == ErrorReason::kUnknownFormat,
                status.ToString());
  return reason == ErrorReason::kDamaged ? Verdict::kDamaged : Verdict::kUnsupported;
}

}  // namespace perigee::tests
