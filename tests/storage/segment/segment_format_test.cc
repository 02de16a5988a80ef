// SPDX-License-Identifier: Apache-2.0
//
// Goal: the blocks of a segment file decode to what was encoded, and nothing else is accepted.
// Method: every bit of header and footer flipped; every field of a valid layout set to values at
// and beyond its bounds; random fields; the worked example of the format page decoded.
#include "storage/segment/segment_format.h"

#include <doctest/doctest.h>

#include <functional>
#include <limits>
#include <random>

#include "storage/encoding/byte_codec.h"
#include "storage/encoding/crc32c.h"
#include "storage/foundation/error_reason.h"
#include "storage/io/aligned_buffer.h"
#include "tests/storage/segment/sample_segment.h"
#include "tests/support/test_seed.h"

namespace perigee::storage {
namespace {

struct Layout {
  SegmentHeader header = SampleHeader({});
  SegmentFooter footer;
  std::vector<SectionEntry> sections;

  absl::Status Validate() const { return ValidateSegmentLayout(header, footer, sections); }
};

// A layout of one section of each shape, computed by hand.
Layout ValidLayout() {
  constexpr uint64_t kRows = 1000;
  Layout layout;
  layout.footer.row_count = kRows;
  layout.footer.segment_uuid = layout.header.segment_uuid;
  uint64_t end = kSegmentBlockBytes;
  uint64_t pages = 0;
  const auto add = [&](SectionKind kind, uint64_t length, uint32_t element_bytes) {
    SectionEntry section = {.kind = kind,
                            .flags = SectionFlagsOf(kind),
                            .offset = AlignUp(end, layout.header.section_alignment),
                            .length = length,
                            .element_count = kRows,
                            .element_bytes = element_bytes,
                            .checksum_page_bytes = kChecksumPageBytesRandom};
    end = section.offset + length;
    pages += section.page_count();
    layout.sections.push_back(section);
  };
  add(SectionKind::kIds, (kRows + 1) * 8 + 5000, 0);
  add(SectionKind::kLsns, kRows * 8, 8);
  add(SectionKind::kVectors, kRows * 32, 32);
  add(SectionKind::kPresence, 16 * 8, 0);
  add(SectionKind::kIdOrder, kRows * 4, 4);
  add(SectionKind::kHnsw, 12345, 1);
  layout.sections.back().element_count = 12345;
  layout.footer.section_count = static_cast<uint32_t>(layout.sections.size());
  layout.footer.tables_offset = AlignUp(end, kSegmentBlockBytes);
  layout.footer.directory_offset = AlignUp(layout.footer.tables_offset + pages * 4, 8);
  layout.footer.file_bytes =
      AlignUp(layout.footer.directory_offset + layout.sections.size() * kSectionEntryBytes,
              kSegmentBlockBytes) +
      kSegmentBlockBytes;
  return layout;
}

// The same header with one field changed in the bytes, and a CRC that is right again.
std::string WithField(std::string block, size_t offset, uint64_t value, size_t bytes) {
  ByteWriter field;
  field.U64(value);
  block.replace(offset, bytes, field.buffer().substr(0, bytes));
  ByteWriter crc;
  crc.U32(MaskCrc(Crc32c(AsBytes(block).first(kSegmentBlockBytes - 4))));
  block.replace(kSegmentBlockBytes - 4, 4, crc.buffer());
  return block;
}

TEST_CASE("segment header, footer and directory decode to what was encoded") {
  SegmentHeader header = SampleHeader({});
  header.features.compat = 0x8000'0000'0000'0001;  // ignored, but kept
  header.features.ro_compat = 2;
  header.bucket_begin = 17;
  header.bucket_end = 4000;
  const std::string block = EncodeSegmentHeader(header);
  CHECK(block.size() == kSegmentBlockBytes);
  const auto decoded = DecodeSegmentHeader(AsBytes(block));
  REQUIRE(decoded.ok());
  CHECK(*decoded == header);

  const Layout layout = ValidLayout();
  const auto footer = DecodeSegmentFooter(AsBytes(EncodeSegmentFooter(layout.footer)));
  REQUIRE(footer.ok());
  CHECK(*footer == layout.footer);
  const std::string directory = EncodeSectionDirectory(layout.sections);
  CHECK(directory.size() == layout.sections.size() * kSectionEntryBytes);
  const auto sections = DecodeSectionDirectory(AsBytes(directory));
  REQUIRE(sections.ok());
  CHECK(*sections == layout.sections);
  CHECK(layout.Validate() == absl::OkStatus());
  CHECK(absl::IsDataLoss(
      DecodeSectionDirectory(AsBytes(directory.substr(0, directory.size() - 1))).status()));
}

TEST_CASE("every flipped bit of a segment header or footer is damage") {
  const std::string header = EncodeSegmentHeader(SampleHeader({}));
  const std::string footer = EncodeSegmentFooter(ValidLayout().footer);
  uint64_t undetected = 0;
  for (size_t bit = 0; bit < kSegmentBlockBytes * 8; ++bit) {
    std::string changed = header;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    undetected += absl::IsDataLoss(DecodeSegmentHeader(AsBytes(changed)).status()) ? 0 : 1;
    changed = footer;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    undetected += absl::IsDataLoss(DecodeSegmentFooter(AsBytes(changed)).status()) ? 0 : 1;
  }
  CHECK(undetected == 0);
  for (const size_t bytes : {size_t{0}, size_t{1}, kSegmentBlockBytes - 1}) {
    CHECK(absl::IsDataLoss(DecodeSegmentHeader(AsBytes(header.substr(0, bytes))).status()));
    CHECK(absl::IsDataLoss(DecodeSegmentFooter(AsBytes(footer.substr(0, bytes))).status()));
  }
}

TEST_CASE("every reserved byte of header, footer and directory must be zero") {
  const auto refused = [](const absl::Status& status, const std::string& what, size_t at) {
    INFO(what, " byte ", at, ": ", status.ToString());
    CHECK(GetErrorReason(status) == ErrorReason::kDamaged);
    CHECK(status.message().find(what + ": byte " + std::to_string(at)) != std::string_view::npos);
  };
  const Layout layout = ValidLayout();
  const std::string header = EncodeSegmentHeader(layout.header);
  const std::string footer = EncodeSegmentFooter(layout.footer);
  for (size_t at = 128; at < kSegmentBlockBytes - 4; ++at) {
    refused(DecodeSegmentHeader(AsBytes(WithField(header, at, 1, 1))).status(), "segment header",
            at);
  }
  for (size_t at = 44; at < kSegmentBlockBytes - 4; at = at == 47 ? 80 : at + 1) {
    refused(DecodeSegmentFooter(AsBytes(WithField(footer, at, 1, 1))).status(), "segment footer",
            at);
  }
  for (size_t at = 40; at < 48; ++at) {
    std::string directory = EncodeSectionDirectory(layout.sections);
    directory[kSectionEntryBytes + at] = 1;
    refused(DecodeSectionDirectory(AsBytes(directory)).status(), "section lsns", at);
  }
}

TEST_CASE("a segment of a newer format is refused by the name of what it needs") {
  const std::string block = EncodeSegmentHeader(SampleHeader({}));
  const auto refused = [](const std::string& changed) {
    const absl::Status status = DecodeSegmentHeader(AsBytes(changed)).status();
    CHECK(absl::IsUnimplemented(status));
    CHECK(GetErrorReason(status) == ErrorReason::kUnknownFormat);
    return std::string(status.message());
  };
  refused(WithField(block, 8, 2, 4));  // format version
  CHECK(refused(WithField(block, 32, kIncompatEncryption, 8)).find("encryption") !=
        std::string::npos);
  CHECK(refused(WithField(block, 32, uint64_t{1} << 40U, 8)).find("40") != std::string::npos);
  refused(WithField(block, 124, 1, 4));  // cipher
  // Unknown compat and ro_compat bits do not hinder reading.
  CHECK(DecodeSegmentHeader(AsBytes(WithField(block, 16, ~uint64_t{0}, 8))).ok());
  CHECK(DecodeSegmentHeader(AsBytes(WithField(block, 24, ~uint64_t{0}, 8))).ok());
}

TEST_CASE("a segment header that contradicts itself is damage") {
  const std::string block = EncodeSegmentHeader(SampleHeader({}));
  const auto damaged = [&block](size_t offset, uint64_t value, size_t bytes) {
    CHECK(absl::IsDataLoss(
        DecodeSegmentHeader(AsBytes(WithField(block, offset, value, bytes))).status()));
  };
  for (const uint64_t alignment : {0U, 1U, 2048U, 4097U, 12288U, 1U << 21U, 1U << 31U}) {
    damaged(12, alignment, 4);
  }
  damaged(104, 1'000'000, 8);  // min_lsn above max_lsn
  damaged(120, kBucketCount, 2);
  damaged(122, kBucketCount + 1, 2);
  damaged(122, 0, 2);
}

TEST_CASE("every field of footer and directory is judged against the others") {
  struct Case {
    const char* what;
    std::function<void(Layout&)> change;
  };
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  const std::vector<Case> cases = {
      {"footer of another segment", [](Layout& l) { l.footer.segment_uuid = UuidOf(1); }},
      {"one row more", [](Layout& l) { ++l.footer.row_count; }},
      {"more rows than 32 bits", [](Layout& l) { l.footer.row_count = kSegmentRowsMax + 1; }},
      {"missing section", [](Layout& l) { l.sections.pop_back(); }},
      {"tables too early", [](Layout& l) { l.footer.tables_offset -= 4096; }},
      {"tables too late", [](Layout& l) { l.footer.tables_offset += 4096; }},
      {"directory too early", [](Layout& l) { l.footer.directory_offset -= 8; }},
      {"directory too late", [](Layout& l) { l.footer.directory_offset += 8; }},
      {"section in the header", [](Layout& l) { l.sections[0].offset = 0; }},
      {"unaligned section", [](Layout& l) { l.sections[1].offset += 8; }},
      {"gap before a section", [](Layout& l) { l.sections[1].offset += 4096; }},
      {"overlap", [](Layout& l) { l.sections[2].offset = l.sections[1].offset; }},
      {"swapped sections", [](Layout& l) { std::swap(l.sections[1], l.sections[2]); }},
      {"offset near the end of numbers",
       [](Layout& l) { l.sections[5].offset = AlignDown(kMax, 4096); }},
      {"length near the end of numbers", [](Layout& l) { l.sections[5].length = kMax; }},
      {"offset plus length overflows",
       [](Layout& l) { l.sections[5].length = kMax - l.sections[5].offset + 1; }},
      {"product overflows to the right length",
       [](Layout& l) {
         l.sections[5].element_bytes = 2;
         l.sections[5].element_count = (uint64_t{1} << 63U) + 6172;
         l.sections[5].length = 12344;
       }},
      {"count contradicts length", [](Layout& l) { l.sections[5].element_bytes = 3; }},
      {"element count", [](Layout& l) { l.sections[1].element_count -= 1; }},
      {"LSNs of 4 bytes",
       [](Layout& l) {
         l.sections[1].element_bytes = 4;
         l.sections[1].length /= 2;
       }},
      {"vectors of no bytes", [](Layout& l) { l.sections[2].element_bytes = 0; }},
      {"vectors of odd bytes",
       [](Layout& l) {
         l.sections[2].element_bytes = 31;
         l.sections[2].length = 31'000;
       }},
      {"bitmap one word short", [](Layout& l) { l.sections[3].length -= 8; }},
      {"bitmap with element size", [](Layout& l) { l.sections[3].element_bytes = 8; }},
      {"order of 8 bytes", [](Layout& l) { l.sections[4].element_bytes = 8; }},
      {"ids shorter than their offsets", [](Layout& l) { l.sections[0].length = 8000; }},
      {"ids with element size", [](Layout& l) { l.sections[0].element_bytes = 1; }},
      {"graph without element size", [](Layout& l) { l.sections[5].element_bytes = 0; }},
      {"graph counted in words",
       [](Layout& l) {
         l.sections[5].element_bytes = 4;
         l.sections[5].element_count = 3086;
         l.sections[5].length = 12344;
       }},
      {"ids with ordinal", [](Layout& l) { l.sections[0].ordinal = 1; }},
      {"twice the same", [](Layout& l) { l.sections[5].kind = SectionKind::kIdOrder; }},
      {"derived source", [](Layout& l) { l.sections[0].flags = kSectionDerived; }},
      {"source graph", [](Layout& l) { l.sections[5].flags = 0; }},
      {"no checksum page", [](Layout& l) { l.sections[0].checksum_page_bytes = 0; }},
      {"odd checksum page", [](Layout& l) { l.sections[0].checksum_page_bytes = 5000; }},
      {"huge checksum page", [](Layout& l) { l.sections[0].checksum_page_bytes = 1U << 31U; }},
  };
  for (const Case& c : cases) {
    Layout layout = ValidLayout();
    REQUIRE(layout.Validate().ok());
    c.change(layout);
    const absl::Status status = layout.Validate();
    INFO(c.what, ": ", status.ToString());
    CHECK(absl::IsDataLoss(status));
  }
}

TEST_CASE("an unknown section is refused unless it may be ignored") {
  Layout layout = ValidLayout();
  layout.sections[5].kind = static_cast<SectionKind>(999);
  CHECK(layout.Validate() == absl::OkStatus());
  layout.sections[5].flags = kSectionDerived;
  CHECK(absl::IsUnimplemented(layout.Validate()));
  layout.sections[5].flags = kSectionIgnorable | 4;
  CHECK(absl::IsUnimplemented(layout.Validate()));
  CHECK(layout.sections[5].name() == "kind 999[0]");
}

TEST_CASE("a footer with impossible places is damage") {
  const Layout valid = ValidLayout();
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  const auto damaged = [&valid](const std::function<void(SegmentFooter&)>& change) {
    SegmentFooter footer = valid.footer;
    change(footer);
    CHECK(absl::IsDataLoss(DecodeSegmentFooter(AsBytes(EncodeSegmentFooter(footer))).status()));
  };
  damaged([](SegmentFooter& f) { f.row_count = kSegmentRowsMax + 1; });
  damaged([](SegmentFooter& f) { f.section_count = kSegmentSectionsMax + 1; });
  damaged([](SegmentFooter& f) { f.section_count += 64; });
  damaged([](SegmentFooter& f) { f.file_bytes += 1; });
  damaged([](SegmentFooter& f) { f.file_bytes = 0; });
  damaged([](SegmentFooter& f) { f.file_bytes = kMax - 4095; });
  damaged([](SegmentFooter& f) { f.tables_offset = 0; });
  damaged([](SegmentFooter& f) { f.tables_offset += 8; });
  damaged([](SegmentFooter& f) { f.tables_offset = AlignDown(kMax, 4096); });
  damaged([](SegmentFooter& f) { f.directory_offset = 8; });
  damaged([](SegmentFooter& f) { f.directory_offset = AlignDown(kMax, 8); });
  damaged([](SegmentFooter& f) { f.directory_offset += 1; });
}

TEST_CASE("random directories are accepted only when they are consistent") {
  const uint64_t seed = tests::TestSeed(20);
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  const auto number = [&random]() -> uint64_t {
    switch (random() % 4) {
      case 0:
        return random();
      case 1:
        return random() % 64 * 4096;
      case 2:
        return ~uint64_t{0} - random() % 8192;
      default:
        return random() % 4096;
    }
  };
  for (int round = 0; round < 20'000; ++round) {
    Layout layout = ValidLayout();
    SectionEntry& section = layout.sections[random() % layout.sections.size()];
    const SectionEntry before = section;
    switch (random() % 5) {
      case 0:
        section.offset = number();
        break;
      case 1:
        section.length = number();
        break;
      case 2:
        section.element_count = number();
        break;
      case 3:
        section.element_bytes = static_cast<uint32_t>(number());
        break;
      default:
        section.checksum_page_bytes = static_cast<uint32_t>(number());
        break;
    }
    if (!layout.Validate().ok() || section == before) {
      continue;
    }
    // What was accepted is another size of checksum page (the table's hash decides that later) or
    // a little more or less of ids, never another place or shape.
    CHECK(section.offset == before.offset);
    CHECK(AlignUp(section.length, 4096) == AlignUp(before.length, 4096));
    if (section.checksum_page_bytes == before.checksum_page_bytes) {
      CHECK(section.kind == SectionKind::kIds);
      CHECK(section.element_count == before.element_count);
    }
  }
}

}  // namespace
}  // namespace perigee::storage
