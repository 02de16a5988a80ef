// SPDX-License-Identifier: Apache-2.0
#include "perigee/database.h"

#include <utility>

#include "engine/collection/collection_handle.h"
#include "engine/database/database_core.h"
#include "storage/foundation/log.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee {
namespace {

using engine::CollectionCore;
using engine::CollectionHandle;
using engine::DatabaseCore;

// Handles of one open database share this pointer. When the last is gone the database is closed,
// even if handles of its collections are still about.
std::shared_ptr<DatabaseCore> CloseWithLastHandle(std::shared_ptr<DatabaseCore> core) {
  DatabaseCore* raw = core.get();
  return std::shared_ptr<DatabaseCore>(raw, [core = std::move(core)](DatabaseCore*) {
    const absl::Status closed = core->Close();
    if (!closed.ok()) {
      Log(LogLevel::kWarning, "database.close", Std(closed.message()));
    }
  });
}

Collection MakeHandle(std::shared_ptr<CollectionCore> core, const Access& access) {
  return Collection(std::make_shared<CollectionHandle>(std::move(core), access));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& directory,
                                                         const OpenOptions& options) {
  PERIGEE_ASSIGN_OR_RETURN(std::shared_ptr<DatabaseCore> core,
                           DatabaseCore::Open(directory, options));
  return std::unique_ptr<Database>(
      new Database(CloseWithLastHandle(std::move(core)), options.access));
}

Database::Database(std::shared_ptr<engine::DatabaseCore> core, Access access)
    : core_(std::move(core)), access_(std::move(access)) {}

Database::~Database() = default;

std::unique_ptr<Database> Database::WithAccess(const Access& access) const {
  return std::unique_ptr<Database>(new Database(core_, access));
}

absl::StatusOr<Collection> Database::CreateCollection(std::string_view name,
                                                      const CollectionSchema& schema) {
  PERIGEE_RETURN_IF_ERROR(RequireRight(access_, Right::kAdmin, "create collection"));
  PERIGEE_ASSIGN_OR_RETURN(std::shared_ptr<CollectionCore> core,
                           core_->CreateCollection(name, schema));
  return MakeHandle(std::move(core), access_);
}

absl::StatusOr<Collection> Database::OpenCollection(std::string_view name) const {
  // Which right a handle needs depends on its calls; one that has none of these is of no use.
  if (!access_.Has(Right::kWrite) && !access_.Has(Right::kAdmin)) {
    PERIGEE_RETURN_IF_ERROR(RequireRight(access_, Right::kRead, "open collection"));
  }
  PERIGEE_ASSIGN_OR_RETURN(std::shared_ptr<CollectionCore> core, core_->FindCollection(name));
  return MakeHandle(std::move(core), access_);
}

absl::Status Database::DropCollection(std::string_view name) {
  PERIGEE_RETURN_IF_ERROR(RequireRight(access_, Right::kAdmin, "drop collection"));
  return core_->DropCollection(name);
}

absl::StatusOr<bool> Database::CollectionExists(std::string_view name) const {
  PERIGEE_RETURN_IF_ERROR(RequireRight(access_, Right::kRead, "look for a collection"));
  const absl::Status found = core_->FindCollection(name).status();
  if (found.ok() || found.code() == absl::StatusCode::kNotFound) {
    return found.ok();
  }
  return found;
}

absl::StatusOr<std::vector<CollectionDescription>> Database::ListCollections() const {
  PERIGEE_RETURN_IF_ERROR(RequireRight(access_, Right::kRead, "list collections"));
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<std::shared_ptr<CollectionCore>> collections,
                           core_->ListCollections());
  std::vector<CollectionDescription> descriptions;
  for (const std::shared_ptr<CollectionCore>& collection : collections) {
    absl::StatusOr<CollectionDescription> description = collection->Describe();
    if (description.ok()) {  // not when it was dropped meanwhile
      descriptions.push_back(*std::move(description));
    }
  }
  return descriptions;
}

absl::StatusOr<DatabaseStatus> Database::Status() const {
  PERIGEE_RETURN_IF_ERROR(RequireRight(access_, Right::kStatus, "status"));
  return core_->Status();
}

absl::Status Database::Flush() {
  PERIGEE_RETURN_IF_ERROR(RequireRight(access_, Right::kAdmin, "flush"));
  return core_->Flush();
}

absl::StatusOr<SnapshotReport> Database::CreateSnapshot(const std::string& directory,
                                                        const SnapshotOptions& options) {
  PERIGEE_RETURN_IF_ERROR(RequireRight(access_, Right::kAdmin, "create snapshot"));
  return core_->CreateSnapshot(directory, options);
}

bool Database::in_recovery_mode() const { return core_->in_recovery_mode(); }

bool Database::MayReopenForWriting() const { return core_->MayReopenForWriting(); }

absl::Status Database::Close() {
  PERIGEE_RETURN_IF_ERROR(RequireRight(access_, Right::kAdmin, "close"));
  return core_->Close();
}

}  // namespace perigee
