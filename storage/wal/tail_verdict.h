// SPDX-License-Identifier: Apache-2.0
//
// The verdict on the place where replay of the newest log file stopped (D7): is what follows an
// unacknowledged tail, which may be cut, or a damaged part of what was acknowledged?
//
// Invariants:
//  1. A pure function of its argument.
//  2. Never kCut when any evidence says that the expected LSN was flushed.
//
// Thread-safety: a pure function.
#pragma once

#include <cstdint>

namespace perigee::storage {

struct TailEvidence {
  /// The LSN of the first record that did not verify: last good one + 1.
  uint64_t expected_lsn = 1;
  /// Highest durable LSN in any valid file header or block trailer of the log.
  uint64_t log_durable_lsn = 0;
  /// The manifest's durable LSN, the highest LSN of a published segment, the applied LSNs.
  uint64_t manifest_durable_lsn = 0;
  uint64_t published_max_lsn = 0;
  uint64_t applied_lsn = 0;
  /// A valid group stands after the place that did not verify. One group is in flight at a time,
  /// so the group in that place had been flushed.
  bool later_group_found = false;
  /// The last valid group is a clean-close mark.
  bool closed = false;
  /// All bytes from the place to the end of the file are zero.
  bool rest_is_zero = true;
};

enum class TailVerdict {
  kClean,   ///< the log was closed here
  kCut,     ///< what follows was never acknowledged; go on in a new file
  kDamage,  ///< something acknowledged is damaged; refuse
};

TailVerdict JudgeTail(const TailEvidence& evidence);

}  // namespace perigee::storage
