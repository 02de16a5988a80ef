// SPDX-License-Identifier: Apache-2.0
//
// Goal: files made by somebody who computes checksums as well as we do cost no crash and no memory
// beyond their own size. Method: valid files with fields set to extreme values and every checksum
// above them made right; several fields at random, many times.
#include <doctest/doctest.h>

#include <array>
#include <random>

#include "tests/support/temporary_directory.h"
#include "tests/support/test_seed.h"
#include "tests/tools/inspect/database_kinds.h"
#include "tests/tools/inspect/page_example.h"
#include "tests/tools/inspect/resealed_segment.h"
#include "tools/inspect/byte_view.h"
#include "tools/inspect/checksum.h"
#include "tools/inspect/deletion_decoder.h"
#include "tools/inspect/log_decoder.h"
#include "tools/inspect/manifest_decoder.h"
#include "tools/inspect/manifest_edit_decoder.h"
#include "tools/inspect/manifest_replay.h"
#include "tools/inspect/segment_verifier.h"

namespace perigee::tools::inspect {
namespace {

constexpr std::array<uint64_t, 14> kExtremes = {0,
                                                1,
                                                2,
                                                7,
                                                4095,
                                                4096,
                                                65536,
                                                0x7fffffff,
                                                0x80000000,
                                                0xffffffff,
                                                0x100000000,
                                                uint64_t{1} << 40U,
                                                uint64_t{1} << 63U,
                                                UINT64_MAX};

struct Fixture {
  Fixture() { INFO("PERIGEE_TEST_SEED=", seed); }

  // Sets a few fields, of 2, 4 or 8 bytes, somewhere from `begin` to `end`.
  void Spoil(std::string& bytes, uint64_t begin, uint64_t end) {
    for (uint64_t n = random() % 3 + 1; n > 0; --n) {
      const size_t width = size_t{2} << random() % 3;
      const uint64_t place = begin + random() % (end - begin) / 2 * 2;
      if (place + width <= bytes.size()) {
        tests::PutLittle(bytes, place, kExtremes[random() % kExtremes.size()], width);
      }
    }
  }

  storage::TemporaryDirectory directory;
  std::string path = directory.PathOf("file");
  uint64_t seed = tests::TestSeed(33);
  std::mt19937_64 random{seed};
  FindingList list;
};

void SealSegment(std::string& bytes) {
  const uint64_t footer = bytes.size() - 4096;
  tests::PutLittle(bytes, 4092, MaskedCrc32c(std::string_view(bytes).substr(0, 4092)), 4);
  const uint64_t directory = std::min<uint64_t>(U64At(bytes, footer + 32), footer);
  const std::string_view view = bytes;
  const Hash root = HashOf(
      {view.substr(0, 4096), view.substr(directory, footer - directory), view.substr(footer, 64)});
  bytes.replace(footer + 64, 16, reinterpret_cast<const char*>(root.data()), 16);
  tests::PutLittle(bytes, footer + 4092, MaskedCrc32c(view.substr(footer, 4092)), 4);
}

TEST_CASE_FIXTURE(Fixture, "segments: header, directory and footer") {
  const std::string example = tests::PageExample("segment_format.md", "segment");
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = example;
    switch (random() % 3) {
      case 0:
        Spoil(bytes, 8, 160);
        break;
      case 1:
        Spoil(bytes, 0x4010, 0x40d0);
        break;
      default:
        Spoil(bytes, 0x5008, 0x5030);
    }
    SealSegment(bytes);
    tests::WriteBytes(path, bytes);
    list = {};
    FileFindings file(list, "seg/x");
    VerifySegment(path, {}, {.deep = true}, file);
    CHECK_FALSE(list.findings().empty());
  }
}

TEST_CASE_FIXTURE(Fixture, "segments: what sections hold") {
  tests::MakeDatabase("compacted", directory.PathOf("db"));
  const std::vector<std::string> files = tests::FilesOf(directory.PathOf("db/seg"));
  const std::string segment = tests::ReadBytes(directory.PathOf("db/seg/" + files.back()));
  Schema schema(2);
  schema[0] = {.name = "", .dimension = 8, .metric = Metric::kL2};
  schema[1] = {.name = "b", .dimension = 4, .element = Element::kF16};
  const SegmentExpectation expectation = {.schema = &schema};
  constexpr std::array<SectionKind, 6> kKinds = {SectionKind::kIds,     SectionKind::kPayload,
                                                 SectionKind::kLsns,    SectionKind::kPresence,
                                                 SectionKind::kIdOrder, SectionKind::kHnsw};
  for (int i = 0; i < 300; ++i) {
    const SectionKind kind = kKinds[random() % kKinds.size()];
    const std::string bytes = tests::Reseal(segment, kind, 0, [this, kind](std::string& section) {
      const bool header = kind == SectionKind::kHnsw && random() % 2 == 0;
      Spoil(section, 0, header ? 64 : section.size());
    });
    tests::WriteBytes(path, bytes);
    list = {};
    FileFindings file(list, "seg/x");
    VerifySegment(path, expectation, {.deep = true, .recall_queries = 1}, file);
  }
}

TEST_CASE_FIXTURE(Fixture, "logs: header, group, record and trailer") {
  const std::string example = tests::PageExample("wal_format.md", "log_file");
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = example;
    switch (random() % 3) {
      case 0:
        Spoil(bytes, 12, 160);
        break;
      case 1:
        Spoil(bytes, 4096 + 8, 4096 + 104);
        break;
      default:
        Spoil(bytes, 8192 - 56, 8192);
    }
    const std::string_view view = bytes;
    tests::PutLittle(bytes, 8, MaskedCrc32c(view.substr(12, 4084)), 4);
    tests::PutLittle(bytes, 4096 + 44, MaskedCrc32c(view.substr(4096 + 64, 32)), 4);
    tests::PutLittle(bytes, 4096 + 4, MaskedCrc32c(view.substr(4096 + 8, 56)), 4);
    tests::PutLittle(bytes, 8192 - 20, U32At(view, 4096 + 4), 4);
    tests::PutLittle(bytes, 8192 - 60, MaskedCrc32c(view.substr(8192 - 56, 56)), 4);
    tests::WriteBytes(path, bytes);
    list = {};
    FileFindings file(list, "wal/x");
    std::optional<LogFile> log = LogFile::OpenPath(path, file);
    for (uint64_t offset = 4096; log.has_value() && offset < log->size(); offset += 4096) {
      std::string fault;
      bool unsupported = false;
      CHECK(log->GroupAt(offset, fault, unsupported).ok());
      CHECK(log->TrailerOfBlock(offset).ok());
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "manifests: records, edits and what they lead to") {
  const std::string example = tests::PageExample("manifest_format.md", "manifest");
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = example;
    Spoil(bytes, 0x3040, 0x3195);
    const uint64_t record = 0x3000;
    if (random() % 3 == 0) {
      Spoil(bytes, record + 4, record + 64);
    }
    const uint64_t length = std::min<uint64_t>(U32At(bytes, record + 4), 0xfc0);
    const Hash hash = HashOf({std::string_view(bytes).substr(record + 64, length)});
    for (const uint64_t place : {record, uint64_t{0x4000}}) {
      bytes.replace(place + 32, 16, reinterpret_cast<const char*>(hash.data()), 16);
      tests::PutLittle(bytes, place, MaskedCrc32c(std::string_view(bytes).substr(place + 4, 60)),
                       4);
    }
    list = {};
    FileFindings file(list, "MANIFEST-000001");
    const auto content = DecodeManifest(bytes, file);
    ManifestState state;
    for (const ManifestRecord& entry :
         content.has_value() ? content->records : std::vector<ManifestRecord>()) {
      const auto edit = DecodeManifestEdit(entry.payload, entry.offset, file);
      if (!edit.has_value() || !ApplyEdit(*edit, entry.hash, entry.offset, state, file)) {
        break;
      }
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "deletions") {
  const std::string example = tests::PageExample("segment_format.md", "deletion");
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = example;
    const bool header = random() % 2 == 0;
    Spoil(bytes, header ? 8 : 192, header ? 136 : example.size());
    const Hash hash = HashOf({std::string_view(bytes).substr(192)});
    bytes.replace(120, 16, reinterpret_cast<const char*>(hash.data()), 16);
    tests::PutLittle(bytes, 188, MaskedCrc32c(std::string_view(bytes).substr(0, 188)), 4);
    tests::WriteBytes(path, bytes);
    list = {};
    FileFindings file(list, "del/x");
    ReadDeletions(path, file);
  }
}

}  // namespace
}  // namespace perigee::tools::inspect
