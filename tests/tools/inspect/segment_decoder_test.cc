// SPDX-License-Identifier: Apache-2.0
//
// Goal: the frame of a segment is taken exactly if valid, and every page is checked. Method: the
// page's example: every bit of it, every length.
#include "tools/inspect/segment_decoder.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/support/temporary_directory.h"
#include "tests/tools/inspect/database_kinds.h"
#include "tests/tools/inspect/page_example.h"
#include "tools/inspect/checksum.h"
#include "tools/inspect/segment_verifier.h"

namespace perigee::tools::inspect {
namespace {

struct Fixture {
  std::optional<SegmentFile> Open(const std::string& bytes) {
    tests::WriteBytes(path, bytes);
    list = {};
    FileFindings file(list, "seg/x");
    return SegmentFile::Open(path, file);
  }
  storage::TemporaryDirectory directory;
  std::string path = directory.PathOf("segment");
  std::string example = tests::PageExample("segment_format.md", "segment");
  FindingList list;
};

TEST_CASE_FIXTURE(Fixture, "the example of the page") {
  const auto file = Open(example);
  REQUIRE(file.has_value());
  CHECK(file->rows() == 2);
  CHECK(file->sections().size() == 3);
  CHECK(file->header().min_lsn == 7);
  CHECK(file->header().max_lsn == 8);
  CHECK(HexOf(file->root()) == "c2438ea7c1e524dd5ba27c1dbafc98e1");
  FileFindings findings(list, "seg/x");
  const SegmentSection* lsns = file->Find(SectionKind::kLsns);
  REQUIRE(lsns != nullptr);
  CHECK(file->ReadSection(*lsns, findings) == std::string("\7\0\0\0\0\0\0\0\10\0\0\0\0\0\0\0", 16));
  CHECK(file->Find(SectionKind::kVectors)->name() == "vectors[0]");
  CHECK(file->Find(SectionKind::kHnsw) == nullptr);
  file->CheckGaps(findings);
  CHECK(list.findings().empty());
}

TEST_CASE_FIXTURE(Fixture, "every changed byte is found, wherever it is") {
  for (size_t place = 0; place < example.size(); place += place % 4096 < 320 ? 1 : 13) {
    CAPTURE(place);
    std::string changed = example;
    changed[place] = static_cast<char>(changed[place] ^ (1 << place % 8));
    tests::WriteBytes(path, changed);
    list = {};
    FileFindings file(list, "seg/x");
    VerifySegment(path, {}, {}, file);
    bool found = false;
    for (const Finding& finding : list.findings()) {
      // The example lacks sections that every segment has; that is no finding about the change.
      found = found || finding.code != "segment.section";
    }
    CHECK(found);
  }
}

TEST_CASE_FIXTURE(Fixture, "reserved bytes in use and a cipher are found behind right checksums") {
  const auto put = [](std::string& bytes, size_t at, uint32_t value) {
    for (unsigned i = 0; i < 4; ++i) {
      bytes[at + i] = static_cast<char>(value >> (8 * i) & 0xffU);
    }
  };
  const auto open_with = [&](size_t block, size_t at) {
    std::string changed = example;
    changed[block + at] = 1;
    put(changed, block + 4092, MaskedCrc32c(std::string_view(changed).substr(block, 4092)));
    return Open(changed);
  };
  const size_t footer = example.size() - 4096;
  for (size_t at = 128; at < 4092; at += at < 200 ? 1 : 97) {
    CHECK_FALSE(open_with(0, at).has_value());
    REQUIRE(list.findings().size() == 1);
    CHECK(list.findings()[0].code == "segment.header");
    CHECK(list.findings()[0].offset == at);
  }
  for (size_t at = 44; at < 4092; at += at == 47 ? 33 : at < 200 ? 1 : 97) {
    CHECK_FALSE(open_with(footer, at).has_value());
    REQUIRE(list.findings().size() == 1);
    CHECK(list.findings()[0].code == "segment.footer");
    CHECK(list.findings()[0].offset == footer + at);
  }
  CHECK_FALSE(open_with(0, 124).has_value());
  CHECK(list.Has(Severity::kUnsupported));
  CHECK_FALSE(list.Has(Severity::kDamage));
}

TEST_CASE_FIXTURE(Fixture, "a section too short for its rows is found in the directory") {
  const size_t entries = 0x4010;
  const size_t footer = example.size() - 4096;
  const auto with_length = [&](size_t entry, char length) {
    std::string changed = example;
    changed[entries + entry * 64 + 16] = length;
    const std::string_view view = changed;
    const Hash root = HashOf(
        {view.substr(0, 4096), view.substr(entries, footer - entries), view.substr(footer, 64)});
    std::copy(root.begin(), root.end(), changed.begin() + static_cast<std::ptrdiff_t>(footer) + 64);
    const uint32_t crc = MaskedCrc32c(std::string_view(changed).substr(footer, 4092));
    for (unsigned i = 0; i < 4; ++i) {
      changed[footer + 4092 + i] = static_cast<char>(crc >> (8 * i) & 0xffU);
    }
    return changed;
  };
  // Two rows have three offsets of eight bytes.
  CHECK(Open(with_length(0, 24)).has_value());
  CHECK_FALSE(Open(with_length(0, 23)).has_value());
  REQUIRE(list.findings().size() == 1);
  CHECK(list.findings()[0].code == "segment.directory");
  CHECK(list.findings()[0].section == "ids");
}

TEST_CASE_FIXTURE(Fixture, "no other length is a segment") {
  for (size_t size = 0; size < example.size(); size += 61) {
    CHECK_FALSE(Open(example.substr(0, size)).has_value());
    CHECK_FALSE(list.clean());
  }
  CHECK_FALSE(Open(example + std::string(4096, '\0')).has_value());
  FileFindings file(list, "seg/x");
  CHECK_FALSE(SegmentFile::Open(directory.PathOf("none"), file).has_value());
}

}  // namespace
}  // namespace perigee::tools::inspect
