// SPDX-License-Identifier: Apache-2.0
//
// SegmentFile: the frame of a segment after docs/formats/segment_format.md: header, footer,
// directory, checksum tables, and the places where sections must stand. What the sections hold is
// segment_verifier.h's.
//
// Invariants: an opened segment has a valid frame, so every section lies inside the file and its
// table has one entry a page. Pages are checked when they are read.
// Thread-safety: one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/inspect/checksum.h"
#include "tools/inspect/disk_file.h"
#include "tools/inspect/finding.h"
#include "tools/inspect/uuid.h"

namespace perigee::tools::inspect {

enum class SectionKind : uint16_t {
  kIds = 1,
  kLsns = 2,
  kPayload = 3,
  kVectors = 4,
  kNorms = 5,
  kPresence = 6,
  kIdOrder = 16,
  kHnsw = 17,
};

struct SegmentHeader {
  uint32_t section_alignment = 0;
  uint64_t ro_compat = 0;
  uint64_t incompat = 0;
  Uuid database = {};
  Uuid segment = {};
  Uuid collection = {};
  Uuid tenant = {};
  uint64_t min_lsn = 0;
  uint64_t max_lsn = 0;
  uint16_t bucket_first = 0;
  uint16_t bucket_end = 0;
};

inline constexpr uint32_t kSectionDerived = 1;
inline constexpr uint32_t kSectionIgnorable = 2;

struct SegmentSection {
  SectionKind kind = SectionKind::kIds;
  uint16_t ordinal = 0;
  uint32_t flags = 0;
  uint64_t offset = 0;
  uint64_t length = 0;
  uint64_t count = 0;
  uint32_t element_bytes = 0;
  uint32_t page_bytes = 0;
  Hash table_hash = {};
  uint64_t table_offset = 0;
  std::string table = {};  ///< four bytes a page
  bool table_ok = false;   ///< whether the table has its hash

  bool derived() const { return (flags & kSectionDerived) != 0; }
  uint64_t pages() const;
  /// "vectors[0]", "ids", "kind 40[2]"
  std::string name() const;
};

/// Called with the bytes of a section, front to back, and where in the section they begin.
using SectionSink = std::function<void(uint64_t offset, std::string_view bytes)>;

class SegmentFile {
 public:
  /// Nothing, with findings, when the frame is not valid.
  static std::optional<SegmentFile> Open(const std::string& path, FileFindings& findings);

  const SegmentHeader& header() const { return header_; }
  const std::vector<SegmentSection>& sections() const { return sections_; }
  const SegmentSection* Find(SectionKind kind, uint16_t ordinal = 0) const;
  uint64_t rows() const { return rows_; }
  uint64_t size() const { return file_.size(); }
  const Hash& root() const { return root_; }

  /// Reads all pages of a section, checks each, and hands them to `sink` (which may be empty) as
  /// long as they are good. Returns whether all of them were.
  bool ReadPages(const SegmentSection& section, const SectionSink& sink,
                 FileFindings& findings) const;
  /// The bytes of a section, all pages of which are good; nothing with findings otherwise.
  std::optional<std::string> ReadSection(const SegmentSection& section,
                                         FileFindings& findings) const;
  /// Everything between the parts must be zero.
  void CheckGaps(FileFindings& findings) const;

  /// Sections above this are not taken into memory, so that a hostile file cannot ask for it.
  static constexpr uint64_t kLoadedBytesMax = uint64_t{4} << 30U;

 private:
  explicit SegmentFile(DiskFile file) : file_(std::move(file)) {}
  bool DecodeFrame(FileFindings& findings);
  bool DecodeHeader(std::string_view block, FileFindings& findings);
  bool DecodeFooter(std::string_view block, FileFindings& findings);
  bool DecodeDirectory(std::string_view directory, FileFindings& findings);
  bool CheckPlaces(FileFindings& findings) const;
  bool ReadTables(FileFindings& findings);

  DiskFile file_;
  SegmentHeader header_;
  std::vector<SegmentSection> sections_;
  uint64_t rows_ = 0;
  Hash root_ = {};
  uint64_t tables_offset_ = 0;
  uint64_t directory_offset_ = 0;
  uint32_t section_count_ = 0;
  Uuid footer_segment_;
};

/// A finding for a failed read: unreadable when the disk failed, damage when the file ended.
Finding ReadFinding(const absl::Status& status, std::string section);

}  // namespace perigee::tools::inspect
