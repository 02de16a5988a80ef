// SPDX-License-Identifier: Apache-2.0
//
// Goal: edits lead where a plain model says; what breaks a rule is refused and changes nothing.
// Method: long random sequences compared with the model and with checkpoints; each rule broken.
#include "storage/manifest/manifest_transition.h"

#include <doctest/doctest.h>

#include <cstring>
#include <functional>

#include "storage/encoding/byte_codec.h"
#include "storage/foundation/error_reason.h"
#include "tests/storage/manifest/random_edits.h"
#include "tests/storage/segment/sample_segment.h"
#include "tests/support/test_seed.h"

namespace perigee::storage {
namespace {

ManifestState EmptyState() {
  ManifestState state;
  state.version = 1;
  state.database_uuid = UuidOf(0xDB);
  state.head_hash[0] = std::byte{1};
  return state;
}

// Fills in what TryCommit fills in.
ManifestEdit On(const ManifestState& state, ManifestEdit edit) {
  edit.version = state.version + 1;
  edit.database_uuid = state.database_uuid;
  edit.parent_hash = state.head_hash;
  edit.epoch = edit.epoch == 0 ? state.epoch : edit.epoch;
  return edit;
}

ContentHash HashOf(const ManifestEdit& edit) {
  return ManifestEditHash(AsBytes(EncodeManifestEdit(edit).value()));
}

absl::StatusOr<ManifestState> Apply(const ManifestState& state, const ManifestEdit& edit) {
  return ApplyManifestEdit(state, edit, HashOf(edit));
}

Uuid NumberedUuid(uint64_t number) {
  std::array<std::byte, Uuid::kBytes> bytes{};
  std::memcpy(bytes.data(), &number, sizeof(number));
  bytes[15] = std::byte{1};
  return Uuid(bytes);
}

SegmentEntry Segment(uint8_t byte) {
  return {.uuid = UuidOf(byte), .file_bytes = 8192, .row_count = 10, .min_lsn = 1, .max_lsn = 9};
}

// Collection C with segments 1 (deletions of generation 2) and 2, durable up to 50.
ManifestState SampleState() {
  ManifestEdit edit;
  edit.epoch = 3;
  edit.durable_lsn = 50;
  CollectionEntry collection = {
      .uuid = UuidOf(0xC), .name = "docs", .created_lsn = 1, .applied_lsn = 20};
  collection.segments.emplace(UuidOf(1), Segment(1));
  collection.segments.at(UuidOf(1)).deletion = DeletionReference{
      .uuid = UuidOf(0xD), .generation = 2, .complete_lsn = 20, .dead_rows = 3, .file_bytes = 192};
  collection.segments.emplace(UuidOf(2), Segment(2));
  edit.collections_added.push_back(collection);
  return Apply(EmptyState(), On(EmptyState(), edit)).value();
}

TEST_CASE("random edits lead where the model says, and checkpoints hold all of it") {
  const uint64_t seed = tests::TestSeed(50);
  INFO("seed ", seed);
  RandomEdits edits(seed);
  ManifestState state = EmptyState();
  ManifestState in_place = EmptyState();
  for (int i = 0; i < 120; ++i) {
    const ManifestEdit edit = On(state, edits.Next());
    const auto next = Apply(state, edit);
    REQUIRE_MESSAGE(next.ok(), next.status().ToString());
    CHECK(next->version == state.version + 1);
    CHECK(next->head_hash == HashOf(edit));
    state = *next;
    CHECK(ContentOf(state) == edits.model());
    REQUIRE(ApplyManifestEditInPlace(edit, HashOf(edit), in_place).ok());
    CHECK(in_place == state);

    const ManifestEdit checkpoint = MakeCheckpoint(state);
    const std::string bytes = EncodeManifestEdit(checkpoint).value();
    CHECK(bytes.size() == CheckpointBytes(state));
    const auto decoded = DecodeManifestEdit(AsBytes(bytes));
    REQUIRE(decoded.ok());
    CHECK(*decoded == checkpoint);
    const auto held = StateOfCheckpoint(*decoded, ManifestEditHash(AsBytes(bytes)));
    REQUIRE(held.ok());
    CHECK(ContentOf(*held) == edits.model());
    CHECK(held->version == state.version + 1);
    // A follower that applies the checkpoint as an edit gets there as well.
    const auto followed = Apply(state, checkpoint);
    REQUIRE(followed.ok());
    CHECK(*followed == *held);
    if (i % 7 == 0) {
      state = *held;
      in_place = *held;
    }
  }
}

TEST_CASE("an edit of another version, parent, database or epoch does not apply") {
  const ManifestState state = SampleState();
  const auto refused = [&state](const std::function<void(ManifestEdit&)>& change) {
    ManifestEdit edit = On(state, {});
    REQUIRE(Apply(state, edit).ok());
    change(edit);
    CHECK(GetErrorReason(Apply(state, edit).status()) == ErrorReason::kDamaged);
  };
  refused([](ManifestEdit& e) { ++e.version; });
  refused([](ManifestEdit& e) { --e.version; });
  refused([](ManifestEdit& e) { e.parent_hash[15] ^= std::byte{1}; });
  refused([](ManifestEdit& e) { e.database_uuid = UuidOf(1); });
  refused([](ManifestEdit& e) { e.epoch = 2; });
}

TEST_CASE("a checkpoint of another state, or one that holds changes, is damage") {
  const ManifestState state = SampleState();
  ManifestEdit checkpoint = MakeCheckpoint(state);
  checkpoint.collections_added[0].applied_lsn = 21;
  CHECK(absl::IsDataLoss(Apply(state, checkpoint).status()));
  checkpoint = MakeCheckpoint(state);
  checkpoint.collections_dropped.push_back(UuidOf(0xC));
  CHECK(absl::IsDataLoss(StateOfCheckpoint(checkpoint, {}).status()));
  checkpoint = MakeCheckpoint(state);
  checkpoint.durable_lsn = 5;  // behind what the segments hold
  CHECK(absl::IsDataLoss(StateOfCheckpoint(checkpoint, {}).status()));
  checkpoint = MakeCheckpoint(state);
  checkpoint.collections_added.push_back({.uuid = UuidOf(0xE), .name = "other"});
  checkpoint.collections_added.back().segments.emplace(UuidOf(1), Segment(1));
  CHECK(absl::IsDataLoss(StateOfCheckpoint(checkpoint, {}).status()));
}

struct RefusedEdit {
  const char* what;
  absl::StatusCode code;
  std::function<void(ManifestEdit&)> make;
};

std::vector<RefusedEdit> RefusedEdits() {
  using Code = absl::StatusCode;
  const Uuid c = UuidOf(0xC);
  const auto deletion = [c](ManifestEdit& e, const DeletionReference& after) {
    e.deletions_set.push_back({c, UuidOf(1), after});
  };
  const DeletionReference good = {
      .uuid = UuidOf(0xF), .generation = 3, .complete_lsn = 30, .dead_rows = 4, .file_bytes = 192};
  return {
      {"precondition on a segment that is gone", Code::kFailedPrecondition,
       [c](ManifestEdit& e) {
         e.preconditions.push_back({c, UuidOf(7)});
       }},
      {"falling durable LSN", Code::kInvalidArgument, [](ManifestEdit& e) { e.durable_lsn = 49; }},
      {"drop of what is not there", Code::kNotFound,
       [](ManifestEdit& e) { e.collections_dropped.push_back(UuidOf(9)); }},
      {"taken name", Code::kAlreadyExists,
       [](ManifestEdit& e) { e.collections_added.push_back({.uuid = UuidOf(9), .name = "docs"}); }},
      {"taken collection uuid", Code::kAlreadyExists,
       [c](ManifestEdit& e) { e.collections_added.push_back({.uuid = c, .name = "other"}); }},
      {"collection applied beyond what is durable", Code::kInvalidArgument,
       [](ManifestEdit& e) {
         e.collections_added.push_back({.uuid = UuidOf(9), .name = "other", .applied_lsn = 51});
       }},
      {"removal of what is not there", Code::kNotFound,
       [c](ManifestEdit& e) {
         e.segments_removed.push_back({c, UuidOf(7)});
       }},
      {"segment of no collection", Code::kNotFound,
       [](ManifestEdit& e) {
         e.segments_added.push_back({UuidOf(9), Segment(7)});
       }},
      {"taken segment uuid", Code::kAlreadyExists,
       [c](ManifestEdit& e) {
         e.segments_added.push_back({c, Segment(2)});
       }},
      {"uuid of a segment removed by the same edit", Code::kAlreadyExists,
       [c](ManifestEdit& e) {
         e.segments_removed.push_back({c, UuidOf(2)});
         e.segments_added.push_back({c, Segment(2)});
       }},
      {"taken segment uuid in a new collection", Code::kAlreadyExists,
       [](ManifestEdit& e) {
         e.collections_added.push_back({.uuid = UuidOf(9), .name = "other"});
         e.collections_added.back().segments.emplace(UuidOf(2), Segment(2));
       }},
      {"segment ahead of the durable LSN", Code::kInvalidArgument,
       [c](ManifestEdit& e) {
         e.segments_added.push_back({c, Segment(7)});
         e.segments_added.back().segment.max_lsn = 51;
       }},
      {"stamp ahead of the durable LSN", Code::kInvalidArgument,
       [c](ManifestEdit& e) {
         e.segments_added.push_back({c, Segment(7)});
         e.segments_added.back().segment.stamped_lsn = 51;
       }},
      {"deletions of a segment that is gone", Code::kNotFound,
       [c, good](ManifestEdit& e) {
         e.deletions_set.push_back({c, UuidOf(7), good});
       }},
      {"deletions of the same generation", Code::kInvalidArgument,
       [deletion, good](ManifestEdit& e) {
         DeletionReference d = good;
         d.generation = 2;
         deletion(e, d);
       }},
      {"fewer deletions", Code::kInvalidArgument,
       [deletion, good](ManifestEdit& e) {
         DeletionReference d = good;
         d.dead_rows = 2;
         deletion(e, d);
       }},
      {"deletions up to an earlier LSN", Code::kInvalidArgument,
       [deletion, good](ManifestEdit& e) {
         DeletionReference d = good;
         d.complete_lsn = 19;
         deletion(e, d);
       }},
      {"deletions ahead of the durable LSN", Code::kInvalidArgument,
       [deletion, good](ManifestEdit& e) {
         DeletionReference d = good;
         d.complete_lsn = 51;
         deletion(e, d);
       }},
      {"more deletions than rows", Code::kInvalidArgument,
       [deletion, good](ManifestEdit& e) {
         DeletionReference d = good;
         d.dead_rows = 11;
         deletion(e, d);
       }},
      {"deletion file of the generation before", Code::kInvalidArgument,
       [deletion, good](ManifestEdit& e) {
         DeletionReference d = good;
         d.uuid = UuidOf(0xD);
         deletion(e, d);
       }},
      {"deletion file of another segment", Code::kAlreadyExists,
       [c, good](ManifestEdit& e) {
         DeletionReference d = good;
         d.uuid = UuidOf(0xD);
         e.deletions_set.push_back({c, UuidOf(2), d});
       }},
      {"new segment with the deletion file of another", Code::kAlreadyExists,
       [c, good](ManifestEdit& e) {
         e.segments_added.push_back({c, Segment(7)});
         e.segments_added.back().segment.deletion = good;
         e.segments_added.back().segment.deletion->uuid = UuidOf(0xD);
       }},
      {"new segment with a deletion file that the same edit retires", Code::kAlreadyExists,
       [c, good](ManifestEdit& e) {
         e.segments_removed.push_back({c, UuidOf(1)});
         e.segments_added.push_back({c, Segment(7)});
         e.segments_added.back().segment.deletion = good;
         e.segments_added.back().segment.deletion->uuid = UuidOf(0xD);
       }},
      {"falling applied LSN", Code::kInvalidArgument,
       [c](ManifestEdit& e) {
         e.applied_lsns.push_back({c, 19});
       }},
      {"applied beyond what is durable", Code::kInvalidArgument,
       [c](ManifestEdit& e) {
         e.applied_lsns.push_back({c, 51});
       }},
      {"applied of no collection", Code::kNotFound,
       [](ManifestEdit& e) {
         e.applied_lsns.push_back({UuidOf(9), 30});
       }},
      {"a live file forgotten", Code::kNotFound,
       [](ManifestEdit& e) {
         e.files_forgotten.push_back({ManifestFileKind::kSegment, UuidOf(1)});
       }},
  };
}

TEST_CASE("an edit that breaks a rule is refused and changes nothing") {
  const ManifestState state = SampleState();
  for (const RefusedEdit& refused : RefusedEdits()) {
    INFO(refused.what);
    ManifestEdit edit = On(state, {});
    refused.make(edit);
    const ManifestState before = state;
    CHECK(Apply(state, edit).status().code() == refused.code);
    CHECK(state == before);
  }
}

TEST_CASE("a checkpoint that says of a live file that it is obsolete is damage") {
  const ManifestState state = SampleState();
  for (const ManifestFile& file : {ManifestFile{ManifestFileKind::kSegment, UuidOf(1)},
                                   ManifestFile{ManifestFileKind::kDeletion, UuidOf(0xD)}}) {
    ManifestEdit checkpoint = MakeCheckpoint(state);
    REQUIRE(StateOfCheckpoint(checkpoint, HashOf(checkpoint)).ok());
    checkpoint.checkpoint_obsolete_files->push_back(file);
    CHECK(absl::IsDataLoss(StateOfCheckpoint(checkpoint, HashOf(checkpoint)).status()));
  }
}

TEST_CASE("files become obsolete when nothing names them any more") {
  ManifestState state = SampleState();
  // Two segments share a codebook.
  ManifestEdit edit;
  edit.segments_added.push_back({UuidOf(0xC), Segment(3)});
  edit.segments_added.push_back({UuidOf(0xC), Segment(4)});
  for (SegmentAddition& added : edit.segments_added) {
    added.segment.codebook_uuid = UuidOf(0xB);
  }
  state = Apply(state, On(state, edit)).value();
  edit = {};
  edit.segments_removed = {{UuidOf(0xC), UuidOf(1)}, {UuidOf(0xC), UuidOf(3)}};
  state = Apply(state, On(state, edit)).value();
  std::set<ManifestFile> expected = {{ManifestFileKind::kSegment, UuidOf(1)},
                                     {ManifestFileKind::kDeletion, UuidOf(0xD)},
                                     {ManifestFileKind::kSegment, UuidOf(3)}};
  CHECK(state.obsolete_files == expected);
  edit = {};
  edit.files_forgotten.assign(expected.begin(), expected.end());
  edit.collections_dropped = {UuidOf(0xC)};
  state = Apply(state, On(state, edit)).value();
  expected = {{ManifestFileKind::kSegment, UuidOf(2)},
              {ManifestFileKind::kSegment, UuidOf(4)},
              {ManifestFileKind::kBook, UuidOf(0xB)}};
  CHECK(state.obsolete_files == expected);
  CHECK(state.collections.empty());
  // A codebook that waits for its removal is not taken up again.
  edit = {};
  edit.collections_added.push_back({.uuid = UuidOf(0xE), .name = "docs"});
  edit.collections_added.back().segments.emplace(UuidOf(5), Segment(5));
  edit.collections_added.back().segments.at(UuidOf(5)).codebook_uuid = UuidOf(0xB);
  CHECK(absl::IsAlreadyExists(Apply(state, On(state, edit)).status()));
  // The name is free again.
  edit = {};
  edit.collections_added.push_back({.uuid = UuidOf(0xE), .name = "docs"});
  CHECK(Apply(state, On(state, edit)).ok());
}

TEST_CASE("20,000 segments fit, one more is refused") {
  ManifestState state = SampleState();
  ManifestEdit edit;
  for (uint64_t i = 0; i < kManifestSegmentsMax - 2; ++i) {
    SegmentEntry segment = Segment(1);
    segment.uuid = NumberedUuid(i);
    edit.segments_added.push_back({UuidOf(0xC), segment});
  }
  edit = On(state, edit);
  const auto full = Apply(state, edit);
  REQUIRE(full.ok());
  CHECK(full->segment_count() == kManifestSegmentsMax);
  CHECK(CheckpointBytes(*full) <= kManifestEditBytesMax);
  const ManifestEdit checkpoint = MakeCheckpoint(*full);
  CHECK(StateOfCheckpoint(checkpoint, HashOf(checkpoint)).ok());
  ManifestEdit more;
  more.segments_added.push_back({UuidOf(0xC), Segment(7)});
  CHECK(GetErrorReason(Apply(*full, On(*full, more)).status()) == ErrorReason::kOverloaded);
  // Compaction still works at the limit.
  more.segments_removed = {{UuidOf(0xC), UuidOf(1)}, {UuidOf(0xC), UuidOf(2)}};
  CHECK(Apply(*full, On(*full, more)).ok());
}

TEST_CASE("a state that would not fit a checkpoint is refused") {
  ManifestState state = SampleState();
  ManifestEdit edit;
  for (uint64_t i = 0; i < 120; ++i) {
    edit.collections_added.push_back({.uuid = NumberedUuid(i),
                                      .name = "c" + std::to_string(i),
                                      .schema = std::string(kManifestSchemaBytesMax, 's')});
  }
  state = Apply(state, On(state, edit)).value();
  for (uint64_t i = 0; i < 20; ++i) {
    edit.collections_added[i].uuid = NumberedUuid(1000 + i);
    edit.collections_added[i].name += "x";
  }
  edit.collections_added.resize(20);
  CHECK(GetErrorReason(Apply(state, On(state, edit)).status()) == ErrorReason::kOverloaded);
}

}  // namespace
}  // namespace perigee::storage
