// SPDX-License-Identifier: Apache-2.0
//
// Cuts a damaged log behind an LSN on an operator's explicit word (D7). The log page lets a later
// file say where the file before ends, so one new, empty log file that begins behind the kept
// record is all that is written; the kept records stay where they are.
//
// Invariants:
//  1. What is named in quarantine/ is durable there before anything changes; the change is one
//     rename, so a crash leaves the log as it was or repaired.
//  2. Refused while a process has the database open, when the LSN is not the end of a whole group,
//     and when the manifest or a segment knows of later records, which no log can then lack.
//
// Thread-safety: functions without state; the directory's lock is held while it is changed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/inspect/database_verifier.h"

namespace perigee::tools::inspect {

struct RepairPlan {
  std::string directory = {};
  uint64_t to_lsn = 0;
  /// The file that keeps the last record; 0 when none is kept.
  uint64_t predecessor = 0;
  uint64_t first_slot = 0;
  uint32_t previous_crc = 0;
  uint32_t chain = 0;
  uint64_t new_number = 0;
  Uuid database = {};
  uint64_t epoch = 0;
  /// Files that hold what is given up: copied to quarantine/, later ones leave wal/.
  std::vector<uint64_t> quarantined = {};
  std::vector<uint64_t> removed = {};
  /// Records behind to_lsn that can still be read, by type; others are unreadable.
  std::map<std::string, uint64_t> lost_records = {};
  uint64_t lost_readable = 0;
  uint64_t lost_up_to_lsn = 0;  ///< the highest LSN that is known to have been durable
};

/// What would be done. kInvalidArgument when it cannot be done for this LSN, naming those that can;
/// kFailedPrecondition when the directory is no database or its log is whole.
absl::StatusOr<RepairPlan> PlanLogRepair(const std::string& directory, uint64_t to_lsn);

/// The changes that a repair makes to the disk, each of which a power cut may come behind; a test
/// looks at what every one of them leaves.
class RepairDisk {
 public:
  virtual ~RepairDisk() = default;
  /// Fine when it is there.
  virtual absl::Status MakeDirectory(const std::string& path);
  virtual absl::Status Keep(const std::string& from, const std::string& to);
  /// The bytes are durable on return, the name is not.
  virtual absl::Status WriteNew(const std::string& path, const std::string& bytes);
  /// Fails when `to` is taken.
  virtual absl::Status GiveName(const std::string& from, const std::string& to);
  /// Fine when it is missing.
  virtual absl::Status Remove(const std::string& path);
  /// Names made and removed in `path` are durable.
  virtual absl::Status SyncDirectory(const std::string& path);
};

/// Does it. kUnavailable when the disk fails or the database is in use.
absl::Status ApplyLogRepair(const RepairPlan& plan, RepairDisk& disk);
inline absl::Status ApplyLogRepair(const RepairPlan& plan) {
  RepairDisk disk;
  return ApplyLogRepair(plan, disk);
}

/// The plan in words.
std::string DescribeRepair(const RepairPlan& plan);

}  // namespace perigee::tools::inspect
