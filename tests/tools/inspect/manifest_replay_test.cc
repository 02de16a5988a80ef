// SPDX-License-Identifier: Apache-2.0
//
// Goal: each rule of the manifest page refuses the edit that breaks it. Method: a short chain of
// edits, and one broken edit a rule.
#include "tools/inspect/manifest_replay.h"

#include <doctest/doctest.h>

#include <functional>

namespace perigee::tools::inspect {
namespace {

Uuid Number(uint8_t byte) {
  Uuid uuid;
  uuid.bytes.fill(byte);
  return uuid;
}

SegmentEntry Segment(uint8_t number) {
  return {.uuid = Number(number),
          .file_bytes = 4096,
          .rows = 10,
          .min_lsn = 3,
          .max_lsn = 5,
          .bucket_end = 4096};
}

struct Fixture {
  Fixture() {
    ManifestEdit checkpoint;
    checkpoint.is_checkpoint = true;
    checkpoint.version = 1;
    checkpoint.database = Number(9);
    REQUIRE(Apply(checkpoint));
    ManifestEdit edit = Next();
    edit.durable_lsn = 10;
    edit.items.push_back({.kind = ItemKind::kCollectionAdded,
                          .collection = Number(1),
                          .created_lsn = 2,
                          .applied_lsn = 5,
                          .name = "docs"});
    edit.items.push_back(
        {.kind = ItemKind::kSegmentAdded, .collection = Number(1), .segment = Segment(21)});
    REQUIRE(Apply(edit));
  }

  ManifestEdit Next() const {
    ManifestEdit edit;
    edit.version = state.version + 1;
    edit.epoch = state.epoch;
    edit.database = Number(9);
    edit.parent = state.head;
    return edit;
  }
  ManifestEdit With(ManifestItem item) const {
    ManifestEdit edit = Next();
    edit.items.push_back(std::move(item));
    return edit;
  }
  bool Apply(const ManifestEdit& edit) {
    Hash hash = {};
    hash[0] = static_cast<uint8_t>(edit.version);
    FileFindings file(list, "MANIFEST-000001");
    return ApplyEdit(edit, hash, 0, state, file);
  }
  bool Refused(const ManifestEdit& edit) {
    const ManifestState before = state;
    const bool refused = !Apply(edit);
    state = before;
    return refused;
  }

  FindingList list;
  ManifestState state;
};

TEST_CASE_FIXTURE(Fixture, "the chain is held") {
  for (const std::function<void(ManifestEdit&)>& spoil :
       std::vector<std::function<void(ManifestEdit&)>>{
           [](ManifestEdit& edit) { edit.version += 1; },
           [](ManifestEdit& edit) { edit.parent[3] ^= 1; },
           [](ManifestEdit& edit) { edit.database = Number(8); },
           [](ManifestEdit& edit) { edit.durable_lsn = 9; },
           [](ManifestEdit& edit) { edit.is_checkpoint = true; }}) {
    ManifestEdit edit = Next();
    spoil(edit);
    CHECK(Refused(edit));
  }
  ManifestEdit later = Next();
  later.epoch = 4;
  REQUIRE(Apply(later));
  ManifestEdit older = Next();
  older.epoch = 3;
  CHECK(Refused(older));
}

TEST_CASE_FIXTURE(Fixture, "what an item names must be there") {
  CHECK(Refused(With({.kind = ItemKind::kSegmentRequired, .collection = Number(1)})));
  CHECK(Refused(With({.kind = ItemKind::kCollectionDropped, .collection = Number(2)})));
  CHECK(Refused(With({.kind = ItemKind::kSegmentRemoved, .collection = Number(1)})));
  CHECK(Refused(With({.kind = ItemKind::kAppliedLsn, .collection = Number(2)})));
  CHECK(
      Refused(With({.kind = ItemKind::kFileForgotten, .file = {FileKind::kSegment, Number(21)}})));
  CHECK(Refused(With({.kind = ItemKind::kFileObsolete, .file = {FileKind::kSegment, Number(3)}})));
}

TEST_CASE_FIXTURE(Fixture, "LSNs do not fall and do not pass the durable one") {
  CHECK(Refused(With({.kind = ItemKind::kAppliedLsn, .collection = Number(1), .applied_lsn = 4})));
  CHECK(Refused(With({.kind = ItemKind::kAppliedLsn, .collection = Number(1), .applied_lsn = 11})));
  SegmentEntry ahead = Segment(22);
  ahead.max_lsn = 11;
  CHECK(
      Refused(With({.kind = ItemKind::kSegmentAdded, .collection = Number(1), .segment = ahead})));
  CHECK(Refused(With({.kind = ItemKind::kCollectionAdded,
                      .collection = Number(2),
                      .applied_lsn = 11,
                      .name = "other"})));
}

TEST_CASE_FIXTURE(Fixture, "names and uuids are given once") {
  CHECK(Refused(
      With({.kind = ItemKind::kSegmentAdded, .collection = Number(1), .segment = Segment(21)})));
  CHECK(
      Refused(With({.kind = ItemKind::kCollectionAdded, .collection = Number(2), .name = "docs"})));
  ManifestItem removal = {.kind = ItemKind::kSegmentRemoved, .collection = Number(1)};
  removal.segment.uuid = Number(21);
  REQUIRE(Apply(With(removal)));
  CHECK(state.obsolete.count({FileKind::kSegment, Number(21)}) == 1);
  // A uuid names one file for ever.
  CHECK(Refused(
      With({.kind = ItemKind::kSegmentAdded, .collection = Number(1), .segment = Segment(21)})));
  REQUIRE(
      Apply(With({.kind = ItemKind::kFileForgotten, .file = {FileKind::kSegment, Number(21)}})));
  CHECK(state.obsolete.empty());
}

TEST_CASE_FIXTURE(Fixture, "deletions never shrink") {
  ManifestItem item = {.kind = ItemKind::kDeletions, .collection = Number(1)};
  item.segment.uuid = Number(21);
  item.deletion = {.uuid = Number(31), .generation = 2, .complete_lsn = 6, .dead_rows = 3};
  REQUIRE(Apply(With(item)));
  for (const std::function<void(DeletionEntry&)>& spoil :
       std::vector<std::function<void(DeletionEntry&)>>{
           [](DeletionEntry& entry) { entry.generation = 2; },
           [](DeletionEntry& entry) { entry.complete_lsn = 5; },
           [](DeletionEntry& entry) { entry.dead_rows = 2; },
           [](DeletionEntry& entry) { entry.dead_rows = 11; },
           [](DeletionEntry& entry) { entry.complete_lsn = 11; },
           [](DeletionEntry& entry) { entry.uuid = Number(31); }}) {
    ManifestItem next = item;
    next.deletion = {.uuid = Number(32), .generation = 3, .complete_lsn = 7, .dead_rows = 4};
    spoil(next.deletion);
    CHECK(Refused(With(next)));
  }
  item.deletion = {.uuid = Number(32), .generation = 3, .complete_lsn = 7, .dead_rows = 4};
  REQUIRE(Apply(With(item)));
  CHECK(state.obsolete.count({FileKind::kDeletion, Number(31)}) == 1);
  CHECK(state.LiveFiles().count({FileKind::kDeletion, Number(32)}) == 1);
}

TEST_CASE_FIXTURE(Fixture, "a dropped collection's files become obsolete") {
  REQUIRE(Apply(With({.kind = ItemKind::kCollectionDropped, .collection = Number(1)})));
  CHECK(state.collections.empty());
  CHECK(state.obsolete.count({FileKind::kSegment, Number(21)}) == 1);
  CHECK(state.min_applied_lsn() == 10);
  CHECK(state.published_max_lsn() == 0);
}

}  // namespace
}  // namespace perigee::tools::inspect
