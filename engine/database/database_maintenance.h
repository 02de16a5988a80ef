// SPDX-License-Identifier: Apache-2.0
//
// DatabaseMaintenance: decides what is done next in the background: seal frozen segments, free the
// log when it is too large, rewrite segments.
//
// Invariants:
//  1. Sealing goes before rewriting, because writers may be waiting for it.
//  2. A failed seal is tried again after each pause of seal_retry_pauses, with a new file; after
//     the last one the database takes no writes (storage.md 3).
//  3. A failed rewrite is tried again after rewrite_retry_pause, for ever; old segments serve on.
//  4. Work for a dropped collection or a closing database ends quietly.
//
// Thread-safety: RunOnce may run on several threads at once; the claims of CollectionCore keep them
// from doing the same work.
#pragma once

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "engine/collection/collection_environment.h"
#include "engine/database/collection_catalog.h"
#include "storage/foundation/canary.h"
#include "storage/wal/file_log.h"

namespace perigee::engine {

class DatabaseMaintenance {
 public:
  struct LogLimits {
    uint64_t seal_bytes = 0;   ///< size of the log at which everything is sealed
    uint64_t bound_bytes = 0;  ///< size that it never exceeds (D13)
    uint64_t file_bytes = 0;   ///< of one file
  };
  /// All arguments outlive the object.
  DatabaseMaintenance(CollectionEnvironment& environment, CollectionCatalog& catalog,
                      const storage::FileLog& log, const LogLimits& limits)
      : environment_(environment), catalog_(catalog), log_(log), limits_(limits) {}

  /// One piece of work; for MaintenanceScheduler.
  absl::Duration RunOnce();
  /// Whether the log is so large that collections must be sealed.
  bool LogTooLarge() const { return log_.status().file_bytes > limits_.seal_bytes; }
  /// Whether writes must wait. What is queued already may still need two files.
  bool LogFull() const {
    return log_.status().file_bytes + 2 * limits_.file_bytes > limits_.bound_bytes &&
           !CanaryActive("log-bound-ignored");
  }

 private:
  struct Retry {
    size_t failures = 0;
    absl::Time not_before = absl::InfinitePast();
  };
  /// A collection's claim to seal or rewrite, when its last failure is long enough ago.
  bool Due(const storage::Uuid& collection, absl::Duration* pause) const;
  /// Books the outcome of a piece of work for `collection`.
  void Settle(const CollectionCore& collection, const absl::Status& status);

  void FreezeForLog();
  bool SealOne(absl::Duration* pause);
  bool RewriteOne(absl::Duration* pause);
  /// Whether the last failed rewrite of the collection is long enough ago.
  bool RewriteDue(const storage::Uuid& collection, absl::Duration* pause) const;

  CollectionEnvironment& environment_;
  CollectionCatalog& catalog_;
  const storage::FileLog& log_;
  const LogLimits limits_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<storage::Uuid, Retry> retries_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<storage::Uuid, absl::Time> rewrites_not_before_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace perigee::engine
