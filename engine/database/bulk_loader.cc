// SPDX-License-Identifier: Apache-2.0
#include "perigee/bulk_loader.h"

#include <utility>

#include "engine/collection/collection_handle.h"
#include "engine/database/bulk_load.h"
#include "engine/database/database_core.h"
#include "storage/foundation/status_macros.h"

namespace perigee {

absl::StatusOr<std::unique_ptr<BulkLoader>> BulkLoader::Start(Database& database,
                                                              std::string_view collection,
                                                              const BulkLoadOptions& options) {
  PERIGEE_RETURN_IF_ERROR(RequireRight(database.access(), Right::kWrite, "bulk load"));
  PERIGEE_ASSIGN_OR_RETURN(std::shared_ptr<engine::CollectionCore> core,
                           database.core()->FindCollection(collection));
  PERIGEE_RETURN_IF_ERROR(core->environment().state.CheckWritable());
  PERIGEE_RETURN_IF_ERROR(core->CheckWritable());
  return std::unique_ptr<BulkLoader>(
      new BulkLoader(std::make_unique<engine::BulkLoad>(std::move(core), options)));
}

BulkLoader::BulkLoader(std::unique_ptr<engine::BulkLoad> load) : load_(std::move(load)) {}

BulkLoader::~BulkLoader() = default;

absl::Status BulkLoader::Add(Point point) { return load_->Add(point); }

absl::StatusOr<BulkLoadReport> BulkLoader::Publish() { return load_->Publish(); }

}  // namespace perigee
