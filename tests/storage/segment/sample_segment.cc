// SPDX-License-Identifier: Apache-2.0
#include "tests/storage/segment/sample_segment.h"

#include <algorithm>
#include <utility>

#include "storage/encoding/byte_codec.h"
#include "storage/foundation/check.h"
#include "storage/foundation/status_macros.h"
#include "storage/segment/row_blobs.h"

namespace perigee::storage {
namespace {

std::string RandomBlobs(std::mt19937_64& random, uint64_t rows, size_t bytes_max) {
  RowBlobsBuilder blobs;
  for (uint64_t row = 0; row < rows; ++row) {
    blobs.Add(RandomBytes(random, random() % (bytes_max + 1)));
  }
  return blobs.EncodedOffsets() + std::string(blobs.bytes());
}

}  // namespace

Uuid UuidOf(uint8_t value) {
  std::array<std::byte, Uuid::kBytes> bytes;
  bytes.fill(std::byte{value});
  return Uuid(bytes);
}

std::string RandomBytes(std::mt19937_64& random, size_t count) {
  std::string bytes(count, '\0');
  for (char& c : bytes) {
    c = static_cast<char>(random());
  }
  return bytes;
}

SegmentHeader SampleHeader(const SampleOptions& options) {
  SegmentHeader header;
  header.section_alignment = options.section_alignment;
  header.database_uuid = UuidOf(0xDB);
  header.segment_uuid = UuidOf(options.segment_uuid_byte);
  header.collection_uuid = UuidOf(0xC0);
  header.tenant_uuid = UuidOf(0x7E);
  header.min_lsn = 10;
  header.max_lsn = 10 + options.rows;
  return header;
}

std::vector<SampleSection> SampleSections(const SampleOptions& options) {
  std::mt19937_64 random(options.seed);
  const uint64_t rows = options.rows;
  const auto fixed = [&](SectionKind kind, uint32_t element_bytes) {
    return SampleSection{{.kind = kind, .element_count = rows, .element_bytes = element_bytes},
                         RandomBytes(random, rows * element_bytes)};
  };
  std::vector<SampleSection> sections;
  sections.push_back(
      {{.kind = SectionKind::kIds, .element_count = rows}, RandomBlobs(random, rows, 20)});
  sections.push_back(fixed(SectionKind::kLsns, 8));
  sections.push_back(
      {{.kind = SectionKind::kPayload, .element_count = rows}, RandomBlobs(random, rows, 60)});
  sections.push_back(fixed(SectionKind::kVectors, options.dimension * 4));
  sections.back().spec.checksum_page_bytes = options.vector_page_bytes;
  sections.push_back(fixed(SectionKind::kNorms, 8));
  sections.push_back({{.kind = SectionKind::kPresence, .element_count = rows},
                      RandomBytes(random, (rows + 63) / 64 * 8)});
  sections.push_back(fixed(SectionKind::kIdOrder, 4));
  const uint64_t graph_bytes = 100 + rows * 9;
  sections.push_back(
      {{.kind = SectionKind::kHnsw, .element_count = graph_bytes, .element_bytes = 1},
       RandomBytes(random, graph_bytes)});
  return sections;
}

SampleSegment::SampleSegment(const SampleOptions& options)
    : header_(SampleHeader(options)), sections_(SampleSections(options)) {
  const auto written = WriteSegment(disk_, path_, header_, sections_, options.rows);
  PERIGEE_CHECK(written.ok(), written.status().ToString());
  summary_ = *written;
}

SegmentExpectation SampleSegment::expectation() const {
  return {.segment_uuid = header_.segment_uuid,
          .database_uuid = header_.database_uuid,
          .file_bytes = summary_.file_bytes,
          .root_checksum = summary_.root_checksum};
}

absl::StatusOr<std::unique_ptr<SegmentReader>> SampleSegment::Open() {
  return SegmentReader::Open(disk_, path_, expectation());
}

absl::Status SampleSegment::ReadEverything() {
  PERIGEE_ASSIGN_OR_RETURN(const std::unique_ptr<SegmentReader> reader, Open());
  for (const SectionEntry& section : reader->sections()) {
    PERIGEE_RETURN_IF_ERROR(reader->ReadSection(section).status());
  }
  return absl::OkStatus();
}

absl::StatusOr<SegmentSummary> WriteSegment(FileSystem& file_system, const std::string& path,
                                            const SegmentHeader& header,
                                            const std::vector<SampleSection>& sections,
                                            uint64_t rows) {
  PERIGEE_ASSIGN_OR_RETURN(const std::unique_ptr<SegmentWriter> writer,
                           SegmentWriter::Create(file_system, path, header));
  for (const SampleSection& section : sections) {
    PERIGEE_RETURN_IF_ERROR(writer->BeginSection(section.spec));
    // In pieces that are no multiple of anything, as a builder appends.
    std::span<const std::byte> rest = AsBytes(section.bytes);
    while (!rest.empty()) {
      const size_t count = std::min<size_t>(rest.size(), 777);
      PERIGEE_RETURN_IF_ERROR(writer->Append(rest.first(count)));
      rest = rest.subspan(count);
    }
    PERIGEE_RETURN_IF_ERROR(writer->EndSection());
  }
  return writer->Finish(rows);
}

}  // namespace perigee::storage
