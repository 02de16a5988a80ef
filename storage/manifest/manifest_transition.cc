// SPDX-License-Identifier: Apache-2.0
#include "storage/manifest/manifest_transition.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/check.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::storage {
namespace {

// Bytes of an encoded edit as EncodeManifestEdit writes it; manifest_transition_test compares.
constexpr size_t kEditFixedBytes = 88;
constexpr size_t kItemHeaderBytes = 8;
constexpr size_t kCollectionFixedBytes = 2 * 16 + 3 * 8 + 2 * 4;
constexpr size_t kFileBytes = 1 + 16;

absl::Status BrokenChain(const std::string& what) {
  return ErrorWithReason(ErrorReason::kDamaged, absl::StrCat("manifest edit ", what));
}

std::string Name(const Uuid& collection, const Uuid& segment) {
  return absl::StrCat("segment ", segment.ToString(), " of collection ", collection.ToString());
}

absl::Status CheckChain(const ManifestState& state, const ManifestEdit& edit) {
  if (edit.version != state.version + 1 || edit.parent_hash != state.head_hash) {
    return BrokenChain(
        absl::StrCat("of version ", edit.version, " does not continue version ", state.version));
  }
  if (edit.database_uuid != state.database_uuid || edit.epoch < state.epoch) {
    return BrokenChain(absl::StrCat("of database ", edit.database_uuid.ToString(), " and epoch ",
                                    edit.epoch, " follows epoch ", state.epoch, " of ",
                                    state.database_uuid.ToString()));
  }
  return absl::OkStatus();
}

absl::StatusOr<CollectionEntry*> FindCollection(ManifestState& state, const Uuid& uuid) {
  const auto found = state.collections.find(uuid);
  if (found == state.collections.end()) {
    return absl::NotFoundError(
        absl::StrCat("manifest edit names collection ", uuid.ToString(), ", which does not exist"));
  }
  return &found->second;
}

absl::StatusOr<SegmentEntry*> FindSegment(ManifestState& state, const Uuid& collection_uuid,
                                          const Uuid& segment_uuid) {
  PERIGEE_ASSIGN_OR_RETURN(CollectionEntry* const collection,
                           FindCollection(state, collection_uuid));
  const auto found = collection->segments.find(segment_uuid);
  if (found == collection->segments.end()) {
    return absl::NotFoundError(absl::StrCat(
        "manifest edit names ", Name(collection_uuid, segment_uuid), ", which is not live"));
  }
  return &found->second;
}

// The segment's own files become obsolete; a codebook may be shared, so it is counted at the end.
void Retire(const SegmentEntry& segment, ManifestState& state, std::set<Uuid>& books) {
  state.obsolete_files.insert({ManifestFileKind::kSegment, segment.uuid});
  if (segment.deletion) {
    state.obsolete_files.insert({ManifestFileKind::kDeletion, segment.deletion->uuid});
  }
  if (!segment.codebook_uuid.is_nil()) {
    books.insert(segment.codebook_uuid);
  }
}

void RetireUnusedBooks(const std::set<Uuid>& books, ManifestState& state) {
  if (books.empty()) {
    return;
  }
  const std::set<ManifestFile> live = state.LiveFiles();
  for (const Uuid& book : books) {
    if (const ManifestFile file = {ManifestFileKind::kBook, book}; live.count(file) == 0) {
      state.obsolete_files.insert(file);
    }
  }
}

absl::Status Taken(const SegmentEntry& segment) {
  return absl::AlreadyExistsError(
      absl::StrCat("segment ", segment.uuid.ToString(), " is in the manifest already"));
}

absl::Status CheckNewSegment(const ManifestState& state, const SegmentEntry& segment) {
  PERIGEE_RETURN_IF_ERROR(ValidateSegmentEntry(segment));
  // N3: a uuid names one file for ever, so one that waits for its removal is taken.
  if (state.obsolete_files.count({ManifestFileKind::kSegment, segment.uuid}) > 0) {
    return Taken(segment);
  }
  if (segment.max_lsn > state.durable_lsn || segment.stamped_lsn > state.durable_lsn ||
      (segment.deletion && segment.deletion->complete_lsn > state.durable_lsn)) {
    return absl::InvalidArgumentError(
        absl::StrCat("segment ", segment.uuid.ToString(), " up to LSN ",
                     std::max(segment.max_lsn, segment.stamped_lsn),
                     " is ahead of the durable LSN ", state.durable_lsn));
  }
  return absl::OkStatus();
}

// The files that the edit makes some segment's own, deletions and segments, or shared, codebooks.
std::set<ManifestFile> FilesNamedBy(const ManifestEdit& edit) {
  std::set<ManifestFile> files;
  const auto add = [&files](const SegmentEntry& segment) {
    files.insert({ManifestFileKind::kSegment, segment.uuid});
    if (!segment.codebook_uuid.is_nil()) {
      files.insert({ManifestFileKind::kBook, segment.codebook_uuid});
    }
    if (segment.deletion) {
      files.insert({ManifestFileKind::kDeletion, segment.deletion->uuid});
    }
  };
  for (const CollectionEntry& collection : edit.collections_added) {
    for (const auto& [uuid, segment] : collection.segments) {
      add(segment);
    }
  }
  for (const SegmentAddition& added : edit.segments_added) {
    add(added.segment);
  }
  for (const DeletionChange& change : edit.deletions_set) {
    files.insert({ManifestFileKind::kDeletion, change.deletion.uuid});
  }
  return files;
}

// N3: a uuid names one file for ever. What the edit names must not wait for its removal, which
// would take it from its segment, and no two segments have one file of deletions.
absl::Status CheckNamedFiles(const ManifestEdit& edit, const ManifestState& state) {
  const std::set<ManifestFile> named = FilesNamedBy(edit);
  if (named.empty() || CanaryActive("live-file-may-be-obsolete")) {
    return absl::OkStatus();
  }
  std::set<Uuid> deletions;
  const auto refuse = [](const Uuid& file, std::string_view why) {
    return absl::AlreadyExistsError(
        absl::StrCat("file ", file.ToString(), " is in the manifest already: ", Absl(why)));
  };
  const auto check = [&](ManifestFileKind kind, const Uuid& uuid) -> absl::Status {
    const ManifestFile file = {kind, uuid};
    if (named.count(file) == 0) {
      return absl::OkStatus();
    }
    if (state.obsolete_files.count(file) > 0) {
      return refuse(uuid, "it waits for its removal");
    }
    return kind == ManifestFileKind::kDeletion && !deletions.insert(uuid).second
               ? refuse(uuid, "it holds the deletions of another segment")
               : absl::OkStatus();
  };
  for (const auto& [collection_uuid, collection] : state.collections) {
    for (const auto& [uuid, segment] : collection.segments) {
      PERIGEE_RETURN_IF_ERROR(check(ManifestFileKind::kSegment, uuid));
      PERIGEE_RETURN_IF_ERROR(check(ManifestFileKind::kBook, segment.codebook_uuid));
      if (segment.deletion) {
        PERIGEE_RETURN_IF_ERROR(check(ManifestFileKind::kDeletion, segment.deletion->uuid));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status DropCollections(const ManifestEdit& edit, ManifestState& state,
                             std::set<Uuid>& books) {
  for (const Uuid& uuid : edit.collections_dropped) {
    PERIGEE_ASSIGN_OR_RETURN(CollectionEntry* const collection, FindCollection(state, uuid));
    for (const auto& [segment_uuid, segment] : collection->segments) {
      Retire(segment, state, books);
    }
    state.collections.erase(uuid);
  }
  return absl::OkStatus();
}

absl::Status AddCollections(const ManifestEdit& edit, ManifestState& state) {
  if (edit.collections_added.empty()) {
    return absl::OkStatus();
  }
  // A checkpoint adds everything at once, so what is taken is looked up in sets.
  std::set<std::pair<Uuid, std::string>> names;
  std::set<Uuid> segments;  // of absl's tables none may stand where memory may be short
  for (const auto& [uuid, collection] : state.collections) {
    names.emplace(collection.tenant_uuid, collection.name);
    for (const auto& [segment_uuid, segment] : collection.segments) {
      segments.insert(segment_uuid);
    }
  }
  for (const CollectionEntry& added : edit.collections_added) {
    PERIGEE_RETURN_IF_ERROR(ValidateCollectionEntry(added));
    for (const auto& [uuid, segment] : added.segments) {
      PERIGEE_RETURN_IF_ERROR(CheckNewSegment(state, segment));
      if (!segments.insert(uuid).second) {
        return Taken(segment);
      }
    }
    if (added.applied_lsn > state.durable_lsn) {
      return absl::InvalidArgumentError(absl::StrCat("collection '", added.name, "' applied up to ",
                                                     added.applied_lsn, ", durable is ",
                                                     state.durable_lsn));
    }
    if (!names.emplace(added.tenant_uuid, added.name).second ||
        !state.collections.emplace(added.uuid, added).second) {
      return absl::AlreadyExistsError(
          absl::StrCat("collection '", added.name, "' ", added.uuid.ToString(), " exists already"));
    }
  }
  return absl::OkStatus();
}

absl::Status ChangeSegments(const ManifestEdit& edit, ManifestState& state, std::set<Uuid>& books) {
  for (const SegmentReference& removed : edit.segments_removed) {
    PERIGEE_ASSIGN_OR_RETURN(SegmentEntry* const segment,
                             FindSegment(state, removed.collection_uuid, removed.segment_uuid));
    Retire(*segment, state, books);
    state.collections.at(removed.collection_uuid).segments.erase(removed.segment_uuid);
  }
  for (const SegmentAddition& added : edit.segments_added) {
    PERIGEE_ASSIGN_OR_RETURN(CollectionEntry* const collection,
                             FindCollection(state, added.collection_uuid));
    PERIGEE_RETURN_IF_ERROR(CheckNewSegment(state, added.segment));
    for (const auto& [uuid, other] : state.collections) {
      if (other.segments.count(added.segment.uuid) > 0) {
        return Taken(added.segment);
      }
    }
    collection->segments.emplace(added.segment.uuid, added.segment);
  }
  return absl::OkStatus();
}

absl::Status SetDeletions(const ManifestEdit& edit, ManifestState& state) {
  for (const DeletionChange& change : edit.deletions_set) {
    PERIGEE_ASSIGN_OR_RETURN(SegmentEntry* const segment,
                             FindSegment(state, change.collection_uuid, change.segment_uuid));
    const DeletionReference before = segment->deletion.value_or(DeletionReference());
    const DeletionReference& after = change.deletion;
    // Deleted stays deleted: a later generation holds at least as much.
    if (after.generation <= before.generation || after.complete_lsn < before.complete_lsn ||
        after.dead_rows < before.dead_rows || after.complete_lsn > state.durable_lsn ||
        after.uuid == before.uuid ||
        state.obsolete_files.count({ManifestFileKind::kDeletion, after.uuid}) > 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          Name(change.collection_uuid, change.segment_uuid), ": deletions of generation ",
          after.generation, " up to LSN ", after.complete_lsn, " with ", after.dead_rows,
          " rows cannot follow generation ", before.generation, " up to ", before.complete_lsn,
          " with ", before.dead_rows, "; durable is ", state.durable_lsn));
    }
    if (segment->deletion) {
      state.obsolete_files.insert({ManifestFileKind::kDeletion, before.uuid});
    }
    segment->deletion = after;
    PERIGEE_RETURN_IF_ERROR(ValidateSegmentEntry(*segment));
  }
  return absl::OkStatus();
}

absl::Status SetAppliedLsns(const ManifestEdit& edit, ManifestState& state) {
  for (const AppliedLsn& applied : edit.applied_lsns) {
    PERIGEE_ASSIGN_OR_RETURN(CollectionEntry* const collection,
                             FindCollection(state, applied.collection_uuid));
    if (applied.lsn < collection->applied_lsn || applied.lsn > state.durable_lsn) {
      return absl::InvalidArgumentError(absl::StrCat(
          "applied LSN ", applied.lsn, " of collection '", collection->name, "' is outside ",
          collection->applied_lsn, " (before) to ", state.durable_lsn, " (durable)"));
    }
    collection->applied_lsn = applied.lsn;
  }
  return absl::OkStatus();
}

absl::Status ForgetFiles(const ManifestEdit& edit, ManifestState& state) {
  for (const ManifestFile& file : edit.files_forgotten) {
    if (state.obsolete_files.erase(file) == 0) {
      return absl::NotFoundError(
          absl::StrCat("file ", file.uuid.ToString(), " is not among the obsolete ones"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckLimits(const ManifestState& state) {
  if (state.segment_count() > kManifestSegmentsMax) {
    return ErrorWithReason(
        ErrorReason::kOverloaded,
        absl::StrCat("the database would have ", state.segment_count(), " segments; at most ",
                     kManifestSegmentsMax, ": wait for compaction or load larger segments"));
  }
  if (state.collections.size() > kManifestCollectionsMax) {
    return ErrorWithReason(ErrorReason::kOverloaded,
                           absl::StrCat("the database would have ", state.collections.size(),
                                        " collections; at most ", kManifestCollectionsMax));
  }
  if (const size_t bytes = CheckpointBytes(state); bytes > kManifestEditBytesMax) {
    return ErrorWithReason(
        ErrorReason::kOverloaded,
        absl::StrCat("the manifest would need ", bytes, " bytes; at most ", kManifestEditBytesMax,
                     ": drop collections or wait for compaction"));
  }
  return absl::OkStatus();
}

absl::Status ApplyCheckpoint(const ManifestEdit& edit, const ContentHash& edit_hash,
                             ManifestState& state) {
  PERIGEE_ASSIGN_OR_RETURN(ManifestState held, StateOfCheckpoint(edit, edit_hash));
  // In the middle of a chain a checkpoint may only repeat what is known.
  ManifestState expected = std::move(state);
  expected.version = held.version;
  expected.epoch = held.epoch;
  expected.head_hash = held.head_hash;
  if (held != expected) {
    return BrokenChain(absl::StrCat("of version ", edit.version,
                                    " is a checkpoint of another state than the edits led to"));
  }
  state = std::move(held);
  return absl::OkStatus();
}

}  // namespace

absl::Status ApplyManifestEditInPlace(const ManifestEdit& edit, const ContentHash& edit_hash,
                                      ManifestState& state) {
  PERIGEE_RETURN_IF_ERROR(CheckChain(state, edit));
  if (edit.is_checkpoint()) {
    return ApplyCheckpoint(edit, edit_hash, state);
  }
  for (const SegmentReference& required : edit.preconditions) {
    if (!FindSegment(state, required.collection_uuid, required.segment_uuid).ok()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "manifest edit relies on ", Name(required.collection_uuid, required.segment_uuid),
          ", which is not live any more"));
    }
  }
  if (edit.durable_lsn != 0 && edit.durable_lsn < state.durable_lsn) {
    return absl::InvalidArgumentError(
        absl::StrCat("durable LSN ", edit.durable_lsn, " follows ", state.durable_lsn));
  }
  state.durable_lsn = std::max(state.durable_lsn, edit.durable_lsn);
  std::set<Uuid> books;
  PERIGEE_RETURN_IF_ERROR(DropCollections(edit, state, books));
  PERIGEE_RETURN_IF_ERROR(AddCollections(edit, state));
  PERIGEE_RETURN_IF_ERROR(ChangeSegments(edit, state, books));
  PERIGEE_RETURN_IF_ERROR(SetDeletions(edit, state));
  PERIGEE_RETURN_IF_ERROR(SetAppliedLsns(edit, state));
  RetireUnusedBooks(books, state);
  PERIGEE_RETURN_IF_ERROR(CheckNamedFiles(edit, state));
  PERIGEE_RETURN_IF_ERROR(ForgetFiles(edit, state));
  PERIGEE_RETURN_IF_ERROR(CheckLimits(state));
  state.version = edit.version;
  state.epoch = edit.epoch;
  state.head_hash = edit_hash;
  return absl::OkStatus();
}

absl::StatusOr<ManifestState> ApplyManifestEdit(const ManifestState& state,
                                                const ManifestEdit& edit,
                                                const ContentHash& edit_hash) {
  ManifestState next = state;
  PERIGEE_RETURN_IF_ERROR(ApplyManifestEditInPlace(edit, edit_hash, next));
  return next;
}

ManifestEdit MakeCheckpoint(const ManifestState& state) {
  ManifestEdit edit;
  edit.version = state.version + 1;
  edit.database_uuid = state.database_uuid;
  edit.parent_hash = state.head_hash;
  edit.epoch = state.epoch;
  edit.commit_uuid = Uuid::Random();
  edit.durable_lsn = state.durable_lsn;
  edit.collections_added.reserve(state.collections.size());
  for (const auto& [uuid, collection] : state.collections) {
    edit.collections_added.push_back(collection);
  }
  edit.checkpoint_obsolete_files.emplace(state.obsolete_files.begin(), state.obsolete_files.end());
  return edit;
}

absl::StatusOr<ManifestState> StateOfCheckpoint(const ManifestEdit& edit,
                                                const ContentHash& edit_hash) {
  PERIGEE_CHECK(edit.is_checkpoint(), "version ", edit.version);
  if (edit.version == 0 || edit.database_uuid.is_nil() || !edit.preconditions.empty() ||
      !edit.collections_dropped.empty() || !edit.segments_removed.empty() ||
      !edit.segments_added.empty() || !edit.deletions_set.empty() || !edit.applied_lsns.empty() ||
      !edit.files_forgotten.empty()) {
    return BrokenChain(
        absl::StrCat("of version ", edit.version, " is a checkpoint that holds changes"));
  }
  ManifestState state;
  state.version = edit.version;
  state.epoch = edit.epoch;
  state.database_uuid = edit.database_uuid;
  state.durable_lsn = edit.durable_lsn;
  state.head_hash = edit_hash;
  absl::Status valid = AddCollections(edit, state);
  if (valid.ok()) {
    state.obsolete_files.insert(edit.checkpoint_obsolete_files->begin(),
                                edit.checkpoint_obsolete_files->end());
    valid = CheckNamedFiles(edit, state);
  }
  if (valid.ok()) {
    valid = CheckLimits(state);
  }
  if (!valid.ok()) {
    return BrokenChain(absl::StrCat("of version ", edit.version, ": ", valid.message()));
  }
  return state;
}

size_t CheckpointBytes(const ManifestState& state) {
  size_t bytes = kEditFixedBytes + state.obsolete_files.size() * (kItemHeaderBytes + kFileBytes);
  for (const auto& [uuid, collection] : state.collections) {
    bytes += kItemHeaderBytes + kCollectionFixedBytes + collection.name.size() +
             collection.schema.size();
    for (const auto& [segment_uuid, segment] : collection.segments) {
      bytes += kItemHeaderBytes + EncodedSegmentEntryBytes(segment);
    }
  }
  return bytes;
}

}  // namespace perigee::storage
