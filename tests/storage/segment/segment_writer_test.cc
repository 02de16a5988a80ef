// SPDX-License-Identifier: Apache-2.0
//
// Goal: what is written is what is read, in every shape; a contradiction is refused and a failed
// call is final. Method: a grid of shapes read back; each call of a whole run made to fail.
#include "storage/segment/segment_writer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include "storage/encoding/byte_codec.h"
#include "storage/io/posix_file_system.h"
#include "storage/segment/segment_reader.h"
#include "tests/storage/segment/sample_segment.h"
#include "tests/support/temporary_directory.h"

namespace perigee::storage {
namespace {

SectionSpec LsnSpec(uint64_t rows) {
  return {.kind = SectionKind::kLsns, .element_count = rows, .element_bytes = 8};
}

TEST_CASE("segments of many shapes read back as written") {
  for (const uint64_t rows : {0U, 1U, 63U, 64U, 65U, 511U, 512U, 513U, 5000U}) {
    for (const uint32_t alignment : {kSectionAlignmentMin, kSectionAlignmentDefault}) {
      for (const uint32_t page_bytes : {4096U, 65536U, 1048576U}) {
        INFO(rows, " rows, alignment ", alignment, ", pages of ", page_bytes);
        SampleSegment segment({.rows = rows,
                               .section_alignment = alignment,
                               .vector_page_bytes = page_bytes,
                               .seed = rows + page_bytes});
        const auto reader = segment.Open();
        REQUIRE(reader.ok());
        CHECK((*reader)->header() == segment.header());
        CHECK((*reader)->summary() == segment.summary());
        CHECK((*reader)->row_count() == rows);
        CHECK_FALSE((*reader)->read_only());
        REQUIRE((*reader)->sections().size() == segment.sections().size());
        for (const SampleSection& expected : segment.sections()) {
          const SectionEntry* entry = (*reader)->Find(expected.spec.kind, expected.spec.ordinal);
          REQUIRE(entry != nullptr);
          CHECK(entry->offset % alignment == 0);
          const auto bytes = (*reader)->ReadSection(*entry);
          REQUIRE(bytes.ok());
          CHECK(AsText(bytes->bytes()) == expected.bytes);
          CHECK(reinterpret_cast<uintptr_t>(bytes->data()) % 4096 == 0);
        }
        CHECK((*reader)->Find(SectionKind::kVectors, 1) == nullptr);
        CHECK(VerifySegmentFile(segment.disk(), segment.path(), segment.header(),
                                segment.summary()) == absl::OkStatus());
      }
    }
  }
}

TEST_CASE("a section larger than the write buffer and several vectors of one kind") {
  SimulatedFileSystem disk;
  std::mt19937_64 random(3);
  const uint64_t rows = 1000;
  std::vector<SampleSection> sections;
  for (uint16_t ordinal = 0; ordinal < 3; ++ordinal) {
    const uint32_t bytes = 1024U * (ordinal + 1);
    sections.push_back({{.kind = SectionKind::kVectors,
                         .ordinal = ordinal,
                         .element_count = rows,
                         .element_bytes = bytes,
                         .checksum_page_bytes = kChecksumPageBytesRandom},
                        RandomBytes(random, rows * bytes)});
  }
  const SegmentHeader header = SampleHeader({.rows = rows});
  const auto summary = WriteSegment(disk, "segment", header, sections, rows);
  REQUIRE(summary.ok());
  const auto reader = SegmentReader::Open(disk, "segment", {});
  REQUIRE(reader.ok());
  for (uint16_t ordinal = 0; ordinal < 3; ++ordinal) {
    const SectionEntry* entry = (*reader)->Find(SectionKind::kVectors, ordinal);
    REQUIRE(entry != nullptr);
    const auto bytes = (*reader)->ReadSection(*entry);
    REQUIRE(bytes.ok());
    CHECK(AsText(bytes->bytes()) == sections[ordinal].bytes);
  }
  CHECK((*reader)->VerifyAllPages() == absl::OkStatus());
}

TEST_CASE("equal input gives equal bytes, other input another root") {
  SampleSegment first({.seed = 5});
  SampleSegment second({.seed = 5});
  SampleSegment third({.seed = 6});
  CHECK(first.disk().Contents("segment").value() == second.disk().Contents("segment").value());
  CHECK(first.summary() == second.summary());
  CHECK(first.summary().root_checksum != third.summary().root_checksum);
  CHECK(first.disk().Contents("segment")->size() == first.summary().file_bytes);
}

TEST_CASE("a finished segment survives a power cut once its name is durable") {
  SampleSegment segment;
  REQUIRE(segment.disk().SyncDirectory("").ok());
  for (const CrashPolicy policy :
       {CrashPolicy::kNothingUnsynced, CrashPolicy::kEverything, CrashPolicy::kFilePrefix,
        CrashPolicy::kRandomSectors, CrashPolicy::kNamesOnly, CrashPolicy::kDataOnly}) {
    const auto rebooted = segment.disk().Crash(policy, 1);
    CHECK(VerifySegmentFile(*rebooted, segment.path(), segment.header(), segment.summary()) ==
          absl::OkStatus());
  }
}

TEST_CASE("an existing file is not overwritten") {
  SimulatedFileSystem disk;
  disk.SetContents("segment", "something");
  CHECK(absl::IsAlreadyExists(SegmentWriter::Create(disk, "segment", SampleHeader({})).status()));
  CHECK(disk.Contents("segment").value() == "something");
}

TEST_CASE("a bad header is refused before a file exists") {
  SimulatedFileSystem disk;
  SegmentHeader header = SampleHeader({});
  header.section_alignment = 5000;
  CHECK(absl::IsInvalidArgument(SegmentWriter::Create(disk, "segment", header).status()));
  header = SampleHeader({});
  header.min_lsn = header.max_lsn + 1;
  CHECK(absl::IsInvalidArgument(SegmentWriter::Create(disk, "segment", header).status()));
  CHECK(disk.Files().empty());
}

TEST_CASE("sections that contradict their spec, each other or the row count are refused") {
  const auto begin = [](SimulatedFileSystem& disk) {
    return SegmentWriter::Create(disk, "segment", SampleHeader({})).value();
  };
  const std::string eight(8, 'x');
  SUBCASE("length") {
    SimulatedFileSystem disk;
    const auto writer = begin(disk);
    CHECK(absl::IsInvalidArgument(writer->WriteSection(LsnSpec(2), AsBytes(eight))));
    // The failure is final.
    CHECK(absl::IsInvalidArgument(writer->WriteSection(LsnSpec(1), AsBytes(eight))));
    CHECK(absl::IsInvalidArgument(writer->Finish(1).status()));
  }
  SUBCASE("rows") {
    SimulatedFileSystem disk;
    const auto writer = begin(disk);
    REQUIRE(writer->WriteSection(LsnSpec(1), AsBytes(eight)).ok());
    CHECK(absl::IsInvalidArgument(writer->Finish(2).status()));
  }
  SUBCASE("twice") {
    SimulatedFileSystem disk;
    const auto writer = begin(disk);
    REQUIRE(writer->WriteSection(LsnSpec(1), AsBytes(eight)).ok());
    REQUIRE(writer->WriteSection(LsnSpec(1), AsBytes(eight)).ok());
    CHECK(absl::IsInvalidArgument(writer->Finish(1).status()));
  }
  SUBCASE("checksum pages") {
    for (const uint32_t bytes : {0U, 100U, 5000U, 1U << 21U}) {
      SimulatedFileSystem disk;
      const auto writer = begin(disk);
      SectionSpec spec = LsnSpec(1);
      spec.checksum_page_bytes = bytes;
      CHECK(absl::IsInvalidArgument(writer->WriteSection(spec, AsBytes(eight))));
    }
  }
  SUBCASE("a kind that nobody could read") {
    SimulatedFileSystem disk;
    const auto writer = begin(disk);
    SectionSpec spec = {.kind = static_cast<SectionKind>(500), .element_count = 1};
    CHECK(absl::IsInvalidArgument(writer->WriteSection(spec, AsBytes(eight))));
  }
}

TEST_CASE("each failing call fails the segment for good, and never yields a summary") {
  const SampleOptions options = {.rows = 3000, .dimension = 256};  // more than one buffer
  const std::vector<SampleSection> sections = SampleSections(options);
  SimulatedFileSystem whole;
  REQUIRE(WriteSegment(whole, "segment", SampleHeader(options), sections, options.rows).ok());
  REQUIRE(whole.calls() > 4);
  for (uint64_t call = 1; call <= whole.calls(); ++call) {
    INFO("call ", call);
    SimulatedFileSystem disk;
    disk.AddErrorPlan({.call_number = call});
    CHECK_FALSE(WriteSegment(disk, "segment", SampleHeader(options), sections, options.rows).ok());
    CHECK(disk.planned_failures() == 1);
    CHECK(disk.syncs_after_failed_sync() == 0);
  }
}

TEST_CASE("a disk with larger blocks than ours is written and read buffered") {
  SimulatedFileSystem disk;
  disk.SetDirectAlignment(16384);
  const SampleOptions options;
  const auto summary =
      WriteSegment(disk, "segment", SampleHeader(options), SampleSections(options), options.rows);
  REQUIRE(summary.ok());
  CHECK(VerifySegmentFile(disk, "segment", SampleHeader(options), *summary) == absl::OkStatus());
}

TEST_CASE("segments on a real disk, with direct I/O where it has that") {
  const TemporaryDirectory directory;
  PosixFileSystem disk;
  for (const uint64_t rows : {0U, 1U, 4097U}) {
    const SampleOptions options = {.rows = rows, .dimension = 100};
    const std::string path = directory.PathOf("segment-" + std::to_string(rows));
    const std::vector<SampleSection> sections = SampleSections(options);
    const auto summary = WriteSegment(disk, path, SampleHeader(options), sections, rows);
    REQUIRE(summary.ok());
    CHECK(VerifySegmentFile(disk, path, SampleHeader(options), *summary) == absl::OkStatus());
    const auto reader = SegmentReader::Open(disk, path, {}).value();
    for (const SampleSection& section : sections) {
      const auto bytes = reader->ReadSection(*reader->Find(section.spec.kind));
      REQUIRE(bytes.ok());
      CHECK(AsText(bytes->bytes()) == section.bytes);
    }
  }
}

}  // namespace
}  // namespace perigee::storage
