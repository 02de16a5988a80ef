// SPDX-License-Identifier: Apache-2.0
//
// SampleSegment: a small segment with every kind of section on a simulated disk, for the tests of
// writer, reader and deletion file. Section contents are random bytes of the right shape.
//
// Invariants: the same seed gives the same segment, uuids included.
// Thread-safety: an object belongs to one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "storage/segment/segment_format.h"
#include "storage/segment/segment_reader.h"
#include "storage/segment/segment_writer.h"
#include "tests/support/simulated_file_system.h"

namespace perigee::storage {

/// A uuid with all bytes `value`.
Uuid UuidOf(uint8_t value);
/// `count` bytes of `random`.
std::string RandomBytes(std::mt19937_64& random, size_t count);

struct SampleOptions {
  uint64_t rows = 100;
  uint32_t section_alignment = kSectionAlignmentMin;
  uint32_t dimension = 24;
  uint32_t vector_page_bytes = kChecksumPageBytesRandom;
  uint64_t seed = 1;
  uint8_t segment_uuid_byte = 0x5E;
};

/// One section and its content.
struct SampleSection {
  SectionSpec spec;
  std::string bytes;
};

SegmentHeader SampleHeader(const SampleOptions& options);
/// ids, lsns, payload, vectors, norms, presence, id_order and hnsw, in this order.
std::vector<SampleSection> SampleSections(const SampleOptions& options);

class SampleSegment {
 public:
  explicit SampleSegment(const SampleOptions& options = {});

  SimulatedFileSystem& disk() { return disk_; }
  const std::string& path() const { return path_; }
  const SegmentHeader& header() const { return header_; }
  const SegmentSummary& summary() const { return summary_; }
  const std::vector<SampleSection>& sections() const { return sections_; }
  SegmentExpectation expectation() const;
  absl::StatusOr<std::unique_ptr<SegmentReader>> Open();
  /// Opens and reads everything there is; the first error.
  absl::Status ReadEverything();

 private:
  std::string path_ = "segment";
  SimulatedFileSystem disk_;
  SegmentHeader header_;
  std::vector<SampleSection> sections_;
  SegmentSummary summary_;
};

/// Writes the sections to `path`; the status of the first call that failed.
absl::StatusOr<SegmentSummary> WriteSegment(FileSystem& file_system, const std::string& path,
                                            const SegmentHeader& header,
                                            const std::vector<SampleSection>& sections,
                                            uint64_t rows);

}  // namespace perigee::storage
