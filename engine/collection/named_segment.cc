// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/named_segment.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/collection/collection_core.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/log.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"
#include "storage/layout/file_names.h"
#include "storage/segment/deletion_file.h"
#include "storage/segment/segment_reader.h"

namespace perigee::engine {
namespace {

storage::SegmentHeader HeaderOf(const CollectionEnvironment& environment,
                                const CollectionIdentity& identity) {
  storage::SegmentHeader header;
  header.section_alignment = environment.directory->identity().creation.section_alignment_bytes;
  header.database_uuid = environment.directory->database_uuid();
  header.segment_uuid = storage::Uuid::Random();
  header.collection_uuid = identity.uuid;
  header.tenant_uuid = identity.tenant;
  return header;
}

storage::SegmentEntry EntryOf(const storage::SegmentHeader& header, const BuiltSegment& built) {
  storage::SegmentEntry entry;
  entry.uuid = header.segment_uuid;
  entry.file_bytes = built.summary.file_bytes;
  entry.row_count = built.summary.row_count;
  entry.min_lsn = built.min_lsn;
  entry.max_lsn = built.max_lsn;
  entry.root_checksum = built.summary.root_checksum;
  return entry;
}

// Gives up an unfinished file. tmp/ is emptied at the next open in any case.
void Abandon(const CollectionEnvironment& environment, const std::string& temporary_name) {
  const absl::Status removed = environment.directory->files().Remove(temporary_name);
  if (!removed.ok()) {
    Log(LogLevel::kWarning, "segment.abandon", Std(removed.message()));
  }
}

}  // namespace

absl::StatusOr<NamedSegment> BuildNamedSegment(CollectionEnvironment& environment,
                                               const CollectionIdentity& identity,
                                               std::span<const RowSource* const> sources,
                                               const NamedSegmentOptions& options) {
  storage::DataDirectory& directory = *environment.directory;
  const storage::SegmentHeader header = HeaderOf(environment, identity);
  const std::string final_name = storage::SegmentName(header.segment_uuid);
  const std::string temporary_name = storage::TemporaryName(final_name);

  SegmentBuildOptions build;
  build.file_system = environment.file_system;
  build.path = directory.PathOf(temporary_name);
  build.header = header;
  build.schema = identity.schema.get();
  build.horizon_lsn = options.horizon_lsn;
  build.index_rows_min = options.with_indexes ? environment.tuning.index_rows_min
                                              : std::numeric_limits<uint32_t>::max();
  build.on_progress = options.on_progress;
  build.cancellation = options.cancellation;
  const absl::StatusOr<BuiltSegment> built = BuildSegment(sources, build);
  if (!built.ok()) {
    Abandon(environment, temporary_name);
    return WithContext(built.status(),
                       absl::StrCat("building a segment of collection '", identity.name, "'"));
  }
  NamedSegment named;
  if (built->row_count == 0) {
    return named;
  }
  if (absl::Status given = GiveFinalName(environment, temporary_name, final_name); !given.ok()) {
    // After a full disk the file may have either name. After a storage failure nothing is touched.
    if (environment.state.storage_error().ok()) {
      Abandon(environment, temporary_name);
      Abandon(environment, final_name);
    }
    return given;
  }
  named.entry = EntryOf(header, *built);
  absl::StatusOr<std::shared_ptr<SealedSegment>> opened =
      OpenNamedSegment(directory, identity.schema, named.entry);
  if (!opened.ok()) {
    RemoveUnpublished(environment, header.segment_uuid);
    return opened.status();
  }
  named.segment = *std::move(opened);
  return named;
}

absl::Status GiveFinalName(CollectionEnvironment& environment, const std::string& temporary_name,
                           const std::string& final_name) {
  absl::Status named = environment.directory->files().Publish(temporary_name, final_name);
  if (!named.ok() && named.code() != absl::StatusCode::kResourceExhausted) {
    environment.state.Fail(named);
  }
  return named;
}

void RemoveUnpublished(const CollectionEnvironment& environment, const storage::Uuid& segment) {
  Abandon(environment, storage::SegmentName(segment));
}

namespace {

struct OpenedFiles {
  std::unique_ptr<storage::SegmentReader> reader;
  storage::DeletionFile deletions;
};

absl::StatusOr<OpenedFiles> OpenFiles(storage::DataDirectory& directory,
                                      const storage::SegmentEntry& entry) {
  storage::FileSystem& file_system = directory.file_system();
  const std::string path = directory.PathOf(storage::SegmentName(entry.uuid));
  OpenedFiles opened;
  PERIGEE_ASSIGN_OR_RETURN(opened.reader,
                           storage::SegmentReader::Open(file_system, path,
                                                        {.segment_uuid = entry.uuid,
                                                         .database_uuid = directory.database_uuid(),
                                                         .file_bytes = entry.file_bytes,
                                                         .root_checksum = entry.root_checksum}));
  if (opened.reader->row_count() != entry.row_count) {
    return ErrorWithReason(ErrorReason::kDamaged,
                           absl::StrCat(path, " has ", opened.reader->row_count(),
                                        " rows, the manifest says ", entry.row_count));
  }
  if (entry.deletion.has_value()) {
    PERIGEE_ASSIGN_OR_RETURN(
        opened.deletions,
        storage::ReadDeletionFile(file_system,
                                  directory.PathOf(storage::DeletionName(entry.deletion->uuid)),
                                  {.database_uuid = directory.database_uuid(),
                                   .segment_uuid = entry.uuid,
                                   .segment_rows = entry.row_count,
                                   .reference = *entry.deletion}));
    if (opened.deletions.read_only && !directory.read_only()) {
      return ErrorWithReason(
          ErrorReason::kUnknownFormat,
          absl::StrCat(
              storage::DeletionName(entry.deletion->uuid),
              " has ro_compat features that are unknown to this version; open the database "
              "read-only, or with a later version"));
    }
  }
  return opened;
}

}  // namespace

absl::StatusOr<std::shared_ptr<SealedSegment>> PrepareNamedSegment(
    storage::DataDirectory& directory, const std::shared_ptr<const CollectionSchema>& schema,
    const storage::SegmentEntry& entry) {
  PERIGEE_ASSIGN_OR_RETURN(OpenedFiles opened, OpenFiles(directory, entry));
  return SealedSegment::Prepare(std::move(opened.reader),
                                {.schema = schema,
                                 .stamped_lsn = entry.stamped_lsn,
                                 .dead_rows = opened.deletions.dead_rows});
}

absl::StatusOr<std::shared_ptr<SealedSegment>> OpenNamedSegment(
    storage::DataDirectory& directory, const std::shared_ptr<const CollectionSchema>& schema,
    const storage::SegmentEntry& entry) {
  PERIGEE_ASSIGN_OR_RETURN(OpenedFiles opened, OpenFiles(directory, entry));
  return SealedSegment::Open(std::move(opened.reader), {.schema = schema,
                                                        .stamped_lsn = entry.stamped_lsn,
                                                        .dead_rows = opened.deletions.dead_rows});
}

}  // namespace perigee::engine
