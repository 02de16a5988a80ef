// SPDX-License-Identifier: Apache-2.0
#include "engine/database/database_status.h"

#include "engine/collection/collection_core.h"
#include "engine/distance/distance_kernels.h"
#include "perigee/version.h"

namespace perigee::engine {

absl::StatusOr<DatabaseStatus> MakeDatabaseStatus(const StatusSources& sources) {
  const CollectionEnvironment& environment = *sources.environment;
  DatabaseStatus status;
  status.uuid = environment.directory->database_uuid().ToString();
  status.version = Version();
  status.epoch = environment.state.epoch();
  status.read_only = environment.state.read_only();
  status.io_backend = sources.io_backend;
  status.simd = std::string(KernelLevelName(ActiveKernels().level));
  status.seq = environment.visible_lsn.load();
  if (status.read_only) {
    status.as_of_seq = sources.manifest->state()->min_applied_lsn();
  }
  if (sources.log != nullptr) {
    const storage::FileLogStatus log = sources.log->status();
    status.log_bytes = log.file_bytes;
    status.log_files = log.file_count;
  }
  const absl::StatusOr<storage::SpaceStatus> space =
      environment.file_system->Space(environment.directory->path());
  if (space.ok()) {
    status.disk_free_bytes = space->available_bytes;
  }
  status.storage_error = environment.state.storage_error().ok()
                             ? environment.state.recovery_reason()
                             : std::string(environment.state.storage_error().message());
  status.warnings = sources.warnings;
  status.scrub = sources.scrub;
  for (const std::shared_ptr<CollectionCore>& collection : sources.catalog->List()) {
    absl::StatusOr<CollectionDescription> description = collection->Describe();
    if (description.ok()) {  // not when it was dropped meanwhile
      status.collections.push_back(*std::move(description));
    }
  }
  return status;
}

}  // namespace perigee::engine
