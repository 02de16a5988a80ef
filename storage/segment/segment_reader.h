// SPDX-License-Identifier: Apache-2.0
//
// SegmentReader opens a segment file with at most two reads of its tail and one of its header
// (N4), validates everything it read against the manifest's expectation, and reads sections or
// ranges of them; every page is verified when it enters memory.
//
// Invariants:
//  1. No byte of a section is returned whose page checksum did not hold. A page that fails is read
//     once more (a glitch of bus or cache); then kDataLoss names file, section and page (F1).
//  2. A damaged checksum table of a derived section does not hinder opening; reading that section
//     fails. Any other damage of header, tables, directory or footer refuses to open (D16).
//  3. Nothing is allocated before its size was checked against the size of the file (F3).
//
// Thread-safety: a reader is immutable after Open; all methods may be called from every thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/io/aligned_buffer.h"
#include "storage/io/file_system.h"
#include "storage/segment/segment_format.h"

namespace perigee::storage {

/// What the manifest says of the file. Absent fields are not compared (tools only).
struct SegmentExpectation {
  std::optional<Uuid> segment_uuid = {};
  std::optional<Uuid> database_uuid = {};
  std::optional<uint64_t> file_bytes = {};
  std::optional<ContentHash> root_checksum = {};
};

struct SegmentReadOptions {
  /// Bytes of the first read from the end. The default holds the directory of every segment, and
  /// the checksum tables of all but the largest. Requires: a multiple of 4 KiB.
  size_t tail_bytes = kSegmentTailBytes;
};

class SegmentReader {
 public:
  /// kNotFound: no such file. kDataLoss (kDamaged): damage, or another file than expected.
  /// kUnknownFormat: a feature this version lacks, by name.
  static absl::StatusOr<std::unique_ptr<SegmentReader>> Open(
      FileSystem& file_system, const std::string& path, const SegmentExpectation& expected,
      const SegmentReadOptions& options = {});

  const SegmentHeader& header() const { return header_; }
  uint64_t row_count() const { return footer_.row_count; }
  SegmentSummary summary() const;
  const std::string& path() const { return path_; }
  /// The file has ro_compat features that this version does not know: search it, do not rewrite it.
  bool read_only() const { return read_only_; }

  /// The known sections in file order; unknown ones that may be ignored are left out.
  std::span<const SectionEntry> sections() const { return sections_; }
  /// nullptr when the file has no such section. Lives as long as the reader.
  const SectionEntry* Find(SectionKind kind, uint16_t ordinal = 0) const;

  /// The whole section, verified; page-aligned, exactly `section.length` bytes.
  /// Requires: `section` is one of sections(). kCancelled when `*stop` turned true; may be null.
  absl::StatusOr<AlignedBuffer> ReadSection(const SectionEntry& section,
                                            const std::atomic<bool>* stop = nullptr) const;
  /// Fills `out` from byte `offset` of the section; only the pages it touches are read.
  absl::Status ReadRange(const SectionEntry& section, uint64_t offset,
                         std::span<std::byte> out) const;

  /// Verifies the next part of the file: padding and pages from `offset` on, one buffer of pages at
  /// most. Returns the offset behind them, where the next call goes on; the size of the file when
  /// that was all. Begin with 0; every other offset is taken for a place to begin, too.
  /// Requires: `buffer` is aligned to 4 KiB, and holds whole pages or every section.
  absl::StatusOr<uint64_t> VerifyFrom(uint64_t offset, std::span<std::byte> buffer) const;
  /// Reads and verifies every page of every section, ignored ones too, and that all padding is
  /// zero: after this, every bit of the file is known to be as written.
  absl::Status VerifyAllPages() const;

 private:
  struct Table {
    std::vector<uint32_t> page_crcs;
    absl::Status status;  // not ok: the table itself is damaged
  };

  SegmentReader() = default;

  absl::Status Load(const SegmentExpectation& expected, const SegmentReadOptions& options);
  absl::Status LoadTables(std::span<const std::byte> tables);
  absl::Status ReadBlocks(uint64_t offset, std::span<std::byte> out) const;
  absl::Status ReadPages(size_t index, uint64_t first_page, std::span<std::byte> out) const;
  absl::Status VerifyPages(size_t index, uint64_t first_page, std::span<std::byte> bytes) const;
  absl::Status VerifyZeros(uint64_t begin, uint64_t end) const;
  void DropCacheUnlessDirect() const;
  absl::Status Damaged(std::string_view what) const;
  size_t IndexOf(const SectionEntry& section) const;

  std::string path_;
  FileSystem* file_system_ = nullptr;
  std::unique_ptr<File> file_;
  SegmentHeader header_;
  SegmentFooter footer_;
  bool read_only_ = false;
  std::vector<SectionEntry> all_sections_;  // as in the directory
  std::vector<Table> tables_;               // parallel to all_sections_
  std::vector<SectionEntry> sections_;      // the known ones
};

/// Reads the file back, as far as possible from the device, and compares it with what the writer
/// reported; to be called between Finish and publishing (D10).
absl::Status VerifySegmentFile(FileSystem& file_system, const std::string& path,
                               const SegmentHeader& header, const SegmentSummary& summary);

}  // namespace perigee::storage
