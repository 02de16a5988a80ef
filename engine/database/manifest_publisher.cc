// SPDX-License-Identifier: Apache-2.0
#include "engine/database/manifest_publisher.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/collection/collection_core.h"
#include "engine/collection/named_segment.h"
#include "engine/collection/schema_codec.h"
#include "engine/collection/segment_builder.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/log.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"
#include "storage/layout/file_names.h"
#include "storage/segment/deletion_file.h"

namespace perigee::engine {
namespace {

using storage::CollectionEntry;
using storage::ManifestFile;
using storage::ManifestFileKind;
using storage::ManifestState;

std::string NameOf(const ManifestFile& file) {
  switch (file.kind) {
    case ManifestFileKind::kSegment:
      return storage::SegmentName(file.uuid);
    case ManifestFileKind::kDeletion:
      return storage::DeletionName(file.uuid);
    case ManifestFileKind::kBook:
      return storage::CodebookName(file.uuid);
  }
  return {};
}

CollectionEntry EntryOf(const CollectionIdentity& identity) {
  CollectionEntry entry;
  entry.uuid = identity.uuid;
  entry.tenant_uuid = identity.tenant;
  entry.name = identity.name;
  entry.schema = EncodeSchema(*identity.schema);
  entry.created_lsn = identity.created_lsn;
  entry.applied_lsn = identity.created_lsn;
  entry.hash_seed = identity.hash_seed;
  return entry;
}

// The deletion file that the manifest names for a segment now, if any.
const storage::DeletionReference* CurrentDeletion(const ManifestState& base,
                                                  const storage::Uuid& collection,
                                                  const storage::Uuid& segment) {
  const CollectionEntry* entry = base.FindCollection(collection);
  if (entry == nullptr) {
    return nullptr;
  }
  const auto found = entry->segments.find(segment);
  return found == entry->segments.end() || !found->second.deletion.has_value()
             ? nullptr
             : &*found->second.deletion;
}

}  // namespace

bool ManifestPublisher::Draft::empty() const {
  return edit.collections_added.empty() && edit.collections_dropped.empty() &&
         edit.segments_added.empty() && edit.segments_removed.empty() &&
         edit.deletions_set.empty() && edit.applied_lsns.empty();
}

ManifestPublisher::ManifestPublisher(CollectionEnvironment& environment, CollectionCatalog& catalog,
                                     storage::ManifestLog& manifest)
    : environment_(environment), catalog_(catalog), manifest_(manifest) {}

HeldFiles::~HeldFiles() { publisher_.Release(true, log_held_); }

void HeldFiles::ReleaseLog() {
  if (std::exchange(log_held_, false)) {
    publisher_.Release(false, true);
  }
}

HeldFiles ManifestPublisher::HoldFiles() {
  absl::MutexLock lock(&mutex_);
  ++segment_holds_;
  ++log_holds_;
  return HeldFiles(*this, manifest_.state());
}

void ManifestPublisher::Release(bool segments, bool log) {
  absl::MutexLock lock(&mutex_);
  segment_holds_ -= segments ? 1 : 0;
  log_holds_ -= log ? 1 : 0;
  if (environment_.state.storage_error().ok()) {
    RemoveObsoleteFilesLocked();
    RetireLogLocked();
  }
}

absl::Status ManifestPublisher::BeginEpoch() {
  absl::MutexLock lock(&mutex_);
  RemoveObsoleteFilesLocked();
  const std::shared_ptr<const ManifestState> base = manifest_.state();
  storage::ManifestEdit edit;
  edit.epoch = environment_.state.epoch();
  edit.durable_lsn = base->durable_lsn;
  return CommitLocked(*base, std::move(edit));
}

absl::Status ManifestPublisher::PublishCatalog() { return Publish({}); }

absl::Status ManifestPublisher::Publish(const SegmentChange& change) {
  absl::MutexLock lock(&mutex_);
  PERIGEE_RETURN_IF_ERROR(environment_.state.storage_error());
  return PublishLocked(change);
}

absl::Status ManifestPublisher::PublishLocked(const SegmentChange& change) {
  const std::shared_ptr<const ManifestState> base = manifest_.state();
  Draft draft;
  AddCatalogChanges(*base, draft);
  if (change.collection != nullptr && std::find(draft.collections.begin(), draft.collections.end(),
                                                change.collection) == draft.collections.end()) {
    return absl::NotFoundError(
        absl::StrCat("collection '", change.collection->name(), "' was dropped meanwhile"));
  }
  absl::Status status = AddChange(*base, change, draft);
  if (status.ok()) {
    AddIdleCollections(change.collection.get(), draft);
    if (draft.empty()) {
      return absl::OkStatus();
    }
    status = CommitLocked(*base, std::move(draft.edit));
  }
  if (!status.ok()) {
    if (environment_.state.storage_error().ok()) {
      for (const storage::Uuid& uuid : draft.deletion_files) {
        environment_.directory->files().Remove(storage::DeletionName(uuid)).IgnoreError();
      }
    }
    return status;
  }
  for (const auto& [collection, cut] : draft.cuts) {
    collection->state().Checkpointed(cut);
  }
  if (change.sealed_from.has_value()) {
    change.collection->state().ReplaceFrozen(*change.sealed_from, change.added);
  } else if (!change.rewritten.empty()) {
    change.collection->state().ReplaceSealed(change.rewritten, change.rewrite_horizon_lsn,
                                             change.added);
  }
  RemoveObsoleteFilesLocked();
  RetireLogLocked();
  return absl::OkStatus();
}

void ManifestPublisher::AddCatalogChanges(const ManifestState& base, Draft& draft) const {
  // Read before the list: every collection created up to this LSN is then in the list.
  const uint64_t visible_lsn = environment_.visible_lsn.load();
  draft.collections = catalog_.List();
  const std::vector<std::shared_ptr<CollectionCore>>& collections = draft.collections;
  draft.edit.durable_lsn = std::max(base.durable_lsn, visible_lsn);
  for (const std::shared_ptr<CollectionCore>& collection : collections) {
    if (base.FindCollection(collection->uuid()) == nullptr) {
      draft.edit.collections_added.push_back(EntryOf(collection->identity()));
      draft.edit.durable_lsn = std::max(draft.edit.durable_lsn, collection->identity().created_lsn);
    }
  }
  for (const auto& [uuid, entry] : base.collections) {
    const bool exists = std::any_of(collections.begin(), collections.end(),
                                    [&uuid = uuid](const auto& c) { return c->uuid() == uuid; });
    if (!exists) {
      draft.edit.collections_dropped.push_back(uuid);
    }
  }
}

absl::Status ManifestPublisher::AddChange(const ManifestState& base, const SegmentChange& change,
                                          Draft& draft) {
  if (change.collection == nullptr) {
    return absl::OkStatus();
  }
  CollectionCore& collection = *change.collection;
  const GrowingSegment* sealing =
      change.sealed_from.has_value() ? change.sealed_from->segment.get() : nullptr;
  CheckpointCut cut = collection.state().Cut(sealing, environment_.visible_lsn.load());
  draft.edit.durable_lsn = std::max(draft.edit.durable_lsn, cut.applied_lsn);
  for (const std::shared_ptr<SealedSegment>& segment : change.rewritten) {
    draft.edit.preconditions.push_back({collection.uuid(), segment->uuid()});
    draft.edit.segments_removed.push_back({collection.uuid(), segment->uuid()});
  }
  for (const AttachedSegment& attached : cut.attached) {
    draft.edit.segments_added.push_back({collection.uuid(), attached.entry});
  }
  if (change.added != nullptr) {
    draft.edit.segments_added.push_back({collection.uuid(), change.added_entry});
    // Deaths after the horizon that the applied LSN of this edit covers will not be replayed, so
    // the new segment needs a deletion file for them.
    if (sealing != nullptr) {
      CarryDeaths(*sealing, change.sealed_from->horizon_lsn, *change.added);
    }
    for (const std::shared_ptr<SealedSegment>& source : change.rewritten) {
      CarryDeaths(*source, change.rewrite_horizon_lsn, *change.added);
    }
    DeathsOfSegment deaths{change.added, cut.applied_lsn, {}};
    change.added->deletions().ForEachDead(0, cut.applied_lsn,
                                          [&deaths](uint32_t row, uint64_t lsn) {
                                            deaths.dead_rows.push_back({row, lsn});
                                          });
    if (!deaths.dead_rows.empty()) {
      PERIGEE_RETURN_IF_ERROR(AddDeletionFile(base, collection, deaths, draft));
    }
  }
  for (const DeathsOfSegment& deaths : cut.deaths) {
    if (std::find(change.rewritten.begin(), change.rewritten.end(), deaths.segment) ==
        change.rewritten.end()) {
      PERIGEE_RETURN_IF_ERROR(AddDeletionFile(base, collection, deaths, draft));
    }
  }
  if (cut.advances) {
    draft.edit.applied_lsns.push_back({collection.uuid(), cut.applied_lsn});
  }
  draft.cuts.emplace_back(change.collection, std::move(cut));
  return absl::OkStatus();
}

absl::Status ManifestPublisher::AddDeletionFile(const ManifestState& base,
                                                const CollectionCore& collection,
                                                const DeathsOfSegment& deaths, Draft& draft) {
  storage::DataDirectory& directory = *environment_.directory;
  const storage::DeletionReference* current =
      CurrentDeletion(base, collection.uuid(), deaths.segment->uuid());
  storage::DeletionFile file;
  file.database_uuid = directory.database_uuid();
  file.segment_uuid = deaths.segment->uuid();
  file.deletion_uuid = storage::Uuid::Random();
  file.generation = current == nullptr ? 1 : current->generation + 1;
  file.complete_lsn = deaths.complete_lsn;
  file.segment_rows = deaths.segment->row_count();
  file.dead_rows = deaths.dead_rows;
  const std::string final_name = storage::DeletionName(file.deletion_uuid);
  const std::string temporary_name = storage::TemporaryName(final_name);
  absl::StatusOr<storage::DeletionReference> reference = absl::InternalError("not written");
  PERIGEE_RETURN_IF_ERROR(directory.reserve().Attempt([&]() -> absl::Status {
    reference =
        storage::WriteDeletionFile(directory.file_system(), directory.PathOf(temporary_name), file);
    if (!reference.ok()) {
      directory.files().Remove(temporary_name).IgnoreError();  // tmp/ is emptied at open anyhow
    }
    return reference.status();
  }));
  PERIGEE_RETURN_IF_ERROR(GiveFinalName(environment_, temporary_name, final_name));
  draft.deletion_files.push_back(file.deletion_uuid);
  if (!CanaryActive("stale-deletion-generation") || current == nullptr) {
    draft.edit.deletions_set.push_back({collection.uuid(), deaths.segment->uuid(), *reference});
  }
  return absl::OkStatus();
}

void ManifestPublisher::AddIdleCollections(const CollectionCore* changed, Draft& draft) const {
  // Idle collections advance only when that can free a log file.
  const storage::FileLog* log = log_.load();
  if (log == nullptr || log->status().file_count < 2) {
    return;
  }
  for (const std::shared_ptr<CollectionCore>& collection : draft.collections) {
    const bool added = std::any_of(
        draft.edit.collections_added.begin(), draft.edit.collections_added.end(),
        [&collection](const CollectionEntry& e) { return e.uuid == collection->uuid(); });
    if (collection.get() == changed || added || collection->state().HasUnsealed()) {
      continue;
    }
    CheckpointCut cut = collection->state().Cut(nullptr, environment_.visible_lsn.load());
    if (cut.advances && cut.deaths.empty() && cut.attached.empty()) {
      draft.edit.durable_lsn = std::max(draft.edit.durable_lsn, cut.applied_lsn);
      draft.edit.applied_lsns.push_back({collection->uuid(), cut.applied_lsn});
      draft.cuts.emplace_back(collection, std::move(cut));
    }
  }
}

absl::Status ManifestPublisher::CommitLocked(const ManifestState& base,
                                             storage::ManifestEdit edit) {
  edit.files_forgotten = std::move(removed_files_);
  removed_files_.clear();
  if (CanaryActive("manifest-edit-split-in-two") && !edit.segments_removed.empty() &&
      !edit.segments_added.empty()) {
    storage::ManifestEdit half;
    half.durable_lsn = edit.durable_lsn;
    half.segments_removed = std::exchange(edit.segments_removed, {});
    edit.preconditions.clear();
    PERIGEE_RETURN_IF_ERROR(CommitLocked(base, std::move(half)));
    return CommitLocked(*manifest_.state(), std::move(edit));
  }
  const absl::StatusOr<storage::CommitOutcome> outcome =
      manifest_.TryCommit(base.version, std::move(edit));
  if (const absl::Status health = manifest_.health(); !health.ok()) {
    // Also when the edit is committed and a roll-over behind it failed: no further edit can follow,
    // so that what is written from now on could never be sealed.
    environment_.state.Fail(health);
  }
  if (!outcome.ok()) {
    return WithContext(outcome.status(), "committing a manifest edit");
  }
  if (outcome->result == storage::CommitResult::kCommitted) {
    return absl::OkStatus();
  }
  const absl::Status cause =
      outcome->result == storage::CommitResult::kUnknown
          ? outcome->cause
          : absl::InternalError(absl::StrCat("the manifest moved to version ",
                                             outcome->head_version, " behind its only writer"));
  environment_.state.Fail(cause);
  return environment_.state.storage_error();
}

void ManifestPublisher::RemoveObsoleteFilesLocked() {
  if (segment_holds_ > 0) {
    return;  // they stay listed as obsolete
  }
  const std::shared_ptr<const ManifestState> state = manifest_.state();
  std::vector<ManifestFile> files;
  std::vector<std::string> names;
  for (const ManifestFile& file : state->obsolete_files) {
    if (std::find(removed_files_.begin(), removed_files_.end(), file) == removed_files_.end()) {
      files.push_back(file);
      names.push_back(NameOf(file));
    }
  }
  if (names.empty()) {
    return;
  }
  const absl::Status removed = environment_.directory->files().Remove(names);
  if (!removed.ok()) {
    // They stay listed as obsolete; the next edit or the next open tries again.
    Log(LogLevel::kWarning, "files.remove", Std(removed.message()));
    FailIfStorageFailed(removed);
    return;
  }
  removed_files_.insert(removed_files_.end(), files.begin(), files.end());
}

void ManifestPublisher::RetireLogLocked() {
  storage::FileLog* log = log_.load();
  if (log == nullptr || log_holds_ > 0) {
    return;
  }
  const uint64_t applied_lsn = CanaryActive("retire-wal-by-memory-lsn")
                                   ? environment_.visible_lsn.load()
                                   : manifest_.state()->min_applied_lsn();
  const absl::Status retired = log->RetireUpTo(applied_lsn);
  if (!retired.ok()) {
    Log(LogLevel::kWarning, "wal.retire", Std(retired.message()));
    FailIfStorageFailed(retired);
  }
}

void ManifestPublisher::FailIfStorageFailed(const absl::Status& status) {
  if (GetErrorReason(status) == ErrorReason::kStorageFailed) {
    environment_.state.Fail(status);
  }
}

}  // namespace perigee::engine
