// SPDX-License-Identifier: Apache-2.0
#include "storage/segment/segment_format.h"

#include <bit>
#include <set>
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

namespace perigee::storage {
namespace {

constexpr uint64_t kFooterMagic = 0x3154'4F4F'4653'4750;  // "PGSFOOT1"
constexpr size_t kBlockCrcOffset = kSegmentBlockBytes - sizeof(uint32_t);
constexpr size_t kHeaderKeyOffset = 128;
constexpr size_t kFooterReservedOffset = 44;
constexpr size_t kFooterReservedEnd = 48;
constexpr size_t kEntryReservedOffset = 40;
constexpr size_t kEntryReservedEnd = 48;
// Far above any file, far below where rounding up could overflow.
constexpr uint64_t kFileBytesMax = uint64_t{1} << 62U;
constexpr uint32_t kSectionFlagsKnown = kSectionDerived | kSectionIgnorable;

absl::Status Damaged(const std::string& what) {
  return ErrorWithReason(ErrorReason::kDamaged, what);
}

// Zeros up to the CRC, then the CRC of all before it: header and footer end alike.
std::string SealBlock(ByteWriter writer) {
  PERIGEE_CHECK(writer.size() <= kBlockCrcOffset, "block of ", writer.size());
  writer.Zeros(kBlockCrcOffset - writer.size());
  writer.U32(MaskCrc(Crc32c(writer.bytes())));
  return writer.Take();
}

absl::Status CheckBlock(std::span<const std::byte> block, uint64_t magic, std::string_view what) {
  if (block.size() != kSegmentBlockBytes) {
    return Damaged(absl::StrCat("segment ", Absl(what), " of ", block.size(), " bytes, not ",
                                kSegmentBlockBytes));
  }
  ByteReader reader(block);
  if (reader.U64() != magic) {
    return Damaged(absl::StrCat("segment ", Absl(what), " does not begin with its magic number"));
  }
  ByteReader crc(block.subspan(kBlockCrcOffset));
  if (crc.U32() != MaskCrc(Crc32c(block.first(kBlockCrcOffset)))) {
    return Damaged(absl::StrCat("segment ", Absl(what), " has a wrong checksum"));
  }
  return absl::OkStatus();
}

// All fields in front of the root checksum.
void PutFooterFields(const SegmentFooter& footer, ByteWriter& writer) {
  writer.U64(kFooterMagic);
  writer.U64(footer.row_count);
  writer.U64(footer.file_bytes);
  writer.U64(footer.tables_offset);
  writer.U64(footer.directory_offset);
  writer.U32(footer.section_count);
  writer.U32(0);
  writer.Bytes(footer.segment_uuid.bytes());
}

Uuid ReadUuid(ByteReader& reader) {
  const std::span<const std::byte> bytes = reader.Bytes(Uuid::kBytes);
  return bytes.size() == Uuid::kBytes ? Uuid::FromBytes(bytes) : Uuid();
}

ContentHash ReadHash(ByteReader& reader) {
  ContentHash hash{};
  const std::span<const std::byte> bytes = reader.Bytes(hash.size());
  if (bytes.size() == hash.size()) {
    std::copy(bytes.begin(), bytes.end(), hash.begin());
  }
  return hash;
}

bool IsPerVector(SectionKind kind) {
  return kind == SectionKind::kVectors || kind == SectionKind::kNorms ||
         kind == SectionKind::kPresence || kind == SectionKind::kHnsw;
}

bool IsPageSize(uint32_t bytes) {
  return std::has_single_bit(bytes) && bytes >= kChecksumPageBytesRandom &&
         bytes <= kChecksumPageBytesMax;
}

// The rule each kind has for its element count, element size and length; every product of two
// numbers from the file was checked before (ValidateSection).
absl::Status ValidateShape(const SectionEntry& section, uint64_t row_count) {
  const auto wrong = [&section, row_count](std::string_view expected) {
    return Damaged(absl::StrCat("section ", section.name(), " with ", section.element_count,
                                " elements of ", section.element_bytes, " bytes, length ",
                                section.length, ", contradicts ", row_count,
                                " rows: ", Absl(expected)));
  };
  if (!IsKnownSectionKind(section.kind)) {
    return absl::OkStatus();
  }
  if (section.kind == SectionKind::kHnsw) {
    return section.element_bytes == 1 ? absl::OkStatus() : wrong("a graph is counted in bytes");
  }
  if (section.element_count != row_count) {
    return wrong("it has one element a row");
  }
  uint32_t element_bytes = section.element_bytes;
  uint64_t length_min = section.length;
  switch (section.kind) {
    case SectionKind::kIds:
    case SectionKind::kPayload:
      element_bytes = 0;
      length_min = (row_count + 1) * sizeof(uint64_t);
      break;
    case SectionKind::kPresence:
      element_bytes = 0;
      if (section.length != (row_count + 63) / 64 * sizeof(uint64_t)) {
        return wrong("it has one bit a row in whole words of 64");
      }
      break;
    case SectionKind::kLsns:
    case SectionKind::kNorms:
      element_bytes = sizeof(uint64_t);
      break;
    case SectionKind::kIdOrder:
      element_bytes = sizeof(uint32_t);
      break;
    case SectionKind::kVectors:
      if (section.element_bytes < 2 || section.element_bytes % 2 != 0) {
        return wrong("a vector has an even number of bytes");
      }
      break;
    case SectionKind::kHnsw:
      break;
  }
  if (section.element_bytes != element_bytes) {
    return wrong("the element size is fixed by the kind");
  }
  return section.length < length_min ? wrong("its offsets alone are longer") : absl::OkStatus();
}

}  // namespace

bool IsKnownSectionKind(SectionKind kind) {
  switch (kind) {
    case SectionKind::kIds:
    case SectionKind::kLsns:
    case SectionKind::kPayload:
    case SectionKind::kVectors:
    case SectionKind::kNorms:
    case SectionKind::kPresence:
    case SectionKind::kIdOrder:
    case SectionKind::kHnsw:
      return true;
  }
  return false;
}

std::string SectionName(SectionKind kind, uint16_t ordinal) {
  switch (kind) {
    case SectionKind::kIds:
      return "ids";
    case SectionKind::kLsns:
      return "lsns";
    case SectionKind::kPayload:
      return "payload";
    case SectionKind::kVectors:
      return absl::StrCat("vectors[", ordinal, "]");
    case SectionKind::kNorms:
      return absl::StrCat("norms[", ordinal, "]");
    case SectionKind::kPresence:
      return absl::StrCat("presence[", ordinal, "]");
    case SectionKind::kIdOrder:
      return "id_order";
    case SectionKind::kHnsw:
      return absl::StrCat("hnsw[", ordinal, "]");
  }
  return absl::StrCat("kind ", static_cast<uint16_t>(kind), "[", ordinal, "]");
}

uint32_t SectionFlagsOf(SectionKind kind) {
  return kind == SectionKind::kIdOrder || kind == SectionKind::kHnsw
             ? kSectionDerived | kSectionIgnorable
             : 0;
}

uint64_t SectionEntry::page_count() const {
  return length / checksum_page_bytes + (length % checksum_page_bytes != 0 ? 1 : 0);
}

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  ByteWriter writer;
  writer.U64(kSegmentMagic);
  writer.U32(header.format_version);
  writer.U32(header.section_alignment);
  writer.U64(header.features.compat);
  writer.U64(header.features.ro_compat);
  writer.U64(header.features.incompat);
  writer.Bytes(header.database_uuid.bytes());
  writer.Bytes(header.segment_uuid.bytes());
  writer.Bytes(header.collection_uuid.bytes());
  writer.Bytes(header.tenant_uuid.bytes());
  writer.U64(header.min_lsn);
  writer.U64(header.max_lsn);
  writer.U16(header.bucket_begin);
  writer.U16(header.bucket_end);
  writer.U32(header.cipher);
  writer.Bytes(header.key_id.bytes());
  writer.Bytes(header.codebook_uuid.bytes());
  return SealBlock(std::move(writer));
}

absl::StatusOr<SegmentHeader> DecodeSegmentHeader(std::span<const std::byte> block) {
  PERIGEE_RETURN_IF_ERROR(CheckBlock(block, kSegmentMagic, "header"));
  ByteReader reader(block);
  reader.U64();
  SegmentHeader header;
  header.format_version = reader.U32();
  header.section_alignment = reader.U32();
  header.features.compat = reader.U64();
  header.features.ro_compat = reader.U64();
  header.features.incompat = reader.U64();
  header.database_uuid = ReadUuid(reader);
  header.segment_uuid = ReadUuid(reader);
  header.collection_uuid = ReadUuid(reader);
  header.tenant_uuid = ReadUuid(reader);
  header.min_lsn = reader.U64();
  header.max_lsn = reader.U64();
  header.bucket_begin = reader.U16();
  header.bucket_end = reader.U16();
  header.cipher = reader.U32();
  header.key_id = ReadUuid(reader);
  header.codebook_uuid = ReadUuid(reader);
  // The version first: with another one, the fields behind it may mean something else.
  if (header.format_version != kSegmentFormatVersion) {
    return ErrorWithReason(ErrorReason::kUnknownFormat,
                           absl::StrCat("segment format version ", header.format_version,
                                        "; this version reads ", kSegmentFormatVersion));
  }
  PERIGEE_RETURN_IF_ERROR(CheckIncompatFeatures(header.features, "segment"));
  if (header.cipher != 0) {
    return ErrorWithReason(ErrorReason::kUnknownFormat,
                           absl::StrCat("segment is encrypted with cipher ", header.cipher,
                                        ", which this version does not know"));
  }
  // Key and codebook too: they come with a cipher and a feature.
  PERIGEE_RETURN_IF_ERROR(
      CheckReserved(block, kHeaderKeyOffset, kBlockCrcOffset, "segment header"));
  if (!std::has_single_bit(header.section_alignment) ||
      header.section_alignment < kSectionAlignmentMin ||
      header.section_alignment > kSectionAlignmentMax) {
    return Damaged(absl::StrCat("segment header with section alignment ", header.section_alignment,
                                "; a power of two from ", kSectionAlignmentMin, " to ",
                                kSectionAlignmentMax));
  }
  if (header.min_lsn > header.max_lsn || header.bucket_begin >= header.bucket_end ||
      header.bucket_end > kBucketCount) {
    return Damaged(absl::StrCat("segment header with LSNs ", header.min_lsn, " to ", header.max_lsn,
                                ", buckets ", header.bucket_begin, " to ", header.bucket_end));
  }
  return header;
}

std::string EncodeSegmentFooter(const SegmentFooter& footer) {
  ByteWriter writer;
  PutFooterFields(footer, writer);
  writer.Bytes(footer.root_checksum);
  return SealBlock(std::move(writer));
}

absl::StatusOr<SegmentFooter> DecodeSegmentFooter(std::span<const std::byte> block) {
  PERIGEE_RETURN_IF_ERROR(CheckBlock(block, kFooterMagic, "footer"));
  ByteReader reader(block);
  reader.U64();
  SegmentFooter footer;
  footer.row_count = reader.U64();
  footer.file_bytes = reader.U64();
  footer.tables_offset = reader.U64();
  footer.directory_offset = reader.U64();
  footer.section_count = reader.U32();
  reader.Skip(kFooterReservedEnd - kFooterReservedOffset);
  footer.segment_uuid = ReadUuid(reader);
  footer.root_checksum = ReadHash(reader);
  PERIGEE_RETURN_IF_ERROR(
      CheckReserved(block, kFooterReservedOffset, kFooterReservedEnd, "segment footer"));
  PERIGEE_RETURN_IF_ERROR(
      CheckReserved(block, reader.position(), kBlockCrcOffset, "segment footer"));
  const uint64_t directory_bytes = uint64_t{footer.section_count} * kSectionEntryBytes;
  if (footer.row_count > kSegmentRowsMax || footer.section_count > kSegmentSectionsMax ||
      footer.file_bytes > kFileBytesMax || footer.file_bytes % kSegmentBlockBytes != 0 ||
      footer.file_bytes < 2 * kSegmentBlockBytes ||
      footer.tables_offset % kSegmentBlockBytes != 0 || footer.tables_offset < kSegmentBlockBytes ||
      footer.tables_offset > footer.directory_offset || footer.directory_offset % 8 != 0 ||
      footer.directory_offset > footer.file_bytes ||
      AlignUp(footer.directory_offset + directory_bytes, kSegmentBlockBytes) !=
          footer.file_bytes - kSegmentBlockBytes) {
    return Damaged(absl::StrCat("segment footer contradicts itself: ", footer.row_count, " rows, ",
                                footer.section_count, " sections, tables at ", footer.tables_offset,
                                ", directory at ", footer.directory_offset, ", file of ",
                                footer.file_bytes, " bytes"));
  }
  return footer;
}

std::string EncodeSectionDirectory(std::span<const SectionEntry> sections) {
  ByteWriter writer;
  writer.Reserve(sections.size() * kSectionEntryBytes);
  for (const SectionEntry& section : sections) {
    writer.U16(static_cast<uint16_t>(section.kind));
    writer.U16(section.ordinal);
    writer.U32(section.flags);
    writer.U64(section.offset);
    writer.U64(section.length);
    writer.U64(section.element_count);
    writer.U32(section.element_bytes);
    writer.U32(section.checksum_page_bytes);
    writer.U64(0);
    writer.Bytes(section.table_hash);
  }
  return writer.Take();
}

absl::StatusOr<std::vector<SectionEntry>> DecodeSectionDirectory(std::span<const std::byte> bytes) {
  const size_t count = bytes.size() / kSectionEntryBytes;
  if (bytes.size() % kSectionEntryBytes != 0 || count > kSegmentSectionsMax) {
    return Damaged(absl::StrCat("segment directory of ", bytes.size(), " bytes"));
  }
  std::vector<SectionEntry> sections(count);
  ByteReader reader(bytes);
  for (SectionEntry& section : sections) {
    section.kind = static_cast<SectionKind>(reader.U16());
    section.ordinal = reader.U16();
    section.flags = reader.U32();
    section.offset = reader.U64();
    section.length = reader.U64();
    section.element_count = reader.U64();
    section.element_bytes = reader.U32();
    section.checksum_page_bytes = reader.U32();
    reader.Skip(kEntryReservedEnd - kEntryReservedOffset);
    section.table_hash = ReadHash(reader);
  }
  PERIGEE_RETURN_IF_ERROR(reader.Finish());
  for (size_t i = 0; i < count; ++i) {
    PERIGEE_RETURN_IF_ERROR(CheckReserved(
        bytes.subspan(i * kSectionEntryBytes, kSectionEntryBytes), kEntryReservedOffset,
        kEntryReservedEnd, absl::StrCat("directory entry of section ", sections[i].name())));
  }
  return sections;
}

absl::Status ValidateSection(const SectionEntry& section, uint32_t section_alignment,
                             uint64_t row_count) {
  if ((section.flags & ~kSectionFlagsKnown) != 0 ||
      (!IsKnownSectionKind(section.kind) && !section.ignorable())) {
    return ErrorWithReason(ErrorReason::kUnknownFormat,
                           absl::StrCat("section ", section.name(), " with flags ", section.flags,
                                        " is not known to this version and may not be ignored"));
  }
  if (IsKnownSectionKind(section.kind) && (section.flags != SectionFlagsOf(section.kind) ||
                                           (section.ordinal != 0 && !IsPerVector(section.kind)))) {
    return Damaged(absl::StrCat("section ", section.name(), " with ordinal ", section.ordinal,
                                " and flags ", section.flags));
  }
  if (!IsPageSize(section.checksum_page_bytes) || section.offset % section_alignment != 0) {
    return Damaged(absl::StrCat("section ", section.name(), " at ", section.offset,
                                " with checksum pages of ", section.checksum_page_bytes,
                                " bytes, alignment ", section_alignment));
  }
  uint64_t product = 0;
  if (section.element_bytes != 0 &&
      (__builtin_mul_overflow(section.element_count, uint64_t{section.element_bytes}, &product) ||
       product != section.length)) {
    return Damaged(absl::StrCat("section ", section.name(), ": ", section.element_count,
                                " elements of ", section.element_bytes, " bytes are not ",
                                section.length, " bytes"));
  }
  return ValidateShape(section, row_count);
}

absl::Status ValidateSegmentLayout(const SegmentHeader& header, const SegmentFooter& footer,
                                   std::span<const SectionEntry> sections) {
  if (header.segment_uuid != footer.segment_uuid || sections.size() != footer.section_count ||
      footer.row_count > kSegmentRowsMax) {
    return Damaged(absl::StrCat("segment header of ", header.segment_uuid.ToString(),
                                " with footer of ", footer.segment_uuid.ToString(), ", ",
                                sections.size(), " sections of ", footer.section_count));
  }
  std::set<std::pair<SectionKind, uint16_t>> seen;
  uint64_t end = kSegmentBlockBytes;
  uint64_t pages = 0;
  for (const SectionEntry& section : sections) {
    PERIGEE_RETURN_IF_ERROR(ValidateSection(section, header.section_alignment, footer.row_count));
    // Each section stands exactly where the one before it allows: no overlap, no hidden gap.
    if (section.offset != AlignUp(end, header.section_alignment) ||
        section.offset > footer.tables_offset ||
        section.length > footer.tables_offset - section.offset) {
      return Damaged(absl::StrCat("section ", section.name(), " at ", section.offset, " of ",
                                  section.length, " bytes does not fit between ", end, " and ",
                                  footer.tables_offset));
    }
    if (!seen.emplace(section.kind, section.ordinal).second) {
      return Damaged(absl::StrCat("section ", section.name(), " occurs twice"));
    }
    end = section.offset + section.length;
    pages += section.page_count();
  }
  // pages <= file bytes / 4096 + sections, so nothing here overflows.
  if (footer.tables_offset != AlignUp(end, kSegmentBlockBytes) ||
      footer.directory_offset != AlignUp(footer.tables_offset + pages * sizeof(uint32_t), 8)) {
    return Damaged(absl::StrCat("checksum tables of ", pages, " pages do not fit between ",
                                footer.tables_offset, " and ", footer.directory_offset));
  }
  return absl::OkStatus();
}

ContentHash SegmentRootChecksum(std::span<const std::byte> header_block,
                                std::span<const std::byte> directory_region,
                                const SegmentFooter& footer) {
  ByteWriter writer;
  writer.Reserve(header_block.size() + directory_region.size());
  writer.Bytes(header_block);
  writer.Bytes(directory_region);
  PutFooterFields(footer, writer);
  return Sha256Half(writer.bytes());
}

}  // namespace perigee::storage
