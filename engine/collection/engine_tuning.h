// SPDX-License-Identifier: Apache-2.0
//
// EngineTuning: the numbers behind sealing, compaction and back-pressure that a host does not set.
// Tests make them small so that everything happens within a few rows.
//
// Invariants: sizes are at least 1; none of them changes what is stored or answered, only when work
// is done.
// Thread-safety: a value type.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/time/time.h"

namespace perigee::engine {

struct EngineTuning {
  /// Bytes of rows after which a growing segment is frozen; OpenOptions sets it.
  uint64_t growing_bytes_max = 64ULL << 20U;
  /// Rows of a growing segment at most; small vectors reach this before the bytes.
  uint32_t growing_rows_max = 262'144;
  /// A sealed segment with fewer rows gets no graph: the exact scan is faster there.
  uint32_t index_rows_min = 1'000;

  /// Frozen segments of one collection that may wait for sealing before writers wait.
  uint32_t frozen_segments_max = 4;
  /// How long a writer waits for room before it is told to retry.
  absl::Duration room_wait_max = absl::Seconds(30);
  /// Pauses before a failed seal is tried again with a new file; after the last the database stops
  /// taking writes (storage.md 3).
  std::vector<absl::Duration> seal_retry_pauses = {absl::Seconds(1), absl::Seconds(10),
                                                   absl::Seconds(60)};

  /// Pause before a failed rewrite of segments is tried again.
  absl::Duration rewrite_retry_pause = absl::Minutes(1);
  /// How often to see whether the reserve for a full disk can be made again.
  absl::Duration reserve_check_every = absl::Seconds(5);
  /// A segment with more than this share of dead rows is rewritten.
  double dead_share_max = 0.2;
  /// This many segments of one size class are merged into one.
  uint32_t tier_segments = 4;
  /// Size classes grow by this factor.
  uint32_t tier_factor = 4;
  /// Rows of a merged segment at most (N19: 1 to 8 million).
  uint64_t compaction_rows_max = 2'000'000;

  /// When no write follows for this long, the log says durably that the last one was durable (D7).
  absl::Duration durable_mark_after = absl::Milliseconds(100);
  /// Added to the epoch by a read-write open (N2); more than 1 after a restore.
  uint64_t epoch_step = 1;
  /// Edits after which the manifest goes on in a new file.
  uint64_t manifest_rollover_edits = 1'000;
  /// A call to the disk that takes this long is told in the log and in status; this long, and the
  /// database takes no more writes (U10). How often to look.
  absl::Duration io_stalled_after = absl::Seconds(30);
  absl::Duration io_failed_after = absl::Seconds(120);
  absl::Duration io_check_every = absl::Seconds(1);
  /// Nothing is scrubbed in the first moments of an open, which has enough to read.
  absl::Duration scrub_start_after = absl::Minutes(1);
  /// Prepare log files on a thread of their own; tests that count calls want this off.
  bool log_preallocation = true;
};

}  // namespace perigee::engine
