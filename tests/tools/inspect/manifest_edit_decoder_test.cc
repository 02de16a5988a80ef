// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/manifest_edit_decoder.h"

#include <doctest/doctest.h>

#include <random>

#include "tests/support/test_seed.h"
#include "tests/tools/inspect/page_example.h"

namespace perigee::tools::inspect {
namespace {

struct Fixture {
  std::optional<ManifestEdit> Decode(std::string_view bytes) {
    list = {};
    FileFindings file(list, "MANIFEST-000001");
    return DecodeManifestEdit(bytes, 0, file);
  }
  // The payload of the second edit of the page's example.
  std::string example = tests::PageExample("manifest_format.md", "manifest").substr(0x3040, 0x155);
  FindingList list;
};

TEST_CASE_FIXTURE(Fixture, "the edit of the example") {
  const auto edit = Decode(example);
  REQUIRE(edit.has_value());
  CHECK(edit->version == 2);
  CHECK(edit->epoch == 1);
  CHECK(edit->durable_lsn == 9);
  REQUIRE(edit->items.size() == 3);
  CHECK(edit->items[0].kind == ItemKind::kCollectionAdded);
  CHECK(edit->items[0].name == "docs");
  CHECK(edit->items[1].kind == ItemKind::kSegmentAdded);
  CHECK(edit->items[1].segment.rows == 2);
  CHECK(edit->items[1].segment.file_bytes == 0x6000);
  CHECK(HexOf(edit->items[1].segment.root) == "c2438ea7c1e524dd5ba27c1dbafc98e1");
  CHECK(edit->items[2].applied_lsn == 8);
}

TEST_CASE_FIXTURE(Fixture, "no length of it but its own is an edit") {
  for (size_t size = 0; size < example.size(); ++size) {
    CHECK_FALSE(Decode(std::string_view(example).substr(0, size)).has_value());
    CHECK_FALSE(list.clean());
  }
  CHECK_FALSE(Decode(example + std::string(1, '\0')).has_value());
}

TEST_CASE_FIXTURE(Fixture, "unknown items are skipped if they say so") {
  std::string changed = example;
  changed[80] = 4;  // one item more
  changed += std::string("\x63\x00\x01\x00\x02\x00\x00\x00zz", 10);
  const auto edit = Decode(changed);
  REQUIRE(edit.has_value());
  CHECK(edit->items_ignored == 1);
  changed[example.size() + 2] = 0;
  CHECK_FALSE(Decode(changed).has_value());
  CHECK(list.Has(Severity::kUnsupported));
}

TEST_CASE_FIXTURE(Fixture, "the segments of a collection ascend") {
  constexpr size_t kCollection = 88;        // the item of kind 3
  constexpr size_t kAdded = 88 + 8 + 0x4a;  // that of kind 6
  const std::string entry = example.substr(kAdded + 8 + 16, 0x83 - 16);
  const auto segment = [&entry](char last) {
    std::string changed = entry;
    changed[15] = last;
    return std::string("\x04\0\0\0", 4) + static_cast<char>(changed.size()) + std::string(3, '\0') +
           changed;
  };
  const auto edit = [&](const std::string& segments) {
    std::string bytes = example.substr(0, kCollection + 8 + 0x4a) + segments;
    bytes[80] = 3;
    return bytes;
  };
  CHECK(Decode(edit(segment(1) + segment(2))).has_value());
  CHECK_FALSE(Decode(edit(segment(2) + segment(1))).has_value());
  CHECK_FALSE(Decode(edit(segment(2) + segment(2))).has_value());
}

TEST_CASE_FIXTURE(Fixture, "hostile bytes are refused or taken, never more") {
  const uint64_t seed = tests::TestSeed(7);
  INFO("PERIGEE_TEST_SEED=", seed);
  std::mt19937_64 random(seed);
  size_t refused = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string changed = example;
    for (uint64_t n = random() % 4 + 1; n > 0; --n) {
      changed[random() % changed.size()] = static_cast<char>(random());
    }
    refused += Decode(changed).has_value() ? 0 : 1;
  }
  CHECK(refused > 1000);
}

}  // namespace
}  // namespace perigee::tools::inspect
