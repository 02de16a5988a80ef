// SPDX-License-Identifier: Apache-2.0
//
// MakeDatabaseStatus: what `status` tells, gathered from the parts of an open database.
//
// Invariants: gathering changes nothing and waits for no write.
// Thread-safety: may be called from every thread while the parts live.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/collection/collection_environment.h"
#include "engine/database/collection_catalog.h"
#include "perigee/model/status_report.h"
#include "storage/manifest/manifest_log.h"
#include "storage/wal/file_log.h"

namespace perigee::engine {

struct StatusSources {
  const CollectionEnvironment* environment = nullptr;
  const CollectionCatalog* catalog = nullptr;
  const storage::ManifestLog* manifest = nullptr;
  const storage::FileLog* log = nullptr;  ///< null when read-only
  std::string io_backend = {};
  std::vector<std::string> warnings = {};  ///< of the open
  ScrubStatus scrub = {.state = "off"};
};

absl::StatusOr<DatabaseStatus> MakeDatabaseStatus(const StatusSources& sources);

}  // namespace perigee::engine
