// SPDX-License-Identifier: Apache-2.0
//
// DatabaseCore: one open directory: owns its parts, opens them in order and takes them down in the
// opposite order. Rights are checked by Database and Collection, not here.
//
//   directory -> manifest -> publisher -> collections -> log (replay) -> queue -> maintenance
//
// Invariants:
//  1. A failed Open leaves nothing running and, besides a new epoch, nothing changed.
//  2. After Close, or in a forked child, no part is used any more; collections that outlive the
//     core answer kFailedPrecondition.
//  3. A read-only core has neither lock, log, queue nor threads (N9).
//
// Thread-safety: all methods may be called from every thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "engine/collection/collection_core.h"
#include "engine/database/collection_catalog.h"
#include "engine/database/collection_loader.h"
#include "engine/database/database_maintenance.h"
#include "engine/database/disk_space_guard.h"
#include "engine/database/maintenance_scheduler.h"
#include "engine/database/manifest_publisher.h"
#include "engine/database/segment_scrubber.h"
#include "engine/database/stall_watch.h"
#include "perigee/options.h"
#include "perigee/snapshot.h"
#include "storage/io/file_system.h"
#include "storage/layout/data_directory.h"
#include "storage/manifest/manifest_log.h"
#include "storage/wal/file_log.h"
#include "storage/wal/group_commit_queue.h"

namespace perigee::engine {

class DatabaseCore {
 public:
  /// Chooses the file system that `options` asks for.
  static absl::StatusOr<std::shared_ptr<DatabaseCore>> Open(const std::string& directory,
                                                            const OpenOptions& options);
  /// On a given file system, which outlives the core; for tests and tools.
  static absl::StatusOr<std::shared_ptr<DatabaseCore>> Open(storage::FileSystem& file_system,
                                                            const std::string& directory,
                                                            const OpenOptions& options,
                                                            const EngineTuning& tuning);
  ~DatabaseCore();
  DatabaseCore(const DatabaseCore&) = delete;
  DatabaseCore& operator=(const DatabaseCore&) = delete;

  absl::StatusOr<std::shared_ptr<CollectionCore>> CreateCollection(std::string_view name,
                                                                   const CollectionSchema& schema);
  absl::StatusOr<std::shared_ptr<CollectionCore>> FindCollection(std::string_view name) const;
  absl::Status DropCollection(std::string_view name);
  /// In the order of names.
  absl::StatusOr<std::vector<std::shared_ptr<CollectionCore>>> ListCollections() const;
  absl::StatusOr<DatabaseStatus> Status() const;
  absl::Status Flush();
  /// As Database::CreateSnapshot.
  absl::StatusOr<SnapshotReport> CreateSnapshot(const std::string& directory,
                                                const SnapshotOptions& options);
  /// Idempotent; a second caller waits for the first.
  absl::Status Close();

  CollectionEnvironment& environment() const { return *environment_; }
  /// Whether it is read-only for want of room on the disk, and an open for writing would find some.
  bool MayReopenForWriting() const;
  /// Whether it was to be written to and is read-only instead; status says why.
  bool in_recovery_mode() const { return !recovery_.reason.empty(); }
  const CollectionCatalog& catalog() const { return catalog_; }
  /// Requires: open for writing.
  SegmentScrubber& scrubber() const { return *scrubber_; }

 private:
  /// Why a database that was to be written to is opened read-only (D13, D14).
  struct Recovery {
    std::string reason = {};  ///< empty: it is not
    bool for_want_of_room = false;
  };

  DatabaseCore(storage::FileSystem& file_system, const OpenOptions& options,
               const EngineTuning& tuning, Recovery recovery);

  /// Opens everything, or tells by `recovery` that it is to be opened read-only, and why.
  absl::Status OpenParts(const std::string& path, Recovery& recovery);
  absl::Status OpenForWriting(const std::string& path, Recovery& recovery);
  absl::Status OpenDirectory(const std::string& path);
  absl::Status OpenManifest();
  absl::Status OpenReadWrite();
  absl::Status OpenReadOnly();
  absl::Status LoadReadOnly();
  std::unique_ptr<CollectionLoader> MakeLoader();
  bool loads_behind() const { return options_.maintenance_threads > 0; }
  void StartLoader(std::unique_ptr<CollectionLoader> loader);
  void AddWarning(const std::string& warning);
  std::vector<std::string> warnings() const;
  void StartEnvironment(uint64_t epoch);
  absl::Status OpenLog(uint64_t published_max_lsn, class DatabaseRecovery& recovery);
  void StartThreads();
  void StartStallWatch();
  void OnGroupApplied(uint64_t last_lsn);
  void LeakParts();

  storage::FileSystem& file_system_;
  const OpenOptions options_;
  const EngineTuning tuning_;
  const Recovery recovery_;
  std::unique_ptr<storage::FileSystem> owned_file_system_;

  std::unique_ptr<storage::DataDirectory> directory_;
  std::unique_ptr<storage::ManifestLog> manifest_;
  std::shared_ptr<CollectionEnvironment> environment_;
  CollectionCatalog catalog_;
  std::unique_ptr<ManifestPublisher> publisher_;
  std::unique_ptr<DiskSpaceGuard> space_guard_;
  std::unique_ptr<storage::FileLog> log_;
  std::unique_ptr<storage::GroupCommitQueue> queue_;
  std::unique_ptr<DatabaseMaintenance> maintenance_;
  std::unique_ptr<MaintenanceScheduler> scheduler_;
  std::unique_ptr<SegmentScrubber> scrubber_;
  std::unique_ptr<StallWatch> stall_watch_;
  std::unique_ptr<CollectionLoader> loader_;
  std::string io_backend_;
  mutable absl::Mutex loading_mutex_;  // for what the loader's threads touch
  std::vector<std::string> warnings_ ABSL_GUARDED_BY(loading_mutex_);
  bool scheduler_ready_ ABSL_GUARDED_BY(loading_mutex_) = false;

  absl::Mutex close_mutex_;
  absl::Status close_status_ ABSL_GUARDED_BY(close_mutex_);
};

}  // namespace perigee::engine
