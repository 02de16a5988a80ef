// SPDX-License-Identifier: Apache-2.0
#include "storage/manifest/manifest_state.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"

namespace perigee::storage {
namespace {

// As EncodeManifestEdit writes an entry: uuid, five u64, version and flags, buckets, key, codebook,
// root checksum, length of the routing bytes.
constexpr size_t kEntryFixedBytes = 16 + 5 * 8 + 4 + 2 + 2 * 2 + 2 * 16 + 16 + 1;
constexpr size_t kEntryDeletionBytes = 16 + 4 * 8 + 16;
static_assert(kEntryFixedBytes + kEntryDeletionBytes + kRoutingBytesMax <= kSegmentEntryBytesMax);

absl::Status Refused(const std::string& what) { return absl::InvalidArgumentError(what); }

}  // namespace

size_t ManifestState::segment_count() const {
  size_t count = 0;
  for (const auto& [uuid, collection] : collections) {
    count += collection.segments.size();
  }
  return count;
}

const CollectionEntry* ManifestState::FindCollection(const Uuid& uuid) const {
  const auto found = collections.find(uuid);
  return found == collections.end() ? nullptr : &found->second;
}

const CollectionEntry* ManifestState::FindCollection(const Uuid& tenant_uuid,
                                                     std::string_view name) const {
  for (const auto& [uuid, collection] : collections) {
    if (collection.tenant_uuid == tenant_uuid && collection.name == name) {
      return &collection;
    }
  }
  return nullptr;
}

uint64_t ManifestState::min_applied_lsn() const {
  uint64_t lsn = durable_lsn;
  for (const auto& [uuid, collection] : collections) {
    lsn = std::min(lsn, collection.applied_lsn);
  }
  return lsn;
}

std::set<ManifestFile> ManifestState::LiveFiles() const {
  std::set<ManifestFile> files;
  for (const auto& [collection_uuid, collection] : collections) {
    for (const auto& [uuid, segment] : collection.segments) {
      files.insert({ManifestFileKind::kSegment, uuid});
      if (segment.deletion) {
        files.insert({ManifestFileKind::kDeletion, segment.deletion->uuid});
      }
      if (!segment.codebook_uuid.is_nil()) {
        files.insert({ManifestFileKind::kBook, segment.codebook_uuid});
      }
    }
  }
  return files;
}

size_t EncodedSegmentEntryBytes(const SegmentEntry& entry) {
  return kEntryFixedBytes + (entry.deletion ? kEntryDeletionBytes : 0) + entry.routing.size();
}

absl::Status ValidateSegmentEntry(const SegmentEntry& entry) {
  const std::string name = absl::StrCat("segment ", entry.uuid.ToString());
  if (entry.uuid.is_nil() || entry.file_bytes == 0 || entry.row_count > kSegmentRowsMax) {
    return Refused(absl::StrCat(name, " of ", entry.file_bytes, " bytes and ", entry.row_count,
                                " rows; a uuid, bytes and at most ", kSegmentRowsMax,
                                " rows are needed"));
  }
  if (entry.min_lsn > entry.max_lsn || entry.bucket_begin >= entry.bucket_end ||
      entry.bucket_end > kBucketCount) {
    return Refused(absl::StrCat(name, " with LSNs ", entry.min_lsn, " to ", entry.max_lsn,
                                " and buckets ", entry.bucket_begin, " to ", entry.bucket_end));
  }
  if (entry.routing.size() > kRoutingBytesMax ||
      EncodedSegmentEntryBytes(entry) > kSegmentEntryBytesMax) {
    return ErrorWithReason(ErrorReason::kLimit,
                           absl::StrCat(name, " with ", entry.routing.size(),
                                        " routing bytes; at most ", kRoutingBytesMax));
  }
  if (entry.deletion && (entry.deletion->uuid.is_nil() || entry.deletion->generation == 0 ||
                         entry.deletion->dead_rows > entry.row_count)) {
    return Refused(absl::StrCat(name, " with ", entry.deletion->dead_rows, " dead of ",
                                entry.row_count, " rows, generation ", entry.deletion->generation));
  }
  return absl::OkStatus();
}

absl::Status ValidateCollectionEntry(const CollectionEntry& entry) {
  const std::string name = absl::StrCat("collection '", entry.name, "'");
  if (entry.uuid.is_nil() || entry.created_lsn > entry.applied_lsn) {
    return Refused(absl::StrCat(name, " ", entry.uuid.ToString(), " created at ", entry.created_lsn,
                                ", applied up to ", entry.applied_lsn));
  }
  if (entry.name.empty() || entry.name.size() > kManifestNameBytesMax ||
      entry.schema.size() > kManifestSchemaBytesMax) {
    return ErrorWithReason(
        ErrorReason::kLimit,
        absl::StrCat(name, " with a name of ", entry.name.size(), " bytes and a schema of ",
                     entry.schema.size(), "; limits are 1 to ", kManifestNameBytesMax, " and ",
                     kManifestSchemaBytesMax));
  }
  for (const auto& [uuid, segment] : entry.segments) {
    if (uuid != segment.uuid) {
      return Refused(absl::StrCat(name, " files segment ", segment.uuid.ToString(), " under ",
                                  uuid.ToString()));
    }
    PERIGEE_RETURN_IF_ERROR(ValidateSegmentEntry(segment));
  }
  return absl::OkStatus();
}

}  // namespace perigee::storage
