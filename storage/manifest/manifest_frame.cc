// SPDX-License-Identifier: Apache-2.0
#include "storage/manifest/manifest_frame.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/encoding/byte_codec.h"
#include "storage/encoding/crc32c.h"
#include "storage/encoding/sha256.h"
#include "storage/foundation/check.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"
#include "storage/io/aligned_buffer.h"
#include "storage/manifest/manifest_state.h"

namespace perigee::storage {
namespace {

constexpr uint64_t kRecordMagic = 0x3143'4552'4752'4550;  // "PERGREC1"
constexpr size_t kBlockCrcOffset = kManifestBlockBytes - sizeof(uint32_t);
constexpr size_t kHeaderReservedOffset = 12;
constexpr size_t kHeaderReservedEnd = 16;
constexpr size_t kRecordReservedOffset = 18;
constexpr size_t kRecordReservedEnd = 24;
static_assert(kManifestRecordHeaderBytes + kManifestEditBytesMax < kManifestFileBytesMax);

absl::Status Damaged(std::string_view file, const std::string& what) {
  return ErrorWithReason(ErrorReason::kDamaged, absl::StrCat(Absl(file), ": ", what));
}

Uuid ReadUuid(ByteReader& reader) {
  const std::span<const std::byte> bytes = reader.Bytes(Uuid::kBytes);
  return bytes.size() == Uuid::kBytes ? Uuid::FromBytes(bytes) : Uuid();
}

// Stale bytes of another manifest carry another salt.
uint64_t SaltOf(const Uuid& file_uuid) {
  ByteReader reader(file_uuid.bytes());
  return reader.U64();
}

struct RecordHeader {
  ManifestRecord record;  // without payload
  uint32_t payload_bytes = 0;
};

// The header at `offset` if it is one of this file, whatever place it was written for.
std::optional<RecordHeader> AnyHeaderAt(std::span<const std::byte> bytes, uint64_t salt,
                                        uint64_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < kManifestRecordHeaderBytes) {
    return std::nullopt;
  }
  const std::span<const std::byte> block = bytes.subspan(offset, kManifestRecordHeaderBytes);
  ByteReader reader(block);
  if (UnmaskCrc(reader.U32()) != Crc32c(block.subspan(sizeof(uint32_t)))) {
    return std::nullopt;
  }
  RecordHeader header;
  header.payload_bytes = reader.U32();
  header.record.version = reader.U64();
  header.record.type = static_cast<ManifestRecordType>(reader.U16());
  reader.Skip(kRecordReservedEnd - kRecordReservedOffset);  // judged where the record stands
  const uint64_t record_salt = reader.U64();
  const std::span<const std::byte> hash = reader.Bytes(sizeof(ContentHash));
  std::copy(hash.begin(), hash.end(), header.record.hash.begin());
  header.record.offset = reader.U64();
  if (reader.U64() != kRecordMagic || !reader.ok() || record_salt != salt ||
      header.payload_bytes > kManifestEditBytesMax) {
    return std::nullopt;
  }
  return header;
}

// The header at `offset` if it is one of this file and of this place.
std::optional<RecordHeader> HeaderAt(std::span<const std::byte> bytes, uint64_t salt,
                                     uint64_t offset) {
  std::optional<RecordHeader> header = AnyHeaderAt(bytes, salt, offset);
  return header && header->record.offset == offset ? header : std::nullopt;
}

// Whether payload and padding of the record are in the file and as they were written.
bool Holds(std::span<const std::byte> bytes, RecordHeader& header) {
  const uint64_t extent = ManifestRecordExtent(header.payload_bytes);
  if (bytes.size() - header.record.offset < extent) {
    return false;
  }
  const std::span<const std::byte> content = bytes.subspan(header.record.offset, extent);
  header.record.payload = content.subspan(kManifestRecordHeaderBytes, header.payload_bytes);
  const std::span<const std::byte> padding =
      content.subspan(kManifestRecordHeaderBytes + header.payload_bytes);
  const bool zero =
      std::all_of(padding.begin(), padding.end(), [](std::byte b) { return b == std::byte{0}; });
  if (header.record.type == ManifestRecordType::kMark) {
    return zero && header.payload_bytes == 0;
  }
  return zero && Sha256Half(header.record.payload) == header.record.hash;
}

// Offset of a record header of this file in a later block, or of one that stands at `offset` and
// belongs elsewhere, which no crash leaves either; 0 when there is none.
uint64_t StrangeHeader(std::span<const std::byte> bytes, uint64_t salt, uint64_t offset) {
  for (uint64_t at = offset; at < bytes.size(); at += kManifestBlockBytes) {
    const std::optional<RecordHeader> header = AnyHeaderAt(bytes, salt, at);
    if (header && (at != offset || header->record.offset != offset)) {
      return at;
    }
  }
  return 0;
}

// The verdict on what stands at `scan.end_offset`, where no record holds.
absl::Status JudgeTail(std::span<const std::byte> bytes, std::string_view file, uint64_t salt,
                       const ManifestScan& scan) {
  const uint64_t offset = scan.end_offset;
  if (const uint64_t other = StrangeHeader(bytes, salt, offset); other != 0) {
    return Damaged(file, absl::StrCat("record at ", offset, " is damaged, the one at ", other,
                                      " proves that it was committed"));
  }
  if (const auto header = HeaderAt(bytes, salt, offset);
      header && bytes.size() - offset > ManifestRecordExtent(header->payload_bytes)) {
    return Damaged(file, absl::StrCat("record at ", offset,
                                      " is damaged, bytes behind it prove that it was committed"));
  }
  return absl::OkStatus();
}

// A record that holds but does not follow from the ones before was never written by us.
absl::Status CheckSequence(std::string_view file, const ManifestScan& scan,
                           const ManifestRecord& record, bool marked) {
  const auto wrong = [&file, &record](std::string_view what) {
    return Damaged(file, absl::StrCat("record at ", record.offset, " of version ", record.version,
                                      ": ", Absl(what)));
  };
  switch (record.type) {
    case ManifestRecordType::kCheckpoint:
    case ManifestRecordType::kEdit:
      if (scan.records.empty() != (record.type == ManifestRecordType::kCheckpoint)) {
        return wrong("a file holds one checkpoint, as its first record");
      }
      if (!scan.records.empty() && (!marked || record.version != scan.records.back().version + 1)) {
        return wrong("it does not follow the record before");
      }
      return absl::OkStatus();
    case ManifestRecordType::kMark:
      if (scan.records.empty() || marked || record.version != scan.records.back().version ||
          record.hash != scan.records.back().hash) {
        return wrong("the mark is not of the record before");
      }
      return absl::OkStatus();
  }
  return wrong(absl::StrCat("unknown type ", static_cast<uint16_t>(record.type)));
}

}  // namespace

std::string EncodeManifestFileHeader(const ManifestFileHeader& header) {
  ByteWriter writer;
  writer.U64(kManifestMagic);
  writer.U32(header.format_version);
  writer.U32(0);
  writer.U64(header.features.compat);
  writer.U64(header.features.ro_compat);
  writer.U64(header.features.incompat);
  writer.Bytes(header.database_uuid.bytes());
  writer.Bytes(header.file_uuid.bytes());
  writer.U64(header.number);
  writer.U64(header.previous_number);
  writer.Zeros(kBlockCrcOffset - writer.size());
  writer.U32(MaskCrc(Crc32c(writer.bytes())));
  return writer.Take();
}

absl::StatusOr<ManifestFileHeader> DecodeManifestFileHeader(std::span<const std::byte> block) {
  ByteReader reader(block);
  if (block.size() != kManifestBlockBytes || reader.U64() != kManifestMagic) {
    return ErrorWithReason(ErrorReason::kDamaged,
                           "manifest does not begin with a header block and its magic number");
  }
  ByteReader crc(block.subspan(kBlockCrcOffset));
  if (UnmaskCrc(crc.U32()) != Crc32c(block.first(kBlockCrcOffset))) {
    return ErrorWithReason(ErrorReason::kDamaged, "manifest header has a wrong checksum");
  }
  ManifestFileHeader header;
  header.format_version = reader.U32();
  reader.Skip(kHeaderReservedEnd - kHeaderReservedOffset);
  header.features.compat = reader.U64();
  header.features.ro_compat = reader.U64();
  header.features.incompat = reader.U64();
  header.database_uuid = ReadUuid(reader);
  header.file_uuid = ReadUuid(reader);
  header.number = reader.U64();
  header.previous_number = reader.U64();
  if (header.format_version != kManifestFormatVersion) {
    return ErrorWithReason(ErrorReason::kUnknownFormat,
                           absl::StrCat("manifest format version ", header.format_version,
                                        "; this version reads ", kManifestFormatVersion));
  }
  PERIGEE_RETURN_IF_ERROR(CheckIncompatFeatures(header.features, "manifest"));
  PERIGEE_RETURN_IF_ERROR(
      CheckReserved(block, kHeaderReservedOffset, kHeaderReservedEnd, "header"));
  PERIGEE_RETURN_IF_ERROR(CheckReserved(block, reader.position(), kBlockCrcOffset, "header"));
  return header;
}

uint64_t ManifestRecordExtent(uint64_t payload_bytes) {
  return AlignUp(kManifestRecordHeaderBytes + payload_bytes, kManifestBlockBytes);
}

std::string EncodeManifestRecord(const Uuid& file_uuid, const ManifestRecord& record) {
  PERIGEE_CHECK(record.payload.size() <= kManifestEditBytesMax, record.payload.size());
  PERIGEE_CHECK(record.offset % kManifestBlockBytes == 0, record.offset);
  ByteWriter header;
  header.U32(static_cast<uint32_t>(record.payload.size()));
  header.U64(record.version);
  header.U16(static_cast<uint16_t>(record.type));
  header.U16(0);
  header.U32(0);
  header.U64(SaltOf(file_uuid));
  header.Bytes(record.hash);
  header.U64(record.offset);
  header.U64(kRecordMagic);
  ByteWriter writer;
  writer.Reserve(ManifestRecordExtent(record.payload.size()));
  writer.U32(MaskCrc(Crc32c(header.bytes())));
  writer.Bytes(header.bytes());
  writer.Bytes(record.payload);
  writer.Pad(kManifestBlockBytes);
  return writer.Take();
}

absl::StatusOr<ManifestScan> ScanManifest(std::span<const std::byte> bytes, std::string_view file) {
  ManifestScan scan;
  auto header = DecodeManifestFileHeader(bytes.first(std::min(bytes.size(), kManifestBlockBytes)));
  if (!header.ok()) {
    return WithContext(header.status(), file);
  }
  scan.header = *header;
  scan.end_offset = kManifestBlockBytes;
  const uint64_t salt = SaltOf(scan.header.file_uuid);
  bool marked = false;
  while (scan.end_offset < bytes.size()) {
    std::optional<RecordHeader> found = HeaderAt(bytes, salt, scan.end_offset);
    if (found) {
      // With CRC, salt and place, no crash leaves such a header: it was written so.
      const auto reserved = CheckReserved(bytes.subspan(scan.end_offset), kRecordReservedOffset,
                                          kRecordReservedEnd, "record header");
      if (!reserved.ok()) {
        return WithContext(reserved, absl::StrCat(Absl(file), ": record at ", scan.end_offset));
      }
    }
    if (!found || !Holds(bytes, *found)) {
      break;
    }
    PERIGEE_RETURN_IF_ERROR(CheckSequence(file, scan, found->record, marked));
    marked = found->record.type == ManifestRecordType::kMark;
    if (!marked) {
      scan.records.push_back(found->record);
    }
    scan.end_offset += ManifestRecordExtent(found->payload_bytes);
  }
  PERIGEE_RETURN_IF_ERROR(JudgeTail(bytes, file, salt, scan));
  // The checkpoint was durable before CURRENT named the file.
  if (scan.records.empty()) {
    return Damaged(file, absl::StrCat("the checkpoint is damaged, at ", scan.end_offset));
  }
  scan.clean = marked && scan.end_offset == bytes.size();
  scan.last_durable = marked || scan.end_offset < bytes.size() || scan.records.size() == 1;
  return scan;
}

}  // namespace perigee::storage
