// SPDX-License-Identifier: Apache-2.0
//
// SnapshotReport: what was put into a snapshot, or restored from one.
//
// Invariants: bytes_copied is at most bytes plus the list's own.
// Thread-safety: a value type.
#pragma once

#include <cstdint>
#include <string>

namespace perigee {

struct SnapshotReport {
  std::string database_uuid = {};
  uint64_t epoch = 0;  ///< of the writer that made the snapshot
  uint64_t seq = 0;    ///< the last write that the snapshot holds
  uint64_t files = 0;
  uint64_t bytes = 0;
  uint64_t bytes_copied = 0;  ///< the rest is shared with the database by hard links

  friend bool operator==(const SnapshotReport&, const SnapshotReport&) = default;
};

}  // namespace perigee
