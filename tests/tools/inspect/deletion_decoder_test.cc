// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/deletion_decoder.h"

#include <doctest/doctest.h>

#include "tests/support/temporary_directory.h"
#include "tests/tools/inspect/database_kinds.h"
#include "tests/tools/inspect/page_example.h"

namespace perigee::tools::inspect {
namespace {

struct Fixture {
  std::optional<DeletionContent> Read(const std::string& bytes) {
    tests::WriteBytes(path, bytes);
    list = {};
    FileFindings file(list, "del/x");
    return ReadDeletions(path, file);
  }
  storage::TemporaryDirectory directory;
  std::string path = directory.PathOf("deletions");
  std::string example = tests::PageExample("segment_format.md", "deletion");
  FindingList list;
};

TEST_CASE_FIXTURE(Fixture, "the example of the page") {
  const auto content = Read(example);
  REQUIRE(content.has_value());
  CHECK(content->rows == std::vector<uint32_t>{0, 7, 49});
  CHECK(content->lsns == std::vector<uint64_t>{12, 90, 13});
  CHECK(content->generation == 3);
  CHECK(content->complete_lsn == 90);
  CHECK(content->segment_rows == 50);
}

TEST_CASE_FIXTURE(Fixture, "every changed bit and every other length is found") {
  for (size_t bit = 0; bit < example.size() * 8; ++bit) {
    std::string changed = example;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    CHECK_FALSE(Read(changed).has_value());
    CHECK_FALSE(list.clean());
  }
  for (size_t size = 0; size < example.size(); ++size) {
    CHECK_FALSE(Read(example.substr(0, size)).has_value());
  }
  CHECK_FALSE(Read(example + "x").has_value());
}

TEST_CASE_FIXTURE(Fixture, "a file that the manifest does not mean is refused") {
  const auto content = Read(example);
  REQUIRE(content.has_value());
  DeletionEntry entry = {.uuid = content->deletion,
                         .generation = 3,
                         .complete_lsn = 90,
                         .dead_rows = 3,
                         .file_bytes = example.size(),
                         .hash = content->header_hash};
  SegmentEntry segment;
  segment.uuid = content->segment;
  segment.rows = 50;
  FileFindings file(list, "del/x");
  CHECK(CheckDeletions(*content, entry, segment, content->database, file));
  entry.generation = 2;
  CHECK_FALSE(CheckDeletions(*content, entry, segment, content->database, file));
  entry.generation = 3;
  segment.rows = 51;
  CHECK_FALSE(CheckDeletions(*content, entry, segment, content->database, file));
}

}  // namespace
}  // namespace perigee::tools::inspect
