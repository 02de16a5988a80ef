// SPDX-License-Identifier: Apache-2.0
#include "engine/database/database_snapshot.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/collection/wal_operation.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"
#include "storage/layout/file_names.h"
#include "storage/manifest/manifest_log.h"
#include "storage/segment/segment_reader.h"
#include "storage/snapshot/directory_copy.h"
#include "storage/wal/log_recovery.h"

namespace perigee::engine {
namespace {

using storage::ManifestState;
using storage::SegmentExpectation;
using storage::Uuid;

class SnapshotMaking {
 public:
  SnapshotMaking(const SnapshotSource& source, const SnapshotOptions& options)
      : source_(source), options_(options), files_(source.publisher.HoldFiles()) {}

  absl::StatusOr<SnapshotReport> Run(const std::string& path);

 private:
  absl::Status CopyLog();
  absl::Status LinkSegments();
  absl::Status LinkAttached();
  absl::Status LinkSegment(const Uuid& segment, const SegmentExpectation& expected);
  absl::Status Progress(uint64_t bytes_done) const;
  uint64_t max_lsn() const;

  const ManifestState& state() const { return files_.state(); }
  std::string PathOf(const std::string& name) const { return source_.directory.PathOf(name); }

  const SnapshotSource& source_;
  const SnapshotOptions& options_;
  HeldFiles files_;
  storage::LogCut cut_;
  uint64_t bytes_total_ = 0;
  std::unique_ptr<storage::DirectoryCopy> copy_;
};

absl::StatusOr<SnapshotReport> SnapshotMaking::Run(const std::string& path) {
  PERIGEE_ASSIGN_OR_RETURN(
      copy_, storage::DirectoryCopy::Begin(source_.directory.file_system(), path,
                                           [this](uint64_t done) { return Progress(done); }));
  cut_ = source_.log.Cut();
  for (const storage::LogCut::Part& part : cut_.parts) {
    bytes_total_ += part.bytes;
  }
  for (const auto& [uuid, collection] : state().collections) {
    for (const auto& [segment_uuid, segment] : collection.segments) {
      bytes_total_ += segment.file_bytes;
    }
  }
  PERIGEE_RETURN_IF_ERROR(CopyLog());
  files_.ReleaseLog();
  PERIGEE_RETURN_IF_ERROR(
      copy_->Write(storage::kIdentityName, storage::EncodeIdentity(source_.directory.identity())));
  PERIGEE_ASSIGN_OR_RETURN(const storage::ManifestImage manifest,
                           storage::ManifestLog::ImageOf(state()));
  PERIGEE_RETURN_IF_ERROR(copy_->Write(manifest.name, manifest.manifest));
  PERIGEE_RETURN_IF_ERROR(copy_->Write(storage::kCurrentName, manifest.current));
  PERIGEE_RETURN_IF_ERROR(LinkSegments());
  PERIGEE_RETURN_IF_ERROR(LinkAttached());

  storage::SnapshotList list;
  list.database_uuid = source_.directory.database_uuid();
  list.epoch = source_.epoch;
  list.seq = cut_.last_lsn;
  list.files = copy_->files();
  SnapshotReport report;
  report.database_uuid = list.database_uuid.ToString();
  report.epoch = list.epoch;
  report.seq = list.seq;
  report.files = list.files.size();
  report.bytes = list.total_bytes();
  report.bytes_copied = copy_->copied_bytes();
  PERIGEE_ASSIGN_OR_RETURN(const std::string text, storage::EncodeSnapshotList(std::move(list)));
  PERIGEE_RETURN_IF_ERROR(copy_->Write(storage::kSnapshotListName, text));
  PERIGEE_RETURN_IF_ERROR(copy_->Finish());
  return report;
}

absl::Status SnapshotMaking::CopyLog() {
  for (const storage::LogCut::Part& part : cut_.parts) {
    const std::string name = storage::LogName(part.number);
    PERIGEE_RETURN_IF_ERROR(copy_->Copy(name, PathOf(name), part.bytes, part.file_bytes));
  }
  return absl::OkStatus();
}

absl::Status SnapshotMaking::LinkSegments() {
  for (const auto& [uuid, collection] : state().collections) {
    for (const auto& [segment_uuid, segment] : collection.segments) {
      PERIGEE_RETURN_IF_ERROR(LinkSegment(segment_uuid, {.file_bytes = segment.file_bytes,
                                                         .root_checksum = segment.root_checksum}));
      if (!segment.deletion.has_value()) {
        continue;
      }
      const std::string name = storage::DeletionName(segment.deletion->uuid);
      PERIGEE_RETURN_IF_ERROR(copy_->Share(name, PathOf(name), segment.deletion->file_bytes));
      PERIGEE_RETURN_IF_ERROR(
          storage::ReadDeletionFile(source_.directory.file_system(), PathOf(name),
                                    {.database_uuid = source_.directory.database_uuid(),
                                     .segment_uuid = segment_uuid,
                                     .segment_rows = segment.row_count,
                                     .reference = *segment.deletion})
              .status());
    }
  }
  return absl::OkStatus();
}

// A damaged file is found now, while the database it could be mended from is there, and not when
// the snapshot is needed.
absl::Status SnapshotMaking::LinkSegment(const Uuid& segment, const SegmentExpectation& expected) {
  const std::string name = storage::SegmentName(segment);
  SegmentExpectation whole = expected;
  whole.segment_uuid = segment;
  whole.database_uuid = source_.directory.database_uuid();
  PERIGEE_ASSIGN_OR_RETURN(
      const std::unique_ptr<storage::SegmentReader> reader,
      storage::SegmentReader::Open(source_.directory.file_system(), PathOf(name), whole));
  PERIGEE_RETURN_IF_ERROR(reader->VerifyAllPages());
  return copy_->Share(name, PathOf(name), reader->summary().file_bytes);
}

// Segments of a bulk load whose record is in the log and whose manifest edit came later.
absl::Status SnapshotMaking::LinkAttached() {
  PERIGEE_ASSIGN_OR_RETURN(
      const std::unique_ptr<storage::DataDirectory> directory,
      storage::DataDirectory::Open(source_.directory.file_system(), copy_->path(),
                                   {.read_only = true, .allow_network_filesystem = true}));
  std::map<Uuid, SegmentExpectation> attached;
  uint64_t last_lsn = 0;
  const auto collect = [&](const storage::LogGroup& group) -> absl::Status {
    for (const storage::LogRecord& record : group.Records()) {
      last_lsn = record.lsn;
      if (static_cast<LogRecordType>(record.type) != LogRecordType::kAttach) {
        continue;
      }
      PERIGEE_ASSIGN_OR_RETURN(const AttachRecord attach, DecodeAttach(record.payload));
      const storage::CollectionEntry* collection = state().FindCollection(attach.collection);
      if (collection != nullptr && record.lsn <= collection->applied_lsn) {
        continue;
      }
      for (const SegmentReceipt& receipt : attach.segments) {
        if (collection == nullptr || !collection->segments.contains(receipt.segment)) {
          attached[receipt.segment] = {.file_bytes = receipt.file_bytes,
                                       .root_checksum = receipt.root_checksum};
        }
      }
    }
    return absl::OkStatus();
  };
  PERIGEE_ASSIGN_OR_RETURN(
      const storage::RecoveredLog log,
      storage::RecoverLog(*directory, {.applied_lsn = state().min_applied_lsn(),
                                       .manifest_durable_lsn = state().durable_lsn,
                                       .published_max_lsn = max_lsn(),
                                       .deliver = collect}));
  last_lsn = std::max(last_lsn, log.end.lsn - 1);
  if (log.unflushed.has_value()) {
    PERIGEE_RETURN_IF_ERROR(collect(*log.unflushed));
  }
  if (last_lsn != cut_.last_lsn) {
    return ErrorWithReason(
        ErrorReason::kDamaged,
        absl::StrCat("the copied log ends at LSN ", last_lsn, " instead of ", cut_.last_lsn));
  }
  for (const auto& [segment, expected] : attached) {
    const absl::Status linked = LinkSegment(segment, expected);
    if (!absl::IsNotFound(linked)) {  // else its collection was dropped before this moment
      PERIGEE_RETURN_IF_ERROR(linked);
    }
  }
  return absl::OkStatus();
}

absl::Status SnapshotMaking::Progress(uint64_t bytes_done) const {
  if (options_.on_progress != nullptr &&
      !options_.on_progress({bytes_done, std::max(bytes_done, bytes_total_)})) {
    return absl::CancelledError("the snapshot was given up; nothing is left of it");
  }
  return absl::OkStatus();
}

uint64_t SnapshotMaking::max_lsn() const {
  uint64_t lsn = 0;
  for (const auto& [uuid, collection] : state().collections) {
    for (const auto& [segment_uuid, segment] : collection.segments) {
      lsn = std::max(lsn, segment.max_lsn);
    }
  }
  return lsn;
}

}  // namespace

absl::StatusOr<SnapshotReport> MakeSnapshot(const SnapshotSource& source, const std::string& path,
                                            const SnapshotOptions& options) {
  SnapshotMaking making(source, options);
  absl::StatusOr<SnapshotReport> report = making.Run(path);
  if (!report.ok()) {
    return WithContext(report.status(), absl::StrCat("making snapshot ", path));
  }
  return report;
}

}  // namespace perigee::engine
