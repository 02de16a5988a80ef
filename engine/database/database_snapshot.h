// SPDX-License-Identifier: Apache-2.0
//
// MakeSnapshot: the work behind Database::CreateSnapshot. A snapshot is what a power cut at one
// moment would leave: the manifest of that moment with the files it names, and the log up to its
// last durable record. Opening it is ordinary recovery, the most tested path there is
// (docs/decisions/0020).
//
// Invariants:
//  1. The manifest is read before the log is cut, so the log reaches at least as far as anything
//     that the manifest names.
//  2. Nothing is removed from the database between that reading and the last link.
//  3. The log is copied, never linked: its newest file is still written.
//
// Thread-safety: a function without state; several snapshots may be made at once.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "engine/database/manifest_publisher.h"
#include "perigee/snapshot.h"
#include "storage/layout/data_directory.h"
#include "storage/wal/file_log.h"

namespace perigee::engine {

/// Parts of an open database.
struct SnapshotSource {
  storage::DataDirectory& directory;
  ManifestPublisher& publisher;
  storage::FileLog& log;
  uint64_t epoch = 0;
};

absl::StatusOr<SnapshotReport> MakeSnapshot(const SnapshotSource& source, const std::string& path,
                                            const SnapshotOptions& options);

}  // namespace perigee::engine
