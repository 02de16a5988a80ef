// SPDX-License-Identifier: Apache-2.0
//
// Database: one directory, opened by one process that writes or any number that only read.
//
//   auto db = perigee::Database::Open("/var/lib/docs", {.access =
//   perigee::Access::Unrestricted()}); auto docs = (*db)->CreateCollection("docs", {.vectors =
//   {{.dimension = 384}}});
//
// Invariants:
//  1. Open on a directory of something else, a locked directory or a damaged one fails and changes
//     nothing. Only an empty or missing directory is ever initialised.
//  2. No signal handler, no output, no exit, no exception leaves this library; its threads are
//  joined
//     by Close or the destructor, both of which may be skipped by a crash without losing a write.
//  3. After a failed write or flush the handle refuses writes until reopened; reads go on.
//  4. After fork() the child's handle answers kFailedPrecondition.
//
// Thread-safety: all methods may be called from every thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "perigee/collection.h"
#include "perigee/options.h"
#include "perigee/snapshot.h"

namespace perigee {

namespace engine {
class DatabaseCore;
}

class Database {
 public:
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& directory,
                                                        const OpenOptions& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Another handle on the same open database, whose calls run under `access`.
  std::unique_ptr<Database> WithAccess(const Access& access) const;

  /// Durable on return. kAlreadyExists, kInvalidArgument.
  absl::StatusOr<Collection> CreateCollection(std::string_view name,
                                              const CollectionSchema& schema);
  /// kNotFound names the nearest existing collection.
  absl::StatusOr<Collection> OpenCollection(std::string_view name) const;
  /// The collection and its points are gone on return; its files follow.
  absl::Status DropCollection(std::string_view name);
  absl::StatusOr<bool> CollectionExists(std::string_view name) const;
  /// Sorted by name.
  absl::StatusOr<std::vector<CollectionDescription>> ListCollections() const;
  absl::StatusOr<DatabaseStatus> Status() const;
  /// Seals every collection's growing segment and waits.
  absl::Status Flush();
  /// Writes the state after one write into the new directory `directory`, which a server keeps
  /// apart from clients, while reads and writes go on. kAlreadyExists when it is there, kDataLoss
  /// when a file of the database is damaged; nothing is left of it then.
  absl::StatusOr<SnapshotReport> CreateSnapshot(const std::string& directory,
                                                const SnapshotOptions& options);
  /// Stops background work, writes a clean end to the log and releases the directory. Idempotent.
  absl::Status Close();

  /// Whether it was to be written to and is read-only instead (OpenOptions::recovery_mode); the
  /// storage_error of Status says why.
  bool in_recovery_mode() const;
  /// Whether the reason was a disk without room, and there is room now.
  bool MayReopenForWriting() const;

  /// On whose behalf calls on this handle run.
  const Access& access() const { return access_; }
  /// For the bulk loader and the server's parts inside the project.
  const std::shared_ptr<engine::DatabaseCore>& core() const { return core_; }

 private:
  Database(std::shared_ptr<engine::DatabaseCore> core, Access access);
  std::shared_ptr<engine::DatabaseCore> core_;
  Access access_;
};

}  // namespace perigee
