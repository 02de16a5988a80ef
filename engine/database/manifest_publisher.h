// SPDX-License-Identifier: Apache-2.0
//
// ManifestPublisher: the only place that edits the manifest of an open database. It turns a change
// of segments into one edit, together with everything else that the edit must carry: deletion
// files, applied LSNs, collections created or dropped since, attached segments. Then it swaps the
// segments in memory, removes obsolete files and retires log files.
//
// Invariants:
//  1. Every edit that names a durable LSN also names every collection created up to it, so replay
//     may start behind the smallest applied LSN.
//  2. Memory changes only after the edit is durable; files are removed only after an edit said that
//     they are obsolete (D15), log files only after an edit said that they are applied (D9).
//  3. After an edit whose outcome is unknown the database takes no writes (D5).
//
// Thread-safety: all methods may be called from every thread; edits are made one at a time.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "engine/collection/collection_environment.h"
#include "engine/collection/segment_publisher.h"
#include "engine/database/collection_catalog.h"
#include "storage/manifest/manifest_log.h"
#include "storage/wal/file_log.h"

namespace perigee::engine {

class ManifestPublisher;

/// A manifest state none of whose files is removed, nor any log file, until this is gone; edits go
/// on meanwhile. Not to outlive its publisher.
class HeldFiles {
 public:
  HeldFiles(ManifestPublisher& publisher, std::shared_ptr<const storage::ManifestState> state)
      : publisher_(publisher), state_(std::move(state)) {}
  ~HeldFiles();
  HeldFiles(const HeldFiles&) = delete;
  HeldFiles& operator=(const HeldFiles&) = delete;

  const storage::ManifestState& state() const { return *state_; }
  /// Log files may go again.
  void ReleaseLog();

 private:
  ManifestPublisher& publisher_;
  std::shared_ptr<const storage::ManifestState> state_;
  bool log_held_ = true;
};

class ManifestPublisher final : public SegmentPublisher {
 public:
  /// All arguments outlive the object.
  ManifestPublisher(CollectionEnvironment& environment, CollectionCatalog& catalog,
                    storage::ManifestLog& manifest);

  absl::Status Publish(const SegmentChange& change) override;
  /// Collections that were created or dropped since the last edit, and nothing else.
  absl::Status PublishCatalog();
  /// The first edit of a read-write open: the epoch of this writer (N2). Removes files that an
  /// earlier process left obsolete.
  absl::Status BeginEpoch();

  /// The state of now, with its files and the log's kept (for a snapshot).
  HeldFiles HoldFiles();

  /// From now on log files that are no longer needed are removed after each edit. Null: no longer.
  void SetLog(storage::FileLog* log) { log_.store(log); }

 private:
  /// What an edit was made of, to be carried out in memory once it is durable.
  struct Draft {
    storage::ManifestEdit edit;
    /// The collections of this moment. Read once: the log's thread changes the catalog meanwhile,
    /// and an edit must not name what another part of it adds or drops.
    std::vector<std::shared_ptr<CollectionCore>> collections;
    std::vector<std::pair<std::shared_ptr<CollectionCore>, CheckpointCut>> cuts;
    std::vector<storage::Uuid> deletion_files;  // written for this edit
    bool empty() const;
  };

  friend class HeldFiles;

  absl::Status PublishLocked(const SegmentChange& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddCatalogChanges(const storage::ManifestState& base, Draft& draft) const;
  absl::Status AddChange(const storage::ManifestState& base, const SegmentChange& change,
                         Draft& draft);
  absl::Status AddDeletionFile(const storage::ManifestState& base, const CollectionCore& collection,
                               const DeathsOfSegment& deaths, Draft& draft);
  void AddIdleCollections(const CollectionCore* changed, Draft& draft) const;
  absl::Status CommitLocked(const storage::ManifestState& base, storage::ManifestEdit edit)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RemoveObsoleteFilesLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RetireLogLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// A directory did not reach the disk: no name in it can be relied on any more (D5).
  void FailIfStorageFailed(const absl::Status& status);
  void Release(bool segments, bool log);

  CollectionEnvironment& environment_;
  CollectionCatalog& catalog_;
  storage::ManifestLog& manifest_;
  std::atomic<storage::FileLog*> log_ = nullptr;

  /// Held over an edit, its files and its swap. Before CollectionState's lock in the lock order.
  absl::Mutex mutex_;
  int segment_holds_ ABSL_GUARDED_BY(mutex_) = 0;
  int log_holds_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<storage::ManifestFile> removed_files_ ABSL_GUARDED_BY(mutex_);  // to be forgotten
};

}  // namespace perigee::engine
