// SPDX-License-Identifier: Apache-2.0
//
// Goal: an edit decodes to what was encoded; bytes that no encoder writes are refused without harm.
// Method: random edits; cuts at every byte; random bytes changed; unknown items; the worked
// example.
#include "storage/manifest/manifest_edit.h"

#include <doctest/doctest.h>

#include <optional>
#include <random>

#include "storage/encoding/byte_codec.h"
#include "storage/foundation/error_reason.h"
#include "storage/manifest/manifest_frame.h"
#include "tests/storage/hex_example.h"
#include "tests/storage/manifest/random_edits.h"
#include "tests/storage/segment/sample_segment.h"
#include "tests/support/test_seed.h"

namespace perigee::storage {
namespace {

// An edit's fixed part with `items` behind it.
std::string WithItems(uint32_t count, std::string_view items) {
  std::string bytes = EncodeManifestEdit({.version = 1}).value();
  ByteWriter field;
  field.U32(count);
  bytes.replace(80, 4, field.buffer());
  return bytes + std::string(items);
}

std::string Item(uint16_t kind, uint16_t flags, std::string_view body) {
  ByteWriter writer;
  writer.U16(kind);
  writer.U16(flags);
  writer.LengthPrefixed(body);
  return writer.Take();
}

TEST_CASE("random edits decode to what was encoded, byte for byte") {
  const uint64_t seed = tests::TestSeed(40);
  INFO("seed ", seed);
  RandomEdits edits(seed);
  for (uint64_t version = 1; version <= 100; ++version) {
    ManifestEdit edit = edits.Next();
    edit.version = version;
    edit.database_uuid = UuidOf(0xDB);
    edit.commit_uuid = UuidOf(static_cast<uint8_t>(version));
    const std::string bytes = EncodeManifestEdit(edit).value();
    const auto decoded = DecodeManifestEdit(AsBytes(bytes));
    REQUIRE(decoded.ok());
    CHECK(*decoded == edit);
    CHECK(EncodeManifestEdit(*decoded).value() == bytes);
  }
}

TEST_CASE("an edit cut at any byte or continued is damage") {
  RandomEdits edits(7);
  ManifestEdit edit;
  for (int i = 0; i < 20; ++i) {
    edit = edits.Next();
  }
  const std::string bytes = EncodeManifestEdit(edit).value();
  REQUIRE(bytes.size() > 300);
  for (size_t length = 0; length < bytes.size(); ++length) {
    CHECK(absl::IsDataLoss(DecodeManifestEdit(AsBytes(bytes.substr(0, length))).status()));
  }
  CHECK(absl::IsDataLoss(DecodeManifestEdit(AsBytes(bytes + '\0')).status()));
}

TEST_CASE("changed bytes are refused or decode to an edit that encodes to them") {
  const uint64_t seed = tests::TestSeed(41);
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  std::optional<RandomEdits> edits;  // begun anew now and then, since edits grow with the state
  uint64_t refused = 0;
  for (uint64_t round = 0; round < 3000; ++round) {
    if (round % 15 == 0) {
      edits.emplace(seed + round);
    }
    std::string bytes = EncodeManifestEdit(edits->Next()).value();
    for (uint64_t i = 1 + random() % 3; i > 0; --i) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    const auto decoded = DecodeManifestEdit(AsBytes(bytes));
    if (!decoded.ok()) {
      ++refused;
      CHECK((absl::IsDataLoss(decoded.status()) || absl::IsUnimplemented(decoded.status())));
    } else if (const auto again = EncodeManifestEdit(*decoded); again.ok()) {
      // An ignorable item that is unknown is left out; all others come back.
      CHECK(again->size() <= bytes.size());
    }
  }
  CHECK(refused > 0);
}

TEST_CASE("unknown items are refused unless they may be ignored") {
  const auto decode = [](const std::string& bytes) {
    return DecodeManifestEdit(AsBytes(bytes)).status();
  };
  CHECK(decode(WithItems(0, "")) == absl::OkStatus());
  CHECK(decode(WithItems(1, Item(900, 1, "later"))) == absl::OkStatus());
  CHECK(GetErrorReason(decode(WithItems(1, Item(900, 0, "later")))) == ErrorReason::kUnknownFormat);
  CHECK(absl::IsDataLoss(decode(WithItems(1, Item(2, 1, std::string(16, 'u'))))));
  CHECK(absl::IsDataLoss(decode(WithItems(1, Item(2, 0, std::string(17, 'u'))))));
  CHECK(absl::IsDataLoss(decode(WithItems(1, Item(2, 0, std::string(15, 'u'))))));
  CHECK(absl::IsDataLoss(decode(WithItems(0xFFFF'FFFF, Item(2, 0, std::string(16, 'u'))))));
  // Out of order, and an obsolete file outside of a checkpoint.
  CHECK(absl::IsDataLoss(
      decode(WithItems(2, Item(2, 0, std::string(16, 'u')) + Item(1, 0, std::string(32, 'u'))))));
  CHECK(absl::IsDataLoss(decode(WithItems(1, Item(10, 0, std::string(17, '\1'))))));
  CHECK(absl::IsDataLoss(decode(WithItems(1, Item(9, 0, std::string(17, '\4'))))));
  CHECK(decode(WithItems(1, Item(9, 0, std::string(17, '\3')))) == absl::OkStatus());
  // A segment that belongs to no collection.
  ManifestEdit edit;
  edit.segments_added.push_back({UuidOf(1), {.uuid = UuidOf(2), .file_bytes = 1}});
  const std::string bytes = EncodeManifestEdit(edit).value();
  CHECK(absl::IsDataLoss(decode(WithItems(1, Item(4, 0, bytes.substr(88 + 8 + 16))))));
}

TEST_CASE("an edit has at most 8 MiB") {
  ManifestEdit edit;
  for (int i = 0; i < 129; ++i) {
    edit.collections_added.push_back({.uuid = UuidOf(static_cast<uint8_t>(i)),
                                      .name = "c",
                                      .schema = std::string(kManifestSchemaBytesMax, 's')});
  }
  CHECK(GetErrorReason(EncodeManifestEdit(edit).status()) == ErrorReason::kLimit);
  CHECK(absl::IsDataLoss(
      DecodeManifestEdit(AsBytes(std::string(kManifestEditBytesMax + 1, '\0'))).status()));
}

TEST_CASE("the worked example of the format page") {
  const std::string page = tests::ReadSourceFile("docs/formats/manifest_format.md");
  const std::string file = tests::DecodeHexExample(page, "manifest");
  const auto scan = ScanManifest(AsBytes(file), "MANIFEST-000001");
  REQUIRE(scan.ok());
  CHECK(scan->clean);
  REQUIRE(scan->records.size() == 2);
  const auto checkpoint = DecodeManifestEdit(scan->records[0].payload);
  REQUIRE(checkpoint.ok());
  CHECK(checkpoint->is_checkpoint());
  CHECK(checkpoint->version == 1);
  const auto edit = DecodeManifestEdit(scan->records[1].payload);
  REQUIRE(edit.ok());
  CHECK(edit->version == 2);
  CHECK(edit->parent_hash == scan->records[0].hash);
  CHECK(edit->epoch == 1);
  CHECK(edit->durable_lsn == 9);
  REQUIRE(edit->collections_added.size() == 1);
  CHECK(edit->collections_added[0].name == "docs");
  CHECK(edit->collections_added[0].schema == "schema");
  CHECK(edit->collections_added[0].created_lsn == 6);
  REQUIRE(edit->segments_added.size() == 1);
  const SegmentEntry& segment = edit->segments_added[0].segment;
  CHECK(segment.uuid == UuidOf(0x55));
  CHECK(segment.file_bytes == 24'576);
  CHECK(segment.row_count == 2);
  CHECK(segment.min_lsn == 7);
  CHECK(segment.max_lsn == 8);
  REQUIRE(edit->applied_lsns.size() == 1);
  CHECK(edit->applied_lsns[0].lsn == 8);
}

}  // namespace
}  // namespace perigee::storage
