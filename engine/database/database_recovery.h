// SPDX-License-Identifier: Apache-2.0
//
// DatabaseRecovery: brings the collections of a directory back: first what the manifest names, then
// what the log adds. Every open goes through it, after a crash or not.
//
// Invariants, checked at every open (storage.md 9); a breach is a Status, never an abort:
//  1. A record is applied to a collection exactly if its LSN is above the collection's applied LSN
//     (I1); a record that cannot be applied ends the open with its LSN (D4).
//  2. A bulk-loaded segment whose stamp is above the applied LSN is held back until replay reaches
//     its attach record, because until then its rows do not exist.
//  3. Deletion files lie within their segments (I5); no applied LSN is above the end of the log
//     (I6); row counts agree (I11). The loader sees to it that no id has two live rows (I4).
//  4. Memory stays bounded: full growing segments are sealed, without graphs, while replaying
//  (D13).
//
// Thread-safety: one thread; nothing but the loader uses the collections until it is done.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "engine/collection/collection_environment.h"
#include "engine/database/catalog_operation.h"
#include "engine/database/collection_catalog.h"
#include "engine/database/collection_loader.h"
#include "storage/manifest/manifest_state.h"
#include "storage/wal/log_group.h"

namespace perigee::engine {

class DatabaseRecovery {
 public:
  /// All arguments outlive the object.
  DatabaseRecovery(std::shared_ptr<CollectionEnvironment> environment, CollectionCatalog& catalog);

  /// Opens the segments that `state` names and gives them to `loader`. A segment that is damaged or
  /// missing becomes a missing segment of its collection; that is told by warnings().
  absl::Status LoadCollections(const storage::ManifestState& state, CollectionLoader& loader);
  /// Highest LSN of any row of a segment that LoadCollections saw (D7).
  uint64_t published_max_lsn() const { return published_max_lsn_; }

  /// Applies one record of the log; for FileLog::Open.
  absl::Status Replay(const storage::LogRecord& record);
  /// After the last record: publishes the snapshots and checks what must hold at the end.
  absl::Status Finish(uint64_t last_lsn);

  /// Files in the directory that are not live, in words.
  absl::Status FindStrays(const storage::ManifestState& state);
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  absl::Status LoadCollection(const storage::CollectionEntry& entry, CollectionLoader& loader);
  absl::Status ReplayCreate(const storage::LogRecord& record);
  absl::Status ReplayDrop(const storage::LogRecord& record);
  absl::Status ReplayUpsert(const storage::LogRecord& record);
  absl::Status ReplayDelete(const storage::LogRecord& record);
  absl::Status ReplayAttach(const storage::LogRecord& record);
  /// The collection that a record is about, with its ids loaded, or null when the record is to be
  /// passed over.
  absl::StatusOr<std::shared_ptr<CollectionCore>> Target(const storage::Uuid& collection,
                                                         uint64_t lsn);
  absl::Status SealFull(const std::shared_ptr<CollectionCore>& collection, uint64_t lsn);

  std::shared_ptr<CollectionEnvironment> environment_;
  CollectionCatalog& catalog_;
  uint64_t published_max_lsn_ = 0;
  /// Segments held back, by collection and stamp.
  std::map<std::pair<storage::Uuid, uint64_t>, std::vector<NamedSegment>> pending_;
  /// Collections that records spoke of and that do not exist: they must be dropped further on.
  std::set<storage::Uuid> unknown_;
  /// Collections with a bulk load whose files are gone, and what to say unless they are dropped
  /// further on.
  std::map<storage::Uuid, absl::Status> lost_attachments_;
  bool disk_full_ = false;
  std::vector<std::string> warnings_;
};

}  // namespace perigee::engine
