// SPDX-License-Identifier: Apache-2.0
//
// Goal: the end of a manifest is judged as the page's table says. Method: the page's example, every
// bit and every length of it.
#include "tools/inspect/manifest_decoder.h"

#include <doctest/doctest.h>

#include "tests/tools/inspect/page_example.h"
#include "tools/inspect/checksum.h"

namespace perigee::tools::inspect {
namespace {

struct Fixture {
  std::optional<ManifestContent> Decode(std::string_view bytes) {
    list = {};
    FileFindings file(list, "MANIFEST-000001");
    return DecodeManifest(bytes, file);
  }
  std::string example = tests::PageExample("manifest_format.md", "manifest");
  FindingList list;
};

TEST_CASE_FIXTURE(Fixture, "the example has a checkpoint and an edit, both marked") {
  const auto content = Decode(example);
  REQUIRE(content.has_value());
  CHECK(content->end == ManifestEnd::kClean);
  REQUIRE(content->records.size() == 2);
  CHECK(content->records[0].kind == ManifestRecordKind::kCheckpoint);
  CHECK(content->records[1].version == 2);
  CHECK(content->records[1].marked);
  CHECK(content->header.number == 1);
  CHECK(list.findings().empty());
}

TEST_CASE_FIXTURE(Fixture, "every changed bit in front of the last mark is damage") {
  for (size_t place = 0; place < 0x4000; ++place) {
    std::string changed = example;
    changed[place] = static_cast<char>(changed[place] ^ (1 << place % 8));
    const auto content = Decode(changed);
    CHECK_MESSAGE(!list.clean(), place);
    CHECK((!content.has_value() || content->end == ManifestEnd::kDamaged));
  }
}

TEST_CASE_FIXTURE(Fixture, "reserved bytes in use are found behind right checksums") {
  const auto with_byte = [this](size_t at, size_t crc_at, size_t begin, size_t end) {
    std::string changed = example;
    changed[at] = 1;
    const uint32_t crc = MaskedCrc32c(std::string_view(changed).substr(begin, end - begin));
    for (unsigned i = 0; i < 4; ++i) {
      changed[crc_at + i] = static_cast<char>(crc >> (8 * i) & 0xffU);
    }
    return changed;
  };
  for (size_t at = 12; at < 4092; at += at == 15 ? 73 : at < 200 ? 1 : 97) {
    CHECK_FALSE(Decode(with_byte(at, 4092, 0, 4092)).has_value());
    CHECK_FALSE(list.clean());
  }
  for (size_t record = 0x1000; record < 0x5000; record += 0x1000) {
    for (size_t at = record + 18; at < record + 24; ++at) {
      const auto content = Decode(with_byte(at, record, record + 4, record + 64));
      REQUIRE(content.has_value());
      CHECK(content->end == ManifestEnd::kDamaged);
      CHECK_FALSE(list.clean());
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "every length is judged") {
  for (size_t size = 0; size < example.size(); size += 64) {
    CAPTURE(size);
    const auto content = Decode(std::string_view(example).substr(0, size));
    if (size < 0x2000) {  // the checkpoint is not whole
      CHECK_FALSE(list.clean());
    } else {
      REQUIRE(content.has_value());
      CHECK(list.clean());
      const ManifestEnd expected = size == 0x2000 || size == 0x4000 ? ManifestEnd::kUnmarked
                                   : size == 0x3000                 ? ManifestEnd::kClean
                                                                    : ManifestEnd::kTorn;
      CHECK(content->end == expected);
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "records that changed places are damage") {
  std::string changed = example;
  changed.replace(0x2000, 0x1000, example.substr(0x4000, 0x1000));
  CHECK((!Decode(changed).has_value() || !list.clean()));
  changed = example;
  changed.replace(0x4000, 0x1000, example.substr(0x2000, 0x1000));
  Decode(changed);
  CHECK_FALSE(list.clean());
}

}  // namespace
}  // namespace perigee::tools::inspect
