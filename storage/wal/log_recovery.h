// SPDX-License-Identifier: Apache-2.0
//
// Reads the log files of a directory: which of them belong together, which records they hold,
// where the log ends, and whether it ends as a crash or a close would leave it (D7, I1). Changes
// nothing; FileLog acts on the result.
//
// Invariants:
//  1. A record is delivered only when it is known to be flushed: its group is followed by another
//     one, in its file or by a next file. The last group of the newest file is held back.
//  2. Files before the newest are read up to where their successor starts, and all of that must
//     verify. Files whose records are all applied are not read.
//
// Thread-safety: a function without state; the directory must not change meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/layout/data_directory.h"
#include "storage/wal/log_file_format.h"
#include "storage/wal/log_group.h"
#include "storage/wal/tail_verdict.h"

namespace perigee::storage {

struct RecoveryRequest {
  uint64_t applied_lsn = 0;
  uint64_t manifest_durable_lsn = 0;
  uint64_t published_max_lsn = 0;
  /// Called with each group of records that is known to be flushed.
  std::function<absl::Status(const LogGroup&)> deliver = nullptr;
};

/// A file of the log. The next file's start says where it ends.
struct LogFileEntry {
  uint64_t number = 0;
  uint64_t predecessor_number = 0;
  uint64_t file_bytes = 0;
  LogPosition start;
};

struct RecoveredLog {
  std::vector<LogFileEntry> files;  ///< unbroken, oldest first; empty for a new log
  /// Not part of the log: older ones whose removal was cut short, and ones that a later file took
  /// the place of before they held a group.
  std::vector<uint64_t> leftover_files;
  TailVerdict verdict = TailVerdict::kClean;  ///< never kDamage
  uint64_t epoch_max = 0;                     ///< highest in any header or group that was read
  /// Where the next file starts: behind the last delivered group. A mark at the end is passed
  /// over, because nothing proves that it was flushed.
  LogPosition end;
  uint32_t chain = 0;
  /// The last group, if it holds records: it must be made durable before it is believed (D6). It
  /// stands at `end`.
  std::optional<LogGroup> unflushed;
};

/// kDataLoss when something acknowledged is damaged or missing.
absl::StatusOr<RecoveredLog> RecoverLog(DataDirectory& directory, const RecoveryRequest& request);

}  // namespace perigee::storage
