// SPDX-License-Identifier: Apache-2.0
//
// ManifestState: which files are live and what each collection has applied, at one version. It is
// a plain value: edits (manifest_transition.h) turn one state into the next, a checkpoint is a
// state written as an edit.
//
// Invariants, checked by every edit that is applied:
//  1. A segment's encoded entry is at most 256 bytes; at most 20,000 segments (N19); the whole
//     state fits one checkpoint of 8 MiB.
//  2. created_lsn <= applied_lsn <= durable_lsn (I6); LSNs, versions and the epoch never fall.
//  3. Collection names are unique within a tenant; segment uuids are unique in the database.
//  4. A file stops being live only by becoming an obsolete file, which is what may be removed
//  (D15).
//
// Thread-safety: plain values.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "storage/encoding/uuid.h"
#include "storage/segment/deletion_file.h"
#include "storage/segment/segment_format.h"

namespace perigee::storage {

inline constexpr size_t kSegmentEntryBytesMax = 256;
inline constexpr size_t kRoutingBytesMax = 64;
inline constexpr size_t kManifestSegmentsMax = 20'000;
/// Above this, writers are to be slowed down (N19).
inline constexpr size_t kManifestSegmentsSlow = 10'000;
inline constexpr size_t kManifestCollectionsMax = 10'000;
inline constexpr size_t kManifestNameBytesMax = 128;
inline constexpr size_t kManifestSchemaBytesMax = size_t{64} * 1024;
/// One edit or checkpoint; what an object store creates in one request (N8).
inline constexpr size_t kManifestEditBytesMax = size_t{8} * 1024 * 1024;

struct SegmentEntry {
  Uuid uuid = {};
  uint64_t file_bytes = 0;
  uint64_t row_count = 0;
  uint64_t min_lsn = 0;
  uint64_t max_lsn = 0;
  uint64_t stamped_lsn = 0;  ///< of every row (bulk load, N17); 0: rows carry their own
  uint32_t format_version = kSegmentFormatVersion;
  Uuid key_id = {};  ///< reserved: nil = none
  ContentHash root_checksum{};
  uint16_t bucket_begin = 0;
  uint16_t bucket_end = kBucketCount;
  Uuid codebook_uuid = {};  ///< reserved: nil = none
  std::optional<DeletionReference> deletion = {};
  std::string routing = {};  ///< reserved summary (N16); not interpreted here

  friend bool operator==(const SegmentEntry&, const SegmentEntry&) = default;
};

struct CollectionEntry {
  Uuid uuid = {};
  Uuid tenant_uuid = {};
  std::string name = {};
  std::string schema = {};  ///< opaque bytes
  uint64_t created_lsn = 0;
  uint64_t applied_lsn = 0;  ///< every record up to here is in `segments` (D11)
  uint64_t hash_seed = 0;    ///< of the bucket function (N15)
  std::map<Uuid, SegmentEntry> segments = {};

  friend bool operator==(const CollectionEntry&, const CollectionEntry&) = default;
};

enum class ManifestFileKind : uint8_t {
  kSegment = 1,   ///< seg/<uuid>
  kDeletion = 2,  ///< del/<uuid>
  kBook = 3,      ///< book/<uuid>
};

struct ManifestFile {
  ManifestFileKind kind = ManifestFileKind::kSegment;
  Uuid uuid = {};

  friend auto operator<=>(const ManifestFile&, const ManifestFile&) = default;
};

struct ManifestState {
  uint64_t version = 0;  ///< of the last edit; 0 before the first
  uint64_t epoch = 0;    ///< of the last writer (N2)
  Uuid database_uuid = {};
  uint64_t durable_lsn = 0;  ///< the log was durable up to here when the last edit was made
  ContentHash head_hash{};   ///< of the last edit's bytes
  std::map<Uuid, CollectionEntry> collections = {};
  /// No longer live, perhaps still on disk: remove them, then name them in files_forgotten.
  std::set<ManifestFile> obsolete_files = {};

  size_t segment_count() const;
  /// nullptr when there is none.
  const CollectionEntry* FindCollection(const Uuid& uuid) const;
  const CollectionEntry* FindCollection(const Uuid& tenant_uuid, std::string_view name) const;
  /// Smallest applied LSN of all collections, durable_lsn without any: replay starts behind it.
  uint64_t min_applied_lsn() const;
  /// Every file that must exist: segments and deletion files of all collections (I3).
  std::set<ManifestFile> LiveFiles() const;

  friend bool operator==(const ManifestState&, const ManifestState&) = default;
};

/// Bytes of the entry inside an edit, never above kSegmentEntryBytesMax for a valid entry.
size_t EncodedSegmentEntryBytes(const SegmentEntry& entry);
/// kInvalidArgument when one entry breaks a rule by itself; segments of a collection included.
absl::Status ValidateSegmentEntry(const SegmentEntry& entry);
absl::Status ValidateCollectionEntry(const CollectionEntry& entry);

}  // namespace perigee::storage
