// SPDX-License-Identifier: Apache-2.0
#include "engine/database/database_recovery.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/collection/collection_core.h"
#include "engine/collection/schema_codec.h"
#include "engine/collection/segment_sealer.h"
#include "perigee/model/point_id.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/log.h"
#include "storage/foundation/status_macros.h"
#include "storage/layout/file_names.h"

namespace perigee::engine {
namespace {

absl::Status Broken(const std::string& message) {
  return ErrorWithReason(ErrorReason::kDamaged, message);
}

}  // namespace

DatabaseRecovery::DatabaseRecovery(std::shared_ptr<CollectionEnvironment> environment,
                                   CollectionCatalog& catalog)
    : environment_(std::move(environment)), catalog_(catalog) {}

absl::Status DatabaseRecovery::LoadCollections(const storage::ManifestState& state,
                                               CollectionLoader& loader) {
  for (const auto& [uuid, entry] : state.collections) {
    if (const absl::Status loaded = LoadCollection(entry, loader); !loaded.ok()) {
      return WithContext(loaded, absl::StrCat("opening collection '", entry.name, "'"));
    }
  }
  return absl::OkStatus();
}

absl::Status DatabaseRecovery::LoadCollection(const storage::CollectionEntry& entry,
                                              CollectionLoader& loader) {
  PERIGEE_ASSIGN_OR_RETURN(CollectionSchema schema, DecodeSchema(storage::AsBytes(entry.schema)));
  CollectionIdentity identity;
  identity.uuid = entry.uuid;
  identity.tenant = entry.tenant_uuid;
  identity.name = entry.name;
  identity.schema = std::make_shared<const CollectionSchema>(std::move(schema));
  identity.hash_seed = entry.hash_seed;
  identity.created_lsn = entry.created_lsn;
  CollectionState::Options state;
  state.identity.seq = entry.applied_lsn;
  state.applied_lsn = entry.applied_lsn;
  for (const auto& [uuid, segment] : entry.segments) {
    published_max_lsn_ = std::max(published_max_lsn_, segment.max_lsn);
    const bool held_back = segment.stamped_lsn > entry.applied_lsn;
    absl::StatusOr<std::shared_ptr<SealedSegment>> opened =
        held_back ? OpenNamedSegment(*environment_->directory, identity.schema, segment)
                  : PrepareNamedSegment(*environment_->directory, identity.schema, segment);
    if (!opened.ok()) {
      const bool damage = opened.status().code() == absl::StatusCode::kDataLoss ||
                          opened.status().code() == absl::StatusCode::kNotFound;
      if (!damage) {
        return opened.status();
      }
      warnings_.push_back(absl::StrCat("collection '", entry.name, "': segment ", uuid.ToString(),
                                       " cannot be read: ", opened.status().message()));
      state.segments.missing.push_back(
          {uuid, segment.row_count, Broken(std::string(opened.status().message()))});
      continue;
    }
    if ((*opened)->read_only()) {
      warnings_.push_back(absl::StrCat("collection '", entry.name, "': segment ", uuid.ToString(),
                                       " was written by a later version with features that allow "
                                       "this one to search it, not to rewrite it"));
    }
    if (held_back) {
      for (const std::string& problem : (*opened)->problems()) {
        warnings_.push_back(absl::StrCat("collection '", entry.name, "': ", problem));
      }
      pending_[{entry.uuid, segment.stamped_lsn}].push_back({*std::move(opened), segment});
      continue;
    }
    state.segments.sealed.push_back(*std::move(opened));
  }
  std::shared_ptr<CollectionCore> collection =
      CollectionCore::Make(environment_, std::move(identity), std::move(state));
  loader.Add(collection);
  catalog_.Add(std::move(collection));
  return absl::OkStatus();
}

absl::Status DatabaseRecovery::Replay(const storage::LogRecord& record) {
  environment_->visible_lsn.store(record.lsn - 1);
  switch (static_cast<LogRecordType>(record.type)) {
    case LogRecordType::kCreateCollection:
      return ReplayCreate(record);
    case LogRecordType::kDropCollection:
      return ReplayDrop(record);
    case LogRecordType::kUpsert:
      return ReplayUpsert(record);
    case LogRecordType::kDelete:
      return ReplayDelete(record);
    case LogRecordType::kAttach:
      return ReplayAttach(record);
  }
  if ((record.type & storage::kSkippableRecordType) != 0) {
    return absl::OkStatus();
  }
  return ErrorWithReason(ErrorReason::kUnknownFormat,
                         absl::StrCat("log record type ", record.type,
                                      " is of a later version; open the directory with that one"));
}

absl::Status DatabaseRecovery::ReplayCreate(const storage::LogRecord& record) {
  PERIGEE_ASSIGN_OR_RETURN(CreateCollectionRecord create, DecodeCreateCollection(record.payload));
  if (catalog_.FindUuid(create.collection) != nullptr) {
    return absl::OkStatus();  // the manifest has it
  }
  if (catalog_.FindName(create.name) != nullptr) {
    // The holder of the name was created later than this record and stands in the manifest, so the
    // collection of this record was dropped in between.
    unknown_.insert(create.collection);
    return absl::OkStatus();
  }
  catalog_.Add(MakeCollection(environment_, create, record.lsn));
  return absl::OkStatus();
}

absl::Status DatabaseRecovery::ReplayDrop(const storage::LogRecord& record) {
  PERIGEE_ASSIGN_OR_RETURN(const DropCollectionRecord drop, DecodeDropCollection(record.payload));
  const std::shared_ptr<CollectionCore> collection = catalog_.FindUuid(drop.collection);
  unknown_.erase(drop.collection);
  lost_attachments_.erase(drop.collection);
  if (collection != nullptr) {
    catalog_.Remove(drop.collection);
    collection->MarkDropped();
    std::erase_if(pending_,
                  [&drop](const auto& entry) { return entry.first.first == drop.collection; });
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<CollectionCore>> DatabaseRecovery::Target(const storage::Uuid& uuid,
                                                                         uint64_t lsn) {
  std::shared_ptr<CollectionCore> collection = catalog_.FindUuid(uuid);
  if (collection == nullptr) {
    unknown_.insert(uuid);
  } else if (lsn <= collection->state().applied_lsn()) {
    return nullptr;
  } else if (!CanaryActive("replay-before-ids")) {
    PERIGEE_RETURN_IF_ERROR(collection->WaitLoaded(kIdsLoaded));
  }
  return collection;
}

absl::Status DatabaseRecovery::ReplayUpsert(const storage::LogRecord& record) {
  PERIGEE_ASSIGN_OR_RETURN(const UpsertRecord upsert, DecodeUpsert(record.payload));
  PERIGEE_ASSIGN_OR_RETURN(const std::shared_ptr<CollectionCore> collection,
                           Target(upsert.collection, record.lsn));
  if (collection == nullptr) {
    return absl::OkStatus();
  }
  PERIGEE_RETURN_IF_ERROR(CheckRowsAgainstSchema(upsert, collection->schema()));
  collection->Touch();
  collection->state().ApplyUpsert(upsert, record.lsn);
  return SealFull(collection, record.lsn);
}

absl::Status DatabaseRecovery::ReplayDelete(const storage::LogRecord& record) {
  PERIGEE_ASSIGN_OR_RETURN(const DeleteRecord deletion, DecodeDelete(record.payload));
  PERIGEE_ASSIGN_OR_RETURN(const std::shared_ptr<CollectionCore> collection,
                           Target(deletion.collection, record.lsn));
  if (collection != nullptr) {
    collection->Touch();
    collection->state().ApplyDelete(deletion, record.lsn);
  }
  return absl::OkStatus();
}

absl::Status DatabaseRecovery::ReplayAttach(const storage::LogRecord& record) {
  PERIGEE_ASSIGN_OR_RETURN(const AttachRecord attach, DecodeAttach(record.payload));
  PERIGEE_ASSIGN_OR_RETURN(const std::shared_ptr<CollectionCore> collection,
                           Target(attach.collection, record.lsn));
  if (collection == nullptr) {
    return absl::OkStatus();
  }
  std::vector<NamedSegment> segments;
  const auto held = pending_.find({attach.collection, record.lsn});
  const bool published = held != pending_.end();
  if (published) {
    segments = std::move(held->second);
    pending_.erase(held);
  } else {
    // The crash came between the record and the manifest edit: the edit is repeated.
    for (const SegmentReceipt& receipt : attach.segments) {
      if (collection->state().damaged()) {
        break;  // it takes part in nothing until it is repaired; its log stays
      }
      NamedSegment named;
      named.entry.uuid = receipt.segment;
      named.entry.file_bytes = receipt.file_bytes;
      named.entry.row_count = receipt.row_count;
      named.entry.root_checksum = receipt.root_checksum;
      absl::StatusOr<std::shared_ptr<SealedSegment>> opened =
          OpenNamedSegment(*environment_->directory, collection->identity().schema, named.entry);
      if (!opened.ok()) {
        // The files of a dropped collection go before its records do: the drop may follow.
        lost_attachments_.emplace(
            attach.collection,
            Broken(absl::StrCat(
                "replay of LSN ", record.lsn, ": segment ", receipt.segment.ToString(),
                " of an acknowledged bulk load cannot be read: ", opened.status().message())));
        return absl::OkStatus();
      }
      named.segment = *std::move(opened);
      segments.push_back(std::move(named));
    }
  }
  if (segments.size() != attach.segments.size() && !collection->state().damaged()) {
    return Broken(absl::StrCat("the manifest has ", segments.size(), " of the ",
                               attach.segments.size(), " segments attached at LSN ", record.lsn));
  }
  collection->Touch();
  collection->state().ApplyAttach(StampAttached(std::move(segments), record.lsn), record.lsn,
                                  published);
  return absl::OkStatus();
}

absl::Status DatabaseRecovery::SealFull(const std::shared_ptr<CollectionCore>& collection,
                                        uint64_t lsn) {
  if (disk_full_ || collection->state().frozen_count() == 0 || collection->state().damaged() ||
      lost_attachments_.contains(collection->uuid())) {
    return absl::OkStatus();
  }
  // The record is applied as a whole, so this is a moment between two groups.
  collection->state().PublishGroup(lsn);
  std::erase(environment_->touched, collection);
  environment_->visible_lsn.store(lsn);
  // Between two groups, because the loader may have to make a segment a missing one.
  PERIGEE_RETURN_IF_ERROR(collection->WaitLoaded(kSourceLoaded));
  if (collection->state().damaged()) {
    return absl::OkStatus();
  }
  const absl::Status sealed = SealOldestFrozen(collection, {.with_indexes = false});
  if (sealed.code() == absl::StatusCode::kResourceExhausted) {
    // A full disk must not keep the database shut; memory then holds what the log does, which is
    // bounded too, and maintenance seals it when there is room.
    warnings_.push_back(
        absl::StrCat("replay could not seal for want of space: ", sealed.message()));
    disk_full_ = true;
    return absl::OkStatus();
  }
  return sealed;
}

absl::Status DatabaseRecovery::Finish(uint64_t last_lsn) {
  for (const std::shared_ptr<CollectionCore>& collection : environment_->touched) {
    collection->state().PublishGroup(last_lsn);
  }
  environment_->touched.clear();
  environment_->visible_lsn.store(last_lsn);
  if (!unknown_.empty()) {
    return Broken(absl::StrCat("the log has records of collection ", unknown_.begin()->ToString(),
                               ", which neither the manifest nor the log creates or drops"));
  }
  if (!lost_attachments_.empty()) {
    return lost_attachments_.begin()->second;
  }
  if (!pending_.empty()) {
    return Broken(absl::StrCat("the manifest has a segment attached at LSN ",
                               pending_.begin()->first.second, ", but the log ends at LSN ",
                               last_lsn, " without that record"));
  }
  for (const std::shared_ptr<CollectionCore>& collection : catalog_.List()) {
    if (collection->state().applied_lsn() > last_lsn) {
      return Broken(absl::StrCat("collection '", collection->name(), "' has applied LSN ",
                                 collection->state().applied_lsn(), ", but the log ends at LSN ",
                                 last_lsn));
    }
  }
  return absl::OkStatus();
}

absl::Status DatabaseRecovery::FindStrays(const storage::ManifestState& state) {
  storage::DataDirectory& directory = *environment_->directory;
  const std::set<storage::ManifestFile> live = state.LiveFiles();
  const auto report = [this, &live, &state](storage::ManifestFileKind kind,
                                            const std::vector<storage::Uuid>& uuids,
                                            std::string_view folder) {
    for (const storage::Uuid& uuid : uuids) {
      const storage::ManifestFile file{kind, uuid};
      if (!live.contains(file) && !state.obsolete_files.contains(file)) {
        warnings_.push_back(absl::StrCat(std::string(folder), "/", uuid.ToString(),
                                         " is not part of the database (left by a crash?); "
                                         "perigee-inspect tells what it is"));
      }
    }
  };
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<storage::Uuid> segments, directory.ListSegments());
  report(storage::ManifestFileKind::kSegment, segments, storage::kSegmentDirectory);
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<storage::Uuid> deletions, directory.ListDeletions());
  report(storage::ManifestFileKind::kDeletion, deletions, storage::kDeletionDirectory);
  for (const std::string& name : directory.unknown_names()) {
    warnings_.push_back(absl::StrCat(name, " is not a file of the database; it was left alone"));
  }
  return absl::OkStatus();
}

}  // namespace perigee::engine
