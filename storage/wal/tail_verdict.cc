// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/tail_verdict.h"

#include <algorithm>

#include "storage/foundation/canary.h"

namespace perigee::storage {

TailVerdict JudgeTail(const TailEvidence& evidence) {
  const uint64_t durable_lsn = std::max({evidence.log_durable_lsn, evidence.manifest_durable_lsn,
                                         evidence.published_max_lsn, evidence.applied_lsn});
  if (CanaryActive("treat-damage-as-tail")) {
    return TailVerdict::kCut;
  }
  if (evidence.expected_lsn <= durable_lsn) {
    return TailVerdict::kDamage;
  }
  // Also when no record is missing: then it was a mark that is damaged, and the later group may
  // hold acknowledged records that a cut would lose.
  if (evidence.later_group_found) {
    return TailVerdict::kDamage;
  }
  return evidence.closed && evidence.rest_is_zero ? TailVerdict::kClean : TailVerdict::kCut;
}

}  // namespace perigee::storage
