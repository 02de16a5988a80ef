// SPDX-License-Identifier: Apache-2.0
//
// SegmentWriter writes one segment file front to back (docs/formats/segment_format.md): header,
// sections in the order they are begun, checksum tables, directory, footer, and syncs it. The file
// lives in tmp/; the caller verifies it with VerifySegmentFile and publishes it through
// DurableDirectory and a manifest edit.
//
// Invariants:
//  1. Nothing is written twice; equal input gives equal bytes.
//  2. After any error every later call fails with that error, and the file is to be abandoned: it
//     was never renamed, the rows are still elsewhere.
//  3. A file that Finish reported is complete, self-consistent and durable (its name is not).
//
// Thread-safety: one thread at a time.
#pragma once

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

struct SectionSpec {
  SectionKind kind = SectionKind::kIds;
  uint16_t ordinal = 0;
  uint64_t element_count = 0;
  uint32_t element_bytes = 0;  ///< 0: elements differ in size
  uint32_t checksum_page_bytes = kChecksumPageBytesSequential;
  uint32_t flags = 0;  ///< added to SectionFlagsOf(kind)
};

class SegmentWriter {
 public:
  /// Creates `path`, which must not exist. Fails on a bad header before the file is created.
  static absl::StatusOr<std::unique_ptr<SegmentWriter>> Create(FileSystem& file_system,
                                                               const std::string& path,
                                                               const SegmentHeader& header);
  ~SegmentWriter();
  SegmentWriter(const SegmentWriter&) = delete;
  SegmentWriter& operator=(const SegmentWriter&) = delete;

  /// Starts the next section. Requires: none is open. Each (kind, ordinal) once.
  absl::Status BeginSection(const SectionSpec& spec);
  /// Appends bytes to the open section.
  absl::Status Append(std::span<const std::byte> bytes);
  /// Ends the open section; kInvalidArgument when its length contradicts its spec.
  absl::Status EndSection();
  /// The three calls above in one.
  absl::Status WriteSection(const SectionSpec& spec, std::span<const std::byte> bytes);

  /// Checks every section against `row_count`, writes tables, directory and footer, and syncs.
  absl::StatusOr<SegmentSummary> Finish(uint64_t row_count);

  /// Bytes given to the file so far, for progress and space accounting.
  uint64_t written_bytes() const { return position_; }

 private:
  SegmentWriter(std::unique_ptr<File> file, const SegmentHeader& header, AlignedBuffer buffer);

  absl::Status Fail(absl::Status status);
  absl::Status Put(std::span<const std::byte> bytes);
  absl::Status PutZeros(uint64_t count);
  absl::Status Flush();
  void ChecksumPages(std::span<const std::byte> bytes);
  void EndPage();

  std::unique_ptr<File> file_;
  SegmentHeader header_;
  std::string header_block_;
  AlignedBuffer buffer_;
  size_t buffered_ = 0;
  uint64_t position_ = 0;  // of the next byte in the file
  absl::Status failure_;
  bool finished_ = false;

  std::optional<SectionEntry> open_section_;
  uint64_t page_filled_ = 0;  // bytes in the open page
  uint32_t page_crc_ = 0;
  std::string open_table_;
  std::string tables_;
  std::vector<SectionEntry> sections_;
};

}  // namespace perigee::storage
