// SPDX-License-Identifier: Apache-2.0
//
// ManifestEdit: one atomic change of the manifest, self-contained (N1): it names its version, its
// epoch, its parent by hash and the segments it relies on. Its bytes (docs/formats/
// manifest_format.md) are the same in a manifest file and as an object. A checkpoint is an edit
// that replaces the whole state by the one it holds.
//
// Invariants:
//  1. DecodeManifestEdit(EncodeManifestEdit(e)) == e, and equal edits have equal bytes.
//  2. An item of an unknown kind refuses the edit unless the item says that it may be ignored.
//
// Thread-safety: plain values and functions without state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/encoding/uuid.h"
#include "storage/manifest/manifest_state.h"

namespace perigee::storage {

struct SegmentAddition {
  Uuid collection_uuid = {};
  SegmentEntry segment = {};

  friend bool operator==(const SegmentAddition&, const SegmentAddition&) = default;
};

struct SegmentReference {
  Uuid collection_uuid = {};
  Uuid segment_uuid = {};

  friend bool operator==(const SegmentReference&, const SegmentReference&) = default;
};

struct DeletionChange {
  Uuid collection_uuid = {};
  Uuid segment_uuid = {};
  DeletionReference deletion = {};  ///< its generation is larger than the one before

  friend bool operator==(const DeletionChange&, const DeletionChange&) = default;
};

struct AppliedLsn {
  Uuid collection_uuid = {};
  uint64_t lsn = 0;

  friend bool operator==(const AppliedLsn&, const AppliedLsn&) = default;
};

/// The parts are applied in the order of the fields, so one edit may add a collection together
/// with its first segments, or remove two segments and add the one that replaces them.
struct ManifestEdit {
  // Filled in by ManifestLog::TryCommit:
  uint64_t version = 0;  ///< base version + 1
  Uuid database_uuid = {};
  ContentHash parent_hash{};  ///< of the previous edit's bytes; zero for version 1
  // Chosen by the caller; TryCommit replaces the defaults:
  uint64_t epoch = 0;     ///< 0: the state's
  Uuid commit_uuid = {};  ///< nil: a random one

  /// Segments that must be live for the edit to apply, e.g. the inputs of a compaction.
  std::vector<SegmentReference> preconditions = {};
  /// 0: unchanged.
  uint64_t durable_lsn = 0;
  std::vector<Uuid> collections_dropped = {};
  /// With their segments, if any; new collections usually have none.
  std::vector<CollectionEntry> collections_added = {};
  std::vector<SegmentReference> segments_removed = {};
  std::vector<SegmentAddition> segments_added = {};
  std::vector<DeletionChange> deletions_set = {};
  std::vector<AppliedLsn> applied_lsns = {};
  /// Obsolete files that were removed from the disk.
  std::vector<ManifestFile> files_forgotten = {};
  /// Only in a checkpoint: all obsolete files of the state it holds.
  std::optional<std::vector<ManifestFile>> checkpoint_obsolete_files = {};

  bool is_checkpoint() const { return checkpoint_obsolete_files.has_value(); }

  friend bool operator==(const ManifestEdit&, const ManifestEdit&) = default;
};

/// kInvalidArgument (kLimit) when the bytes would exceed kManifestEditBytesMax.
absl::StatusOr<std::string> EncodeManifestEdit(const ManifestEdit& edit);
/// kDataLoss for bytes that no encoder writes, kUnknownFormat for an item of a newer version.
absl::StatusOr<ManifestEdit> DecodeManifestEdit(std::span<const std::byte> bytes);
/// Names an edit in its successor.
ContentHash ManifestEditHash(std::span<const std::byte> encoded_edit);

}  // namespace perigee::storage
