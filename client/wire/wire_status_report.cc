// SPDX-License-Identifier: Apache-2.0
#include "client/wire/wire_status_report.h"

#include <utility>

#include "client/wire/wire_bounds.h"
#include "client/wire/wire_schema.h"
#include "perigee/model/limits.h"
#include "storage/foundation/status_macros.h"

namespace perigee::wire {
namespace {

constexpr size_t kSentenceBytesMax = 64U << 10U;
// A warning for each segment, at most, and those of the open.
constexpr size_t kWarningsMax = 50'000;
constexpr size_t kSegmentsMax = 20'000;

void EncodeVectorStatus(const std::vector<VectorStatus>& vectors,
                        capnp::List<schema::VectorStatus>::Builder out) {
  for (size_t i = 0; i < vectors.size(); ++i) {
    schema::VectorStatus::Builder element = out[WireCount(i)];
    element.setName(WireText(vectors[i].name));
    element.setVectors(vectors[i].vectors);
    element.setVectorsUnindexed(vectors[i].vectors_unindexed);
  }
}

absl::StatusOr<std::vector<VectorStatus>> DecodeVectorStatus(
    capnp::List<schema::VectorStatus>::Reader in) {
  PERIGEE_RETURN_IF_ERROR(
      CheckCount("the vectors of a collection", in.size(), limits::kNamedVectorsMax));
  std::vector<VectorStatus> vectors;
  for (const schema::VectorStatus::Reader element : in) {
    VectorStatus vector;
    PERIGEE_ASSIGN_OR_RETURN(vector.name,
                             CopyText("a vector name", element.getName(), kNameBytesMax));
    vector.vectors = element.getVectors();
    vector.vectors_unindexed = element.getVectorsUnindexed();
    vectors.push_back(std::move(vector));
  }
  return vectors;
}

void EncodeScrub(const ScrubStatus& scrub, schema::ScrubStatus::Builder out) {
  out.setState(WireText(scrub.state));
  out.setBytesPerSecond(scrub.bytes_per_second);
  out.setBytesTotal(scrub.bytes_total);
  out.setBytesVerified(scrub.bytes_verified);
  out.setLastFullPassMs(scrub.last_full_pass_ms);
  out.setDamagesFound(scrub.damages_found);
  auto segments = out.initSegments(WireCount(scrub.segments.size()));
  for (size_t i = 0; i < scrub.segments.size(); ++i) {
    const SegmentScrub& segment = scrub.segments[i];
    schema::SegmentScrub::Builder element = segments[WireCount(i)];
    element.setCollection(WireText(segment.collection));
    element.setSegment(WireText(segment.segment));
    element.setBytes(segment.bytes);
    element.setVerifiedAtMs(segment.verified_at_ms);
    element.setDamage(WireText(segment.damage));
  }
}

absl::StatusOr<ScrubStatus> DecodeScrub(schema::ScrubStatus::Reader in) {
  ScrubStatus scrub;
  PERIGEE_ASSIGN_OR_RETURN(scrub.state, CopyText("a state", in.getState(), kSentenceBytesMax));
  scrub.bytes_per_second = in.getBytesPerSecond();
  scrub.bytes_total = in.getBytesTotal();
  scrub.bytes_verified = in.getBytesVerified();
  scrub.last_full_pass_ms = in.getLastFullPassMs();
  scrub.damages_found = in.getDamagesFound();
  PERIGEE_RETURN_IF_ERROR(
      CheckCount("the segments of the scrub", in.getSegments().size(), kSegmentsMax));
  for (const schema::SegmentScrub::Reader element : in.getSegments()) {
    SegmentScrub segment;
    PERIGEE_ASSIGN_OR_RETURN(segment.collection,
                             CopyText("a collection name", element.getCollection(), kNameBytesMax));
    PERIGEE_ASSIGN_OR_RETURN(segment.segment,
                             CopyText("a segment", element.getSegment(), kNameBytesMax));
    segment.bytes = element.getBytes();
    segment.verified_at_ms = element.getVerifiedAtMs();
    PERIGEE_ASSIGN_OR_RETURN(segment.damage,
                             CopyText("a damage", element.getDamage(), kSentenceBytesMax));
    scrub.segments.push_back(std::move(segment));
  }
  return scrub;
}

}  // namespace

void EncodeDescription(const CollectionDescription& description,
                       schema::CollectionDescription::Builder out) {
  out.setName(WireText(description.name));
  out.setUuid(WireText(description.uuid));
  EncodeSchema(description.schema, out.initSchema());
  out.setPoints(description.points);
  out.setRowsDeleted(description.rows_deleted);
  out.setSegmentsGrowing(description.segments_growing);
  out.setSegmentsSealing(description.segments_sealing);
  out.setSegmentsSealed(description.segments_sealed);
  EncodeVectorStatus(description.vectors, out.initVectors(WireCount(description.vectors.size())));
  out.setMemoryBytes(description.memory_bytes);
  out.setDiskBytes(description.disk_bytes);
  out.setAppliedSeq(description.applied_seq);
  out.setState(WireText(description.state));
}

absl::StatusOr<CollectionDescription> DecodeDescription(schema::CollectionDescription::Reader in) {
  CollectionDescription description;
  PERIGEE_ASSIGN_OR_RETURN(description.name,
                           CopyText("a collection name", in.getName(), kNameBytesMax));
  PERIGEE_ASSIGN_OR_RETURN(description.uuid, CopyText("a uuid", in.getUuid(), kNameBytesMax));
  PERIGEE_ASSIGN_OR_RETURN(description.schema, DecodeSchema(in.getSchema()));
  description.points = in.getPoints();
  description.rows_deleted = in.getRowsDeleted();
  description.segments_growing = in.getSegmentsGrowing();
  description.segments_sealing = in.getSegmentsSealing();
  description.segments_sealed = in.getSegmentsSealed();
  PERIGEE_ASSIGN_OR_RETURN(description.vectors, DecodeVectorStatus(in.getVectors()));
  description.memory_bytes = in.getMemoryBytes();
  description.disk_bytes = in.getDiskBytes();
  description.applied_seq = in.getAppliedSeq();
  PERIGEE_ASSIGN_OR_RETURN(description.state,
                           CopyText("a state", in.getState(), kSentenceBytesMax));
  return description;
}

void EncodeDescriptions(const std::vector<CollectionDescription>& descriptions,
                        capnp::List<schema::CollectionDescription>::Builder out) {
  for (size_t i = 0; i < descriptions.size(); ++i) {
    EncodeDescription(descriptions[i], out[WireCount(i)]);
  }
}

absl::StatusOr<std::vector<CollectionDescription>> DecodeDescriptions(
    capnp::List<schema::CollectionDescription>::Reader in) {
  PERIGEE_RETURN_IF_ERROR(
      CheckCount("the list of collections", in.size(), limits::kCollectionsMax));
  std::vector<CollectionDescription> descriptions;
  for (const schema::CollectionDescription::Reader element : in) {
    PERIGEE_ASSIGN_OR_RETURN(CollectionDescription description, DecodeDescription(element));
    descriptions.push_back(std::move(description));
  }
  return descriptions;
}

void EncodeDatabaseStatus(const DatabaseStatus& status, schema::DatabaseStatus::Builder out) {
  out.setUuid(WireText(status.uuid));
  out.setVersion(WireText(status.version));
  out.setEpoch(status.epoch);
  out.setReadOnly(status.read_only);
  out.setIoBackend(WireText(status.io_backend));
  out.setSimd(WireText(status.simd));
  out.setDurability(WireText(status.durability));
  out.setSeq(status.seq);
  out.setAsOfSeq(status.as_of_seq);
  out.setLogBytes(status.log_bytes);
  out.setLogFiles(status.log_files);
  out.setDiskFreeBytes(status.disk_free_bytes);
  out.setStorageError(WireText(status.storage_error));
  auto warnings = out.initWarnings(WireCount(status.warnings.size()));
  for (size_t i = 0; i < status.warnings.size(); ++i) {
    warnings.set(WireCount(i), WireText(status.warnings[i]));
  }
  EncodeDescriptions(status.collections, out.initCollections(WireCount(status.collections.size())));
  EncodeScrub(status.scrub, out.initScrub());
}

absl::StatusOr<DatabaseStatus> DecodeDatabaseStatus(schema::DatabaseStatus::Reader in) {
  DatabaseStatus status;
  PERIGEE_ASSIGN_OR_RETURN(status.uuid, CopyText("a uuid", in.getUuid(), kNameBytesMax));
  PERIGEE_ASSIGN_OR_RETURN(status.version, CopyText("a version", in.getVersion(), kNameBytesMax));
  status.epoch = in.getEpoch();
  status.read_only = in.getReadOnly();
  PERIGEE_ASSIGN_OR_RETURN(status.io_backend,
                           CopyText("a backend", in.getIoBackend(), kSentenceBytesMax));
  PERIGEE_ASSIGN_OR_RETURN(status.simd, CopyText("simd", in.getSimd(), kNameBytesMax));
  PERIGEE_ASSIGN_OR_RETURN(status.durability,
                           CopyText("durability", in.getDurability(), kNameBytesMax));
  status.seq = in.getSeq();
  status.as_of_seq = in.getAsOfSeq();
  status.log_bytes = in.getLogBytes();
  status.log_files = in.getLogFiles();
  status.disk_free_bytes = in.getDiskFreeBytes();
  PERIGEE_ASSIGN_OR_RETURN(status.storage_error,
                           CopyText("an error", in.getStorageError(), kSentenceBytesMax));
  PERIGEE_RETURN_IF_ERROR(CheckCount("the warnings", in.getWarnings().size(), kWarningsMax));
  for (const capnp::Text::Reader element : in.getWarnings()) {
    PERIGEE_ASSIGN_OR_RETURN(std::string warning,
                             CopyText("a warning", element, kSentenceBytesMax));
    status.warnings.push_back(std::move(warning));
  }
  PERIGEE_ASSIGN_OR_RETURN(status.collections, DecodeDescriptions(in.getCollections()));
  PERIGEE_ASSIGN_OR_RETURN(status.scrub, DecodeScrub(in.getScrub()));
  return status;
}

void EncodeSnapshotReport(const SnapshotReport& report, schema::SnapshotReport::Builder out) {
  out.setDatabaseUuid(WireText(report.database_uuid));
  out.setEpoch(report.epoch);
  out.setSeq(report.seq);
  out.setFiles(report.files);
  out.setBytes(report.bytes);
  out.setBytesCopied(report.bytes_copied);
}

absl::StatusOr<SnapshotReport> DecodeSnapshotReport(schema::SnapshotReport::Reader in) {
  SnapshotReport report;
  PERIGEE_ASSIGN_OR_RETURN(report.database_uuid,
                           CopyText("the uuid", in.getDatabaseUuid(), kNameBytesMax));
  report.epoch = in.getEpoch();
  report.seq = in.getSeq();
  report.files = in.getFiles();
  report.bytes = in.getBytes();
  report.bytes_copied = in.getBytesCopied();
  return report;
}

}  // namespace perigee::wire
