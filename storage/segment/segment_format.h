// SPDX-License-Identifier: Apache-2.0
//
// The bytes of a segment file (docs/formats/segment_format.md): constants, the header block, the
// section directory and the footer, with their encoders and validating decoders.
//
//   header 4 KiB | sections, each aligned | checksum tables | directory | footer 4 KiB
//
// Invariants:
//  1. A decoder accepts a block only if its checksum holds and every cross-field rule does (F3);
//     nothing is allocated from a length that was not bounded first.
//  2. Sections lie in directory order, do not overlap, and end before the checksum tables.
//  3. The root checksum covers header, directory and footer; the directory holds the hash of every
//     section's checksum table; a table holds one CRC per page. So the root covers every byte
//     that is not padding.
//
// Thread-safety: constants, plain values and functions without state.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/encoding/uuid.h"
#include "storage/layout/feature_masks.h"
#include "storage/layout/identity.h"

namespace perigee::storage {

/// First half of a SHA-256: names content (root checksums, hashes of manifest edits).
using ContentHash = std::array<std::byte, 16>;

inline constexpr uint64_t kSegmentMagic = 0x3147'4553'4752'4550;  // "PERGSEG1"
inline constexpr uint32_t kSegmentFormatVersion = 1;
inline constexpr size_t kSegmentBlockBytes = 4096;  // header and footer: one sector of any disk
/// One read of this size from the end brings footer and directory of every segment (N4).
inline constexpr size_t kSegmentTailBytes = size_t{256} * 1024;
inline constexpr size_t kSectionEntryBytes = 64;
inline constexpr uint32_t kSegmentSectionsMax = 1024;
static_assert(kSegmentSectionsMax * kSectionEntryBytes + 2 * kSegmentBlockBytes <=
              kSegmentTailBytes);

/// Defaults; the alignment is a creation option of the database, recorded in IDENTITY.
inline constexpr uint32_t kSectionAlignmentDefault = 64 * 1024;
inline constexpr uint32_t kSectionAlignmentMin = 4096;
inline constexpr uint32_t kSectionAlignmentMax = 1024 * 1024;
/// Unit of verification: small where rows are read one by one, large where sections are read whole.
inline constexpr uint32_t kChecksumPageBytesRandom = 4096;
inline constexpr uint32_t kChecksumPageBytesSequential = 64 * 1024;
inline constexpr uint32_t kChecksumPageBytesMax = 1024 * 1024;
/// Rows are numbered with 32 bits, and "row + 1" must fit as well.
inline constexpr uint64_t kSegmentRowsMax = 0xFFFF'FFFE;

/// What a section holds. `rows` is the segment's row count; every number is little-endian.
enum class SectionKind : uint16_t {
  kIds = 1,       ///< encoded ids: rows + 1 offsets (u64, from the end of the offsets), then bytes
  kLsns = 2,      ///< u64 per row; absent when the manifest entry stamps one LSN on all rows
  kPayload = 3,   ///< encoded payloads, laid out like kIds
  kVectors = 4,   ///< [vector ordinal] row-major f32 or f16; a row without the vector is zero
  kNorms = 5,     ///< [vector ordinal] f64 per row
  kPresence = 6,  ///< [vector ordinal] bitmap of rows that have the vector: u64 words, bit row % 64
  kIdOrder = 16,  ///< derived: u32 row numbers in ascending order of encoded id
  kHnsw = 17,     ///< derived [vector ordinal]: graph, docs/formats/hnsw_section.md
};

/// Whether this version knows what such a section holds.
bool IsKnownSectionKind(SectionKind kind);

/// "vectors[2]" for messages; unknown kinds print as "kind 99[0]".
std::string SectionName(SectionKind kind, uint16_t ordinal);

/// Bits of SectionEntry::flags.
inline constexpr uint32_t kSectionDerived = 1;    ///< can be rebuilt from the other sections (D16)
inline constexpr uint32_t kSectionIgnorable = 2;  ///< a reader that does not know the kind skips it
/// The flags every section of this kind carries.
uint32_t SectionFlagsOf(SectionKind kind);

struct SegmentHeader {
  uint32_t format_version = kSegmentFormatVersion;
  uint32_t section_alignment = kSectionAlignmentDefault;
  FeatureMasks features = {};
  Uuid database_uuid = {};
  Uuid segment_uuid = {};
  Uuid collection_uuid = {};
  Uuid tenant_uuid = {};
  uint64_t min_lsn = 0;  ///< of the rows; both 0 when the manifest entry stamps the LSN
  uint64_t max_lsn = 0;
  uint16_t bucket_begin = 0;  ///< ids are of the buckets [begin, end) (N15)
  uint16_t bucket_end = kBucketCount;
  uint32_t cipher = 0;      ///< reserved: 0 = none
  Uuid key_id = {};         ///< reserved: nil = none
  Uuid codebook_uuid = {};  ///< reserved: nil = none

  friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

/// One section as the directory describes it.
struct SectionEntry {
  SectionKind kind = SectionKind::kIds;
  uint16_t ordinal = 0;
  uint32_t flags = 0;
  uint64_t offset = 0;  ///< in the file, a multiple of the section alignment
  uint64_t length = 0;  ///< bytes
  uint64_t element_count = 0;
  uint32_t element_bytes = 0;  ///< 0: elements differ in size
  uint32_t checksum_page_bytes = kChecksumPageBytesSequential;
  ContentHash table_hash{};  ///< of the section's checksum table

  bool derived() const { return (flags & kSectionDerived) != 0; }
  bool ignorable() const { return (flags & kSectionIgnorable) != 0; }
  /// Pages of checksum_page_bytes, the last one possibly short.
  uint64_t page_count() const;
  std::string name() const { return SectionName(kind, ordinal); }

  friend bool operator==(const SectionEntry&, const SectionEntry&) = default;
};

struct SegmentFooter {
  uint64_t row_count = 0;
  uint64_t file_bytes = 0;
  uint64_t tables_offset = 0;     ///< first checksum table; they follow in directory order
  uint64_t directory_offset = 0;  ///< also the end of the tables
  uint32_t section_count = 0;
  Uuid segment_uuid = {};
  ContentHash root_checksum{};

  friend bool operator==(const SegmentFooter&, const SegmentFooter&) = default;
};

/// What a finished file is known by; goes into the manifest entry (F1).
struct SegmentSummary {
  uint64_t file_bytes = 0;
  uint64_t row_count = 0;
  ContentHash root_checksum{};

  friend bool operator==(const SegmentSummary&, const SegmentSummary&) = default;
};

/// Exactly kSegmentBlockBytes.
std::string EncodeSegmentHeader(const SegmentHeader& header);
std::string EncodeSegmentFooter(const SegmentFooter& footer);
/// section_count * kSectionEntryBytes.
std::string EncodeSectionDirectory(std::span<const SectionEntry> sections);

/// kDataLoss when the block is damaged, kUnknownFormat when it needs a newer version.
absl::StatusOr<SegmentHeader> DecodeSegmentHeader(std::span<const std::byte> block);
absl::StatusOr<SegmentFooter> DecodeSegmentFooter(std::span<const std::byte> block);
/// Decodes without cross-checks; ValidateSegmentLayout judges the whole.
absl::StatusOr<std::vector<SectionEntry>> DecodeSectionDirectory(std::span<const std::byte> bytes);

/// The one place that judges the fields of header, directory and footer against each other (F3).
absl::Status ValidateSegmentLayout(const SegmentHeader& header, const SegmentFooter& footer,
                                   std::span<const SectionEntry> sections);
/// The part of it that concerns one section: sizes, counts, alignment, products without overflow.
absl::Status ValidateSection(const SectionEntry& section, uint32_t section_alignment,
                             uint64_t row_count);

/// Hash over the header block, the directory region (directory and zeros up to the footer) and the
/// footer's fields but the root checksum itself.
ContentHash SegmentRootChecksum(std::span<const std::byte> header_block,
                                std::span<const std::byte> directory_region,
                                const SegmentFooter& footer);

}  // namespace perigee::storage
