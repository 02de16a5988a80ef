// SPDX-License-Identifier: Apache-2.0
//
// Snapshots: a directory that holds a database as it was after one write, taken while writes go on,
// and the way back (docs/snapshots.md).
//
//   auto taken = db->CreateSnapshot("/backup/docs-monday", {});
//   auto restored = perigee::RestoreSnapshot("/backup/docs-monday", "/var/lib/docs2", {});
//
// Invariants:
//  1. The directory appears whole or not at all; an attempt that was cut short leaves
//     "<directory>.unfinished", which nothing takes for a snapshot.
//  2. It holds every write up to `seq` and none after it. Each of its files was read back and
//     verified, and stands with its SHA-256 in the list SNAPSHOT.
//  3. Restoring reads every byte against that list, writes into a new directory only, opens the
//     result once, and shares no file with the snapshot.
//
// Thread-safety: the function may be called from every thread; the structs are value types.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "perigee/model/snapshot_report.h"
#include "perigee/options.h"

namespace perigee {

struct SnapshotProgress {
  uint64_t bytes_done = 0;
  uint64_t bytes_total = 0;
};

struct SnapshotOptions {
  /// Called from the calling thread for each mebibyte or so; false ends the work with kCancelled
  /// and leaves nothing behind.
  std::function<bool(const SnapshotProgress&)> on_progress = {};
};

struct RestoreOptions {
  IoBackend io_backend = IoBackend::kAuto;
  bool allow_network_filesystem = false;
  std::function<bool(const SnapshotProgress&)> on_progress = {};
};

/// Makes the new directory `to` from the snapshot `from`. kDataLoss naming the file when the
/// snapshot is not byte for byte what its list says, kAlreadyExists when `to` exists, kNotFound
/// without a snapshot or without the parent of `to`, kResourceExhausted when the disk is too small;
/// nothing is left of `to` then.
absl::StatusOr<SnapshotReport> RestoreSnapshot(const std::string& from, const std::string& to,
                                               const RestoreOptions& options);

}  // namespace perigee
