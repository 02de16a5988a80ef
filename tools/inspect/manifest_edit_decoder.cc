// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/manifest_edit_decoder.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/inspect/byte_view.h"

namespace perigee::tools::inspect {
namespace {

constexpr uint32_t kEditMagic = 0x44454d50;  // "PMED"
constexpr uint16_t kCheckpointFlag = 1;
constexpr uint16_t kIgnorableFlag = 1;
constexpr uint16_t kHasDeletionFlag = 1;
constexpr uint16_t kLastKnownKind = static_cast<uint16_t>(ItemKind::kFileObsolete);
constexpr size_t kItemHeader = 8;
constexpr size_t kSegmentEntryMax = 256;
constexpr size_t kRoutingMax = 64;
constexpr size_t kNameMax = 128;
constexpr size_t kSchemaMax = 65536;
constexpr size_t kUuidBytes = 16;

Uuid TakeUuid(ByteCursor& cursor) { return Uuid::From(cursor.Take(kUuidBytes)); }

DeletionEntry TakeDeletion(ByteCursor& cursor) {
  DeletionEntry deletion;
  deletion.uuid = TakeUuid(cursor);
  deletion.generation = cursor.U64();
  deletion.complete_lsn = cursor.U64();
  deletion.dead_rows = cursor.U64();
  deletion.file_bytes = cursor.U64();
  deletion.hash = HashFrom(cursor.Take(16));
  return deletion;
}

// False when a flag is unknown.
bool TakeSegment(ByteCursor& cursor, SegmentEntry& segment) {
  const size_t begin = cursor.offset();
  segment.uuid = TakeUuid(cursor);
  segment.file_bytes = cursor.U64();
  segment.rows = cursor.U64();
  segment.min_lsn = cursor.U64();
  segment.max_lsn = cursor.U64();
  segment.stamped_lsn = cursor.U64();
  segment.format_version = cursor.U32();
  const uint16_t flags = cursor.U16();
  segment.bucket_first = cursor.U16();
  segment.bucket_end = cursor.U16();
  segment.key_id = TakeUuid(cursor);
  segment.codebook = TakeUuid(cursor);
  segment.root = HashFrom(cursor.Take(16));
  if ((flags & kHasDeletionFlag) != 0) {
    segment.deletion = TakeDeletion(cursor);
  }
  segment.routing = std::string(cursor.Take(cursor.U8()));
  segment.encoded_bytes = cursor.offset() - begin;
  return (flags & ~kHasDeletionFlag) == 0;
}

NamedFile TakeFile(ByteCursor& cursor) {
  NamedFile file;
  file.kind = static_cast<FileKind>(cursor.U8());
  file.uuid = TakeUuid(cursor);
  return file;
}

// What is wrong with one item's bytes; empty when nothing is.
std::string TakeItem(ByteCursor cursor, ManifestItem& item) {
  bool flags_known = true;
  switch (item.kind) {
    case ItemKind::kSegmentRequired:
    case ItemKind::kSegmentRemoved:
      item.collection = TakeUuid(cursor);
      item.segment.uuid = TakeUuid(cursor);
      break;
    case ItemKind::kCollectionDropped:
      item.collection = TakeUuid(cursor);
      break;
    case ItemKind::kCollectionAdded:
      item.collection = TakeUuid(cursor);
      item.tenant = TakeUuid(cursor);
      item.created_lsn = cursor.U64();
      item.applied_lsn = cursor.U64();
      item.hash_seed = cursor.U64();
      item.name = std::string(cursor.Counted(kNameMax));
      item.schema = std::string(cursor.Counted(kSchemaMax));
      break;
    case ItemKind::kSegmentAdded:
      item.collection = TakeUuid(cursor);
      flags_known = TakeSegment(cursor, item.segment);
      break;
    case ItemKind::kSegmentOfCollection:
      flags_known = TakeSegment(cursor, item.segment);
      break;
    case ItemKind::kDeletions:
      item.collection = TakeUuid(cursor);
      item.segment.uuid = TakeUuid(cursor);
      item.deletion = TakeDeletion(cursor);
      break;
    case ItemKind::kAppliedLsn:
      item.collection = TakeUuid(cursor);
      item.applied_lsn = cursor.U64();
      break;
    case ItemKind::kFileForgotten:
    case ItemKind::kFileObsolete:
      item.file = TakeFile(cursor);
      if (item.file.kind < FileKind::kSegment || item.file.kind > FileKind::kCodebook) {
        return "names a file of an unknown kind";
      }
      break;
  }
  if (!cursor.ok() || cursor.left() != 0) {
    return "does not have the bytes of its kind";
  }
  if (item.segment.encoded_bytes > kSegmentEntryMax || item.segment.routing.size() > kRoutingMax) {
    return "has a segment entry above 256 bytes or a routing summary above 64";
  }
  return flags_known ? "" : "has a segment entry with an unknown flag";
}

}  // namespace

std::string_view ItemKindName(ItemKind kind) {
  switch (kind) {
    case ItemKind::kSegmentRequired:
      return "segment must be live";
    case ItemKind::kCollectionDropped:
      return "collection dropped";
    case ItemKind::kCollectionAdded:
      return "collection added";
    case ItemKind::kSegmentOfCollection:
      return "segment of it";
    case ItemKind::kSegmentRemoved:
      return "segment removed";
    case ItemKind::kSegmentAdded:
      return "segment added";
    case ItemKind::kDeletions:
      return "deletions";
    case ItemKind::kAppliedLsn:
      return "applied";
    case ItemKind::kFileForgotten:
      return "file forgotten";
    case ItemKind::kFileObsolete:
      return "obsolete file";
  }
  return "?";
}

std::string PathOf(const NamedFile& file) {
  switch (file.kind) {
    case FileKind::kSegment:
      return absl::StrCat("seg/", file.uuid.ToString());
    case FileKind::kDeletion:
      return absl::StrCat("del/", file.uuid.ToString());
    case FileKind::kCodebook:
      return absl::StrCat("book/", file.uuid.ToString());
  }
  return "?";
}

std::optional<ManifestEdit> DecodeManifestEdit(std::string_view bytes, uint64_t offset,
                                               FileFindings& findings) {
  ByteCursor cursor(bytes);
  const auto refuse = [&](Severity severity, std::string found) {
    findings.Add({.severity = severity,
                  .code = "manifest.edit",
                  .offset = offset + cursor.offset(),
                  .expected = "an edit of format version 1 as the page describes it",
                  .found = std::move(found)});
    return std::nullopt;
  };
  if (cursor.U32() != kEditMagic) {
    return refuse(Severity::kDamage, "no magic PMED");
  }
  const uint16_t format = cursor.U16();
  const uint16_t flags = cursor.U16();
  if (cursor.ok() && (format != 1 || (flags & ~kCheckpointFlag) != 0)) {
    return refuse(Severity::kUnsupported, absl::StrCat("format ", format, " with flags ", flags));
  }
  ManifestEdit edit;
  edit.is_checkpoint = (flags & kCheckpointFlag) != 0;
  edit.version = cursor.U64();
  edit.epoch = cursor.U64();
  edit.durable_lsn = cursor.U64();
  edit.database = TakeUuid(cursor);
  edit.commit = TakeUuid(cursor);
  edit.parent = HashFrom(cursor.Take(16));
  const uint32_t count = cursor.U32();
  cursor.Zeros(4);
  if (!cursor.ok() || count > cursor.left() / kItemHeader) {
    return refuse(Severity::kDamage, absl::StrCat(count, " items in ", cursor.left(), " bytes"));
  }
  uint16_t rank_before = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const uint16_t kind = cursor.U16();
    const uint16_t item_flags = cursor.U16();
    const std::string_view body = cursor.Counted(bytes.size());
    if (!cursor.ok()) {
      return refuse(Severity::kDamage, absl::StrCat("item ", i, " is longer than the edit"));
    }
    if (kind == 0 || kind > kLastKnownKind) {
      if ((item_flags & kIgnorableFlag) == 0) {
        return refuse(Severity::kUnsupported, absl::StrCat("item ", i, " of kind ", kind));
      }
      ++edit.items_ignored;
      continue;
    }
    ManifestItem item;
    item.kind = static_cast<ItemKind>(kind);
    // A segment stands behind its collection, so both have one rank.
    const uint16_t rank = item.kind == ItemKind::kSegmentOfCollection ? uint16_t{3} : kind;
    std::string fault = TakeItem(ByteCursor(body), item);
    // Segments of one collection ascend, so that equal states have equal bytes.
    const bool behind_segment = item.kind == ItemKind::kSegmentOfCollection &&
                                !edit.items.empty() &&
                                edit.items.back().kind == ItemKind::kSegmentOfCollection;
    if (item_flags != 0 || rank < rank_before ||
        (behind_segment && item.segment.uuid <= edit.items.back().segment.uuid)) {
      fault = "has a flag or stands out of order";
    }
    if (!fault.empty()) {
      return refuse(Severity::kDamage, absl::StrCat("item ", i, " of kind ", kind, " ", fault));
    }
    rank_before = rank;
    edit.items.push_back(std::move(item));
  }
  if (cursor.left() != 0) {
    return refuse(Severity::kDamage, absl::StrCat(cursor.left(), " bytes behind the last item"));
  }
  return edit;
}

}  // namespace perigee::tools::inspect
