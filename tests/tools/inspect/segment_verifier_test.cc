// SPDX-License-Identifier: Apache-2.0
//
// Goal: rules of sections are held although all checksums are right. Method: segments of the public
// API with bytes changed and every checksum above them computed anew.
#include "tools/inspect/segment_verifier.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "tests/support/temporary_directory.h"
#include "tests/tools/inspect/database_kinds.h"
#include "tests/tools/inspect/resealed_segment.h"
#include "tools/inspect/segment_decoder.h"

namespace perigee::tools::inspect {
namespace {

Schema SchemaOfKinds() {
  Schema schema(2);
  schema[0] = {.name = "", .dimension = 8, .metric = Metric::kL2, .element = Element::kF32};
  schema[1] = {.name = "b", .dimension = 4, .metric = Metric::kCosine, .element = Element::kF16};
  return schema;
}

struct Fixture {
  Fixture() {
    tests::MakeDatabase("compacted", directory.PathOf("db"));
    const std::vector<std::string> files = tests::FilesOf(directory.PathOf("db/seg"));
    REQUIRE(files.size() >= 1);
    bytes = tests::ReadBytes(directory.PathOf("db/seg/" + files.back()));
    tests::WriteBytes(path, bytes);
  }

  // Codes of all findings after `change` was made to a section and the file sealed again.
  std::vector<std::string> After(SectionKind kind, const std::function<void(std::string&)>& change,
                                 bool deep = false) {
    tests::WriteBytes(path, tests::Reseal(bytes, kind, 0, change));
    FindingList list;
    FileFindings file(list, "seg/x");
    const Schema schema = SchemaOfKinds();
    const SegmentExpectation expectation = {.schema = &schema};
    VerifySegment(path, expectation, {.deep = deep}, file);
    std::vector<std::string> codes;
    for (const Finding& finding : list.findings()) {
      codes.push_back(finding.code);
    }
    return codes;
  }

  storage::TemporaryDirectory directory;
  std::string path = directory.PathOf("segment");
  std::string bytes;
};

using Codes = std::vector<std::string>;

TEST_CASE_FIXTURE(Fixture, "a resealed segment without a change is sound") {
  CHECK(After(
            SectionKind::kIds, [](std::string&) {}, true)
            .empty());
}

TEST_CASE_FIXTURE(Fixture, "ids") {
  CHECK(After(SectionKind::kIds, [](std::string& s) { s[0] = 1; }) == Codes{"segment.content"});
  CHECK(After(SectionKind::kIds, [](std::string& s) { s[9] = '\x7f'; }) ==
        Codes{"segment.content"});
}

TEST_CASE_FIXTURE(Fixture, "lsns") {
  CHECK(After(SectionKind::kLsns, [](std::string& s) { s[7] = 1; }) == Codes{"segment.content"});
}

TEST_CASE_FIXTURE(Fixture, "payload") {
  CHECK(After(SectionKind::kPayload, [](std::string& s) { s.back() = 9; }) ==
        Codes{"segment.content"});
}

TEST_CASE_FIXTURE(Fixture, "vectors, norms and presence") {
  CHECK(After(SectionKind::kVectors, [](std::string& s) {
          s[3] = '\x7f';
          s[2] = '\xc0';
        }).front() == "segment.content");
  CHECK(After(SectionKind::kNorms, [](std::string& s) { s[7] = '\xff'; }) ==
        Codes{"segment.content"});
  CHECK(After(SectionKind::kNorms, [](std::string& s) {
          s[0] = static_cast<char>(s[0] ^ 1);
        }).empty());
  // A norm that is only wrong is found by computing it again.
  CHECK(After(
            SectionKind::kNorms, [](std::string& s) { s[6] = static_cast<char>(s[6] ^ 4); }, true)
            .front() == "segment.content");
  CHECK_FALSE(After(SectionKind::kPresence, [](std::string& s) {
                s.back() = static_cast<char>(s.back() | 0x80);
              }).empty());
}

TEST_CASE_FIXTURE(Fixture, "derived sections") {
  CHECK(After(SectionKind::kIdOrder, [](std::string& s) { std::swap(s[0], s[4]); }) ==
        Codes{"segment.derived"});
  CHECK(After(SectionKind::kHnsw, [](std::string& s) { s[66] = '\x7f'; }) ==
        Codes{"segment.derived"});
  // A graph that is a graph but not the one that was measured.
  CHECK(After(
            SectionKind::kHnsw, [](std::string& s) { s[44] = static_cast<char>(s[44] - 1); },
            true) == Codes{"segment.derived"});
}

}  // namespace
}  // namespace perigee::tools::inspect
