// SPDX-License-Identifier: Apache-2.0
//
// Decodes one encoded edit of a manifest after docs/formats/manifest_format.md: its fixed part and
// its items, in the order in which they stand.
//
// Invariants: an edit is returned exactly if its bytes follow the page; what it means in its place
// is manifest_replay.h's to judge.
// Thread-safety: functions without state; plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/inspect/checksum.h"
#include "tools/inspect/finding.h"
#include "tools/inspect/uuid.h"

namespace perigee::tools::inspect {

enum class ItemKind : uint16_t {
  kSegmentRequired = 1,
  kCollectionDropped = 2,
  kCollectionAdded = 3,
  kSegmentOfCollection = 4,
  kSegmentRemoved = 5,
  kSegmentAdded = 6,
  kDeletions = 7,
  kAppliedLsn = 8,
  kFileForgotten = 9,
  kFileObsolete = 10,
};

struct DeletionEntry {
  Uuid uuid = {};
  uint64_t generation = 0;
  uint64_t complete_lsn = 0;
  uint64_t dead_rows = 0;
  uint64_t file_bytes = 0;
  Hash hash = {};

  friend bool operator==(const DeletionEntry&, const DeletionEntry&) = default;
};

struct SegmentEntry {
  Uuid uuid = {};
  uint64_t file_bytes = 0;
  uint64_t rows = 0;
  uint64_t min_lsn = 0;
  uint64_t max_lsn = 0;
  uint64_t stamped_lsn = 0;
  uint32_t format_version = 0;
  uint16_t bucket_first = 0;
  uint16_t bucket_end = 0;
  Uuid key_id = {};
  Uuid codebook = {};
  Hash root = {};
  std::optional<DeletionEntry> deletion = std::nullopt;
  std::string routing = {};
  uint64_t encoded_bytes = 0;

  friend bool operator==(const SegmentEntry&, const SegmentEntry&) = default;
};

enum class FileKind : uint8_t { kSegment = 1, kDeletion = 2, kCodebook = 3 };

struct NamedFile {
  FileKind kind = FileKind::kSegment;
  Uuid uuid = {};
  friend auto operator<=>(const NamedFile&, const NamedFile&) = default;
};

/// One item; which members count follows from its kind.
struct ManifestItem {
  ItemKind kind = ItemKind::kSegmentRequired;
  Uuid collection = {};
  Uuid tenant = {};
  uint64_t created_lsn = 0;
  uint64_t applied_lsn = 0;
  uint64_t hash_seed = 0;
  std::string name = {};
  std::string schema = {};
  SegmentEntry segment = {};  ///< of kinds 1, 5 and 7 the uuid only
  DeletionEntry deletion = {};
  NamedFile file = {};
};

struct ManifestEdit {
  bool is_checkpoint = false;
  uint64_t version = 0;
  uint64_t epoch = 0;
  uint64_t durable_lsn = 0;
  Uuid database = {};
  Uuid commit = {};
  Hash parent = {};
  std::vector<ManifestItem> items = {};
  uint32_t items_ignored = 0;
};

std::string_view ItemKindName(ItemKind kind);
/// "seg/<uuid>", "del/<uuid>" or "book/<uuid>".
std::string PathOf(const NamedFile& file);

/// `offset` is that of the edit's first byte in the file, for findings.
std::optional<ManifestEdit> DecodeManifestEdit(std::string_view bytes, uint64_t offset,
                                               FileFindings& findings);

}  // namespace perigee::tools::inspect
