// SPDX-License-Identifier: Apache-2.0
#include "storage/manifest/manifest_edit.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/encoding/byte_codec.h"
#include "storage/encoding/sha256.h"
#include "storage/foundation/check.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"

namespace perigee::storage {
namespace {

constexpr uint32_t kEditMagic = 0x4445'4D50;  // "PMED"
constexpr uint16_t kEditFormatVersion = 1;
constexpr uint16_t kEditCheckpoint = 1;    // flag of the edit
constexpr uint16_t kItemIgnorable = 1;     // flag of an item
constexpr uint16_t kEntryHasDeletion = 1;  // flag of a segment entry
constexpr size_t kItemHeaderBytes = 8;

// Items stand in this order; a segment of an added collection follows that collection.
enum class ItemKind : uint16_t {
  kPrecondition = 1,
  kCollectionDropped = 2,
  kCollectionAdded = 3,
  kCollectionSegment = 4,
  kSegmentRemoved = 5,
  kSegmentAdded = 6,
  kDeletionSet = 7,
  kAppliedLsn = 8,
  kFileForgotten = 9,
  kObsoleteFile = 10,
};

absl::Status Damaged(const std::string& what) {
  return ErrorWithReason(ErrorReason::kDamaged, absl::StrCat("manifest edit ", what));
}

absl::Status Unknown(const std::string& what) {
  return ErrorWithReason(
      ErrorReason::kUnknownFormat,
      absl::StrCat("manifest edit with ", what, ", which this version does not know"));
}

void PutDeletion(const DeletionReference& deletion, ByteWriter& writer) {
  writer.Bytes(deletion.uuid.bytes());
  writer.U64(deletion.generation);
  writer.U64(deletion.complete_lsn);
  writer.U64(deletion.dead_rows);
  writer.U64(deletion.file_bytes);
  writer.Bytes(deletion.checksum);
}

void PutSegment(const SegmentEntry& segment, ByteWriter& writer) {
  const size_t begin = writer.size();
  writer.Bytes(segment.uuid.bytes());
  writer.U64(segment.file_bytes);
  writer.U64(segment.row_count);
  writer.U64(segment.min_lsn);
  writer.U64(segment.max_lsn);
  writer.U64(segment.stamped_lsn);
  writer.U32(segment.format_version);
  writer.U16(segment.deletion ? kEntryHasDeletion : 0);
  writer.U16(segment.bucket_begin);
  writer.U16(segment.bucket_end);
  writer.Bytes(segment.key_id.bytes());
  writer.Bytes(segment.codebook_uuid.bytes());
  writer.Bytes(segment.root_checksum);
  if (segment.deletion) {
    PutDeletion(*segment.deletion, writer);
  }
  PERIGEE_CHECK(segment.routing.size() <= kRoutingBytesMax, segment.routing.size());
  writer.U8(static_cast<uint8_t>(segment.routing.size()));
  writer.Bytes(segment.routing);
  PERIGEE_CHECK(writer.size() - begin == EncodedSegmentEntryBytes(segment) &&
                    writer.size() - begin <= kSegmentEntryBytesMax,
                writer.size() - begin);
}

// Writes items and counts them.
class ItemWriter {
 public:
  template <typename Put>
  void Add(ItemKind kind, Put put) {
    ByteWriter body;
    put(body);
    items_.U16(static_cast<uint16_t>(kind));
    items_.U16(0);
    items_.LengthPrefixed(body.bytes());
    ++count_;
  }
  uint32_t count() const { return count_; }
  const ByteWriter& items() const { return items_; }

 private:
  ByteWriter items_;
  uint32_t count_ = 0;
};

void PutCollection(const CollectionEntry& collection, ItemWriter& items) {
  items.Add(ItemKind::kCollectionAdded, [&collection](ByteWriter& body) {
    body.Bytes(collection.uuid.bytes());
    body.Bytes(collection.tenant_uuid.bytes());
    body.U64(collection.created_lsn);
    body.U64(collection.applied_lsn);
    body.U64(collection.hash_seed);
    body.LengthPrefixed(collection.name);
    body.LengthPrefixed(collection.schema);
  });
  for (const auto& [uuid, segment] : collection.segments) {
    items.Add(ItemKind::kCollectionSegment,
              [&entry = segment](ByteWriter& body) { PutSegment(entry, body); });
  }
}

void PutItems(const ManifestEdit& edit, ItemWriter& items) {
  for (const SegmentReference& reference : edit.preconditions) {
    items.Add(ItemKind::kPrecondition, [&reference](ByteWriter& body) {
      body.Bytes(reference.collection_uuid.bytes());
      body.Bytes(reference.segment_uuid.bytes());
    });
  }
  for (const Uuid& uuid : edit.collections_dropped) {
    items.Add(ItemKind::kCollectionDropped,
              [&uuid](ByteWriter& body) { body.Bytes(uuid.bytes()); });
  }
  for (const CollectionEntry& collection : edit.collections_added) {
    PutCollection(collection, items);
  }
  for (const SegmentReference& reference : edit.segments_removed) {
    items.Add(ItemKind::kSegmentRemoved, [&reference](ByteWriter& body) {
      body.Bytes(reference.collection_uuid.bytes());
      body.Bytes(reference.segment_uuid.bytes());
    });
  }
  for (const SegmentAddition& addition : edit.segments_added) {
    items.Add(ItemKind::kSegmentAdded, [&addition](ByteWriter& body) {
      body.Bytes(addition.collection_uuid.bytes());
      PutSegment(addition.segment, body);
    });
  }
  for (const DeletionChange& change : edit.deletions_set) {
    items.Add(ItemKind::kDeletionSet, [&change](ByteWriter& body) {
      body.Bytes(change.collection_uuid.bytes());
      body.Bytes(change.segment_uuid.bytes());
      PutDeletion(change.deletion, body);
    });
  }
  for (const AppliedLsn& applied : edit.applied_lsns) {
    items.Add(ItemKind::kAppliedLsn, [&applied](ByteWriter& body) {
      body.Bytes(applied.collection_uuid.bytes());
      body.U64(applied.lsn);
    });
  }
  const auto put_file = [&items](ItemKind kind, const ManifestFile& file) {
    items.Add(kind, [&file](ByteWriter& body) {
      body.U8(static_cast<uint8_t>(file.kind));
      body.Bytes(file.uuid.bytes());
    });
  };
  for (const ManifestFile& file : edit.files_forgotten) {
    put_file(ItemKind::kFileForgotten, file);
  }
  if (edit.checkpoint_obsolete_files) {
    for (const ManifestFile& file : *edit.checkpoint_obsolete_files) {
      put_file(ItemKind::kObsoleteFile, file);
    }
  }
}

Uuid ReadUuid(ByteReader& reader) {
  const std::span<const std::byte> bytes = reader.Bytes(Uuid::kBytes);
  return bytes.size() == Uuid::kBytes ? Uuid::FromBytes(bytes) : Uuid();
}

ContentHash ReadHash(ByteReader& reader) {
  ContentHash hash{};
  const std::span<const std::byte> bytes = reader.Bytes(hash.size());
  std::copy(bytes.begin(), bytes.end(), hash.begin());
  return hash;
}

SegmentReference ReadReference(ByteReader& reader) {
  SegmentReference reference;
  reference.collection_uuid = ReadUuid(reader);
  reference.segment_uuid = ReadUuid(reader);
  return reference;
}

DeletionReference ReadDeletion(ByteReader& reader) {
  DeletionReference deletion;
  deletion.uuid = ReadUuid(reader);
  deletion.generation = reader.U64();
  deletion.complete_lsn = reader.U64();
  deletion.dead_rows = reader.U64();
  deletion.file_bytes = reader.U64();
  deletion.checksum = ReadHash(reader);
  return deletion;
}

absl::StatusOr<SegmentEntry> ReadSegment(ByteReader& reader) {
  SegmentEntry segment;
  segment.uuid = ReadUuid(reader);
  segment.file_bytes = reader.U64();
  segment.row_count = reader.U64();
  segment.min_lsn = reader.U64();
  segment.max_lsn = reader.U64();
  segment.stamped_lsn = reader.U64();
  segment.format_version = reader.U32();
  const uint16_t flags = reader.U16();
  if ((flags & ~kEntryHasDeletion) != 0) {
    return Unknown(absl::StrCat("segment flags ", flags));
  }
  segment.bucket_begin = reader.U16();
  segment.bucket_end = reader.U16();
  segment.key_id = ReadUuid(reader);
  segment.codebook_uuid = ReadUuid(reader);
  segment.root_checksum = ReadHash(reader);
  if ((flags & kEntryHasDeletion) != 0) {
    segment.deletion = ReadDeletion(reader);
  }
  const uint8_t routing_bytes = reader.U8();
  if (routing_bytes > kRoutingBytesMax) {
    reader.Fail("routing bytes above their limit");
  }
  segment.routing = std::string(reader.Text(routing_bytes));
  PERIGEE_RETURN_IF_ERROR(reader.status());
  if (const absl::Status valid = ValidateSegmentEntry(segment); !valid.ok()) {
    return Damaged(std::string(valid.message()));
  }
  return segment;
}

CollectionEntry ReadCollection(ByteReader& reader) {
  CollectionEntry collection;
  collection.uuid = ReadUuid(reader);
  collection.tenant_uuid = ReadUuid(reader);
  collection.created_lsn = reader.U64();
  collection.applied_lsn = reader.U64();
  collection.hash_seed = reader.U64();
  collection.name = std::string(reader.LengthPrefixedText(kManifestNameBytesMax));
  collection.schema = std::string(reader.LengthPrefixedText(kManifestSchemaBytesMax));
  return collection;
}

ManifestFile ReadFile(ByteReader& reader) {
  ManifestFile file;
  const uint8_t kind = reader.U8();
  if (kind < static_cast<uint8_t>(ManifestFileKind::kSegment) ||
      kind > static_cast<uint8_t>(ManifestFileKind::kBook)) {
    reader.Fail("unknown kind of file");
  }
  file.kind = static_cast<ManifestFileKind>(kind);
  file.uuid = ReadUuid(reader);
  return file;
}

// The items about segments of collections, which can fail by more than the reader's bounds.
absl::Status ReadSegmentItem(ItemKind kind, ByteReader& reader, ManifestEdit& edit) {
  if (kind == ItemKind::kSegmentAdded) {
    SegmentAddition addition;
    addition.collection_uuid = ReadUuid(reader);
    PERIGEE_ASSIGN_OR_RETURN(addition.segment, ReadSegment(reader));
    edit.segments_added.push_back(std::move(addition));
    return absl::OkStatus();
  }
  PERIGEE_ASSIGN_OR_RETURN(SegmentEntry segment, ReadSegment(reader));
  if (edit.collections_added.empty()) {
    return Damaged("with a segment of no collection");
  }
  auto& segments = edit.collections_added.back().segments;
  if (!segments.empty() && segment.uuid <= segments.rbegin()->first) {
    return Damaged(absl::StrCat("with segment ", segment.uuid.ToString(), " out of order"));
  }
  segments.emplace_hint(segments.end(), segment.uuid, std::move(segment));
  return absl::OkStatus();
}

absl::Status ReadItem(ItemKind kind, ByteReader& reader, ManifestEdit& edit) {
  switch (kind) {
    case ItemKind::kPrecondition:
      edit.preconditions.push_back(ReadReference(reader));
      break;
    case ItemKind::kCollectionDropped:
      edit.collections_dropped.push_back(ReadUuid(reader));
      break;
    case ItemKind::kCollectionAdded:
      edit.collections_added.push_back(ReadCollection(reader));
      break;
    case ItemKind::kSegmentRemoved:
      edit.segments_removed.push_back(ReadReference(reader));
      break;
    case ItemKind::kCollectionSegment:
    case ItemKind::kSegmentAdded:
      PERIGEE_RETURN_IF_ERROR(ReadSegmentItem(kind, reader, edit));
      break;
    case ItemKind::kDeletionSet: {
      const SegmentReference reference = ReadReference(reader);
      edit.deletions_set.push_back(
          {reference.collection_uuid, reference.segment_uuid, ReadDeletion(reader)});
      break;
    }
    case ItemKind::kAppliedLsn: {
      const Uuid uuid = ReadUuid(reader);
      edit.applied_lsns.push_back({uuid, reader.U64()});
      break;
    }
    case ItemKind::kFileForgotten:
      edit.files_forgotten.push_back(ReadFile(reader));
      break;
    case ItemKind::kObsoleteFile:
      if (!edit.is_checkpoint()) {
        return Damaged("with an obsolete file outside of a checkpoint");
      }
      edit.checkpoint_obsolete_files->push_back(ReadFile(reader));
      break;
  }
  return reader.Finish();
}

bool IsKnown(uint16_t kind) {
  return kind >= static_cast<uint16_t>(ItemKind::kPrecondition) &&
         kind <= static_cast<uint16_t>(ItemKind::kObsoleteFile);
}

absl::Status ReadItems(uint32_t count, ByteReader& reader, ManifestEdit& edit) {
  uint16_t previous = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const uint16_t kind = reader.U16();
    const uint16_t flags = reader.U16();
    const std::span<const std::byte> body = reader.LengthPrefixed(kManifestEditBytesMax);
    PERIGEE_RETURN_IF_ERROR(reader.status());
    if (!IsKnown(kind)) {
      if ((flags & kItemIgnorable) == 0) {
        return Unknown(absl::StrCat("an item of kind ", kind));
      }
      continue;
    }
    // Collections and their segments alternate, so they count as one kind here.
    const uint16_t rank = kind == static_cast<uint16_t>(ItemKind::kCollectionSegment)
                              ? static_cast<uint16_t>(ItemKind::kCollectionAdded)
                              : kind;
    if (flags != 0 || rank < previous) {
      return Damaged(absl::StrCat("with item ", i, " of kind ", kind, " out of order"));
    }
    previous = rank;
    ByteReader item(body);
    PERIGEE_RETURN_IF_ERROR(ReadItem(static_cast<ItemKind>(kind), item, edit));
  }
  return reader.Finish();
}

}  // namespace

absl::StatusOr<std::string> EncodeManifestEdit(const ManifestEdit& edit) {
  ItemWriter items;
  PutItems(edit, items);
  ByteWriter writer;
  writer.U32(kEditMagic);
  writer.U16(kEditFormatVersion);
  writer.U16(edit.is_checkpoint() ? kEditCheckpoint : 0);
  writer.U64(edit.version);
  writer.U64(edit.epoch);
  writer.U64(edit.durable_lsn);
  writer.Bytes(edit.database_uuid.bytes());
  writer.Bytes(edit.commit_uuid.bytes());
  writer.Bytes(edit.parent_hash);
  writer.U32(items.count());
  writer.U32(0);
  writer.Bytes(items.items().bytes());
  if (writer.size() > kManifestEditBytesMax) {
    return ErrorWithReason(ErrorReason::kLimit,
                           absl::StrCat("manifest edit of ", writer.size(), " bytes; at most ",
                                        kManifestEditBytesMax, ": split it"));
  }
  return writer.Take();
}

absl::StatusOr<ManifestEdit> DecodeManifestEdit(std::span<const std::byte> bytes) {
  if (bytes.size() > kManifestEditBytesMax) {
    return Damaged(absl::StrCat("of ", bytes.size(), " bytes; at most ", kManifestEditBytesMax));
  }
  ByteReader reader(bytes);
  if (reader.U32() != kEditMagic) {
    return Damaged("does not begin with its magic number");
  }
  const uint16_t format_version = reader.U16();
  const uint16_t flags = reader.U16();
  PERIGEE_RETURN_IF_ERROR(reader.status());
  if (format_version != kEditFormatVersion || (flags & ~kEditCheckpoint) != 0) {
    return Unknown(absl::StrCat("format version ", format_version, " and flags ", flags));
  }
  ManifestEdit edit;
  if ((flags & kEditCheckpoint) != 0) {
    edit.checkpoint_obsolete_files.emplace();
  }
  edit.version = reader.U64();
  edit.epoch = reader.U64();
  edit.durable_lsn = reader.U64();
  edit.database_uuid = ReadUuid(reader);
  edit.commit_uuid = ReadUuid(reader);
  edit.parent_hash = ReadHash(reader);
  const uint32_t count = reader.U32();
  if (reader.U32() != 0 || count > reader.remaining() / kItemHeaderBytes) {
    reader.Fail("more items than bytes, or a reserved field in use");
  }
  PERIGEE_RETURN_IF_ERROR(reader.status());
  PERIGEE_RETURN_IF_ERROR(ReadItems(count, reader, edit));
  return edit;
}

ContentHash ManifestEditHash(std::span<const std::byte> encoded_edit) {
  return Sha256Half(encoded_edit);
}

}  // namespace perigee::storage
