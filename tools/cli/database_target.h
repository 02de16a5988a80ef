// SPDX-License-Identifier: Apache-2.0
//
// DatabaseTarget: the database that a command works on, a directory opened in this process or a
// served one, with the same calls for both.
//
// Invariants: a directory is locked for as long as the target lives, unless read-only; a URI is
// "perigee://HOST:PORT", "unix:PATH" or a directory.
// Thread-safety: one thread at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "perigee/model/query.h"
#include "perigee/model/status_report.h"
#include "perigee/model/write.h"
#include "perigee/snapshot.h"

namespace perigee::tools {

class CollectionTarget {
 public:
  virtual ~CollectionTarget() = default;
  virtual const CollectionSchema& schema() const = 0;
  virtual absl::StatusOr<WriteResult> Upsert(const UpsertRequest& request) = 0;
  virtual absl::StatusOr<WriteResult> Delete(const DeleteRequest& request) = 0;
  virtual absl::StatusOr<GetResult> Get(const GetRequest& request) = 0;
  virtual absl::StatusOr<QueryResult> Query(const perigee::Query& query) = 0;
  virtual absl::StatusOr<CountResult> Count(const CountRequest& request) = 0;
  virtual absl::StatusOr<ScrollResult> Scroll(const ScrollRequest& request) = 0;
  virtual absl::StatusOr<ExplainResult> Explain(const perigee::Query& query) = 0;
  virtual absl::StatusOr<CollectionDescription> Describe() = 0;
};

class DatabaseTarget {
 public:
  virtual ~DatabaseTarget() = default;
  virtual absl::StatusOr<std::unique_ptr<CollectionTarget>> Create(
      std::string_view name, const CollectionSchema& schema) = 0;
  virtual absl::StatusOr<std::unique_ptr<CollectionTarget>> Collection(std::string_view name) = 0;
  virtual absl::Status Drop(std::string_view name) = 0;
  virtual absl::StatusOr<std::vector<CollectionDescription>> List() = 0;
  virtual absl::StatusOr<DatabaseStatus> Status() = 0;
  /// `to`: a new directory; for a server the name under which it keeps the snapshot.
  virtual absl::StatusOr<SnapshotReport> Snapshot(const std::string& to,
                                                  const SnapshotOptions& options) = 0;
  /// Releases the directory or the connection; errors of a clean end are reported here.
  virtual absl::Status Close() = 0;
};

struct TargetOptions {
  bool read_only = false;           ///< directories only
  bool create_if_missing = false;   ///< directories only
  std::string io_backend = "auto";  ///< directories only: auto, posix or uring
};

/// Opens what `uri` names; errors name it and what is accepted.
absl::StatusOr<std::unique_ptr<DatabaseTarget>> OpenTarget(const std::string& uri,
                                                           const TargetOptions& options);

}  // namespace perigee::tools
