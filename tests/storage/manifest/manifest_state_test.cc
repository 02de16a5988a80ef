// SPDX-License-Identifier: Apache-2.0
//
// Goal: entries keep their limits, and a state answers which files are live. Method: each rule
// broken by itself; a state built by hand.
#include "storage/manifest/manifest_state.h"

#include <doctest/doctest.h>

#include <functional>

#include "storage/foundation/error_reason.h"
#include "tests/storage/segment/sample_segment.h"

namespace perigee::storage {
namespace {

SegmentEntry Segment(uint8_t byte) {
  return {.uuid = UuidOf(byte), .file_bytes = 8192, .row_count = 10, .min_lsn = 1, .max_lsn = 9};
}

TEST_CASE("a segment entry has at most 256 bytes and keeps its rules") {
  SegmentEntry full = Segment(1);
  full.routing = std::string(kRoutingBytesMax, 'r');
  full.deletion = DeletionReference{.uuid = UuidOf(2), .generation = 1, .dead_rows = 10};
  CHECK(ValidateSegmentEntry(full) == absl::OkStatus());
  CHECK(EncodedSegmentEntryBytes(full) <= kSegmentEntryBytesMax);

  const auto refused = [&full](const std::function<void(SegmentEntry&)>& change) {
    SegmentEntry entry = full;
    change(entry);
    CHECK(absl::IsInvalidArgument(ValidateSegmentEntry(entry)));
  };
  refused([](SegmentEntry& s) { s.routing += 'r'; });
  refused([](SegmentEntry& s) { s.uuid = Uuid(); });
  refused([](SegmentEntry& s) { s.file_bytes = 0; });
  refused([](SegmentEntry& s) { s.row_count = kSegmentRowsMax + 1; });
  refused([](SegmentEntry& s) { s.min_lsn = 10; });
  refused([](SegmentEntry& s) { s.bucket_begin = s.bucket_end; });
  refused([](SegmentEntry& s) { s.bucket_end = kBucketCount + 1; });
  refused([](SegmentEntry& s) { s.deletion->dead_rows = 11; });
  refused([](SegmentEntry& s) { s.deletion->generation = 0; });
  refused([](SegmentEntry& s) { s.deletion->uuid = Uuid(); });
}

TEST_CASE("a collection entry keeps its rules") {
  CollectionEntry collection = {
      .uuid = UuidOf(3), .name = "docs", .created_lsn = 2, .applied_lsn = 2};
  collection.segments.emplace(UuidOf(1), Segment(1));
  CHECK(ValidateCollectionEntry(collection) == absl::OkStatus());
  const auto refused = [&collection](const std::function<void(CollectionEntry&)>& change) {
    CollectionEntry entry = collection;
    change(entry);
    CHECK(absl::IsInvalidArgument(ValidateCollectionEntry(entry)));
  };
  refused([](CollectionEntry& c) { c.name.clear(); });
  refused([](CollectionEntry& c) { c.name = std::string(kManifestNameBytesMax + 1, 'n'); });
  refused([](CollectionEntry& c) { c.schema = std::string(kManifestSchemaBytesMax + 1, 's'); });
  refused([](CollectionEntry& c) { c.applied_lsn = 1; });
  refused([](CollectionEntry& c) { c.uuid = Uuid(); });
  refused([](CollectionEntry& c) { c.segments.emplace(UuidOf(9), Segment(8)); });
}

TEST_CASE("a state names its live files, collections and the start of replay") {
  ManifestState state;
  state.durable_lsn = 50;
  CHECK(state.min_applied_lsn() == 50);
  CollectionEntry first = {
      .uuid = UuidOf(3), .tenant_uuid = UuidOf(7), .name = "docs", .applied_lsn = 20};
  first.segments.emplace(UuidOf(1), Segment(1));
  first.segments.at(UuidOf(1)).deletion = DeletionReference{.uuid = UuidOf(5), .generation = 1};
  first.segments.emplace(UuidOf(2), Segment(2));
  first.segments.at(UuidOf(2)).codebook_uuid = UuidOf(6);
  state.collections.emplace(first.uuid, first);
  state.collections.emplace(UuidOf(4),
                            CollectionEntry{.uuid = UuidOf(4), .name = "docs", .applied_lsn = 40});
  CHECK(state.segment_count() == 2);
  CHECK(state.min_applied_lsn() == 20);
  const std::set<ManifestFile> files = {{ManifestFileKind::kSegment, UuidOf(1)},
                                        {ManifestFileKind::kSegment, UuidOf(2)},
                                        {ManifestFileKind::kDeletion, UuidOf(5)},
                                        {ManifestFileKind::kBook, UuidOf(6)}};
  CHECK(state.LiveFiles() == files);
  REQUIRE(state.FindCollection(UuidOf(7), "docs") != nullptr);
  CHECK(state.FindCollection(UuidOf(7), "docs")->uuid == UuidOf(3));
  REQUIRE(state.FindCollection(Uuid(), "docs") != nullptr);
  CHECK(state.FindCollection(Uuid(), "docs")->uuid == UuidOf(4));
  CHECK(state.FindCollection(Uuid(), "other") == nullptr);
  CHECK(state.FindCollection(UuidOf(4)) != nullptr);
  CHECK(state.FindCollection(UuidOf(5)) == nullptr);
}

}  // namespace
}  // namespace perigee::storage
