// SPDX-License-Identifier: Apache-2.0
#include "engine/database/catalog_operation.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "perigee/model/limits.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"

namespace perigee::engine {
namespace {

using storage::CommitOperation;

absl::Status MustBeFirst(std::span<CommitOperation* const> earlier) {
  return earlier.empty() ? absl::OkStatus()
                         : absl::AbortedError("a change of the catalog begins a group");
}

std::string EncodeAttach(const CollectionCore& collection,
                         const std::vector<NamedSegment>& segments) {
  AttachRecord record;
  record.collection = collection.uuid();
  for (const NamedSegment& segment : segments) {
    record.segments.push_back({.segment = segment.entry.uuid,
                               .file_bytes = segment.entry.file_bytes,
                               .row_count = segment.entry.row_count,
                               .root_checksum = segment.entry.root_checksum});
  }
  return EncodeRecord(record);
}

}  // namespace

std::shared_ptr<CollectionCore> MakeCollection(std::shared_ptr<CollectionEnvironment> environment,
                                               const CreateCollectionRecord& record, uint64_t lsn) {
  CollectionIdentity identity;
  identity.uuid = record.collection;
  identity.tenant = record.tenant;
  identity.name = record.name;
  identity.schema = std::make_shared<const CollectionSchema>(record.schema);
  identity.hash_seed = record.hash_seed;
  identity.created_lsn = lsn;
  CollectionState::Options state;
  state.identity.seq = lsn;
  state.applied_lsn = lsn;
  return CollectionCore::Make(std::move(environment), std::move(identity), std::move(state));
}

std::vector<AttachedSegment> StampAttached(std::vector<NamedSegment> segments, uint64_t lsn) {
  std::vector<AttachedSegment> attached;
  for (NamedSegment& segment : segments) {
    segment.segment->StampLsn(lsn);
    segment.entry.stamped_lsn = lsn;
    segment.entry.min_lsn = lsn;
    segment.entry.max_lsn = lsn;
    attached.push_back({std::move(segment.segment), std::move(segment.entry)});
  }
  return attached;
}

CreateOperation::CreateOperation(CreateCollectionRecord record,
                                 std::shared_ptr<CollectionEnvironment> environment,
                                 CollectionCatalog& catalog)
    : EngineOperation(LogRecordType::kCreateCollection, nullptr, EncodeRecord(record)),
      record_(std::move(record)),
      environment_(std::move(environment)),
      catalog_(catalog) {}

absl::Status CreateOperation::Resolve(std::span<CommitOperation* const> earlier_in_group) {
  PERIGEE_RETURN_IF_ERROR(MustBeFirst(earlier_in_group));
  if (catalog_.FindName(record_.name) != nullptr) {
    return absl::AlreadyExistsError(
        absl::StrCat("collection '", record_.name, "' exists; open it, or choose another name"));
  }
  if (catalog_.size() >= limits::kCollectionsMax) {
    return ErrorWithReason(ErrorReason::kLimit,
                           absl::StrCat("the database has ", catalog_.size(),
                                        " collections, the most it can have; drop one first"));
  }
  return absl::OkStatus();
}

void CreateOperation::Apply(uint64_t lsn) {
  created_ = MakeCollection(environment_, record_, lsn);
  catalog_.Add(created_);
}

DropOperation::DropOperation(std::shared_ptr<CollectionCore> collection, CollectionCatalog& catalog)
    : EngineOperation(LogRecordType::kDropCollection, collection,
                      EncodeRecord(DropCollectionRecord{collection->uuid()})),
      catalog_(catalog) {}

absl::Status DropOperation::Resolve(std::span<CommitOperation* const> earlier_in_group) {
  PERIGEE_RETURN_IF_ERROR(MustBeFirst(earlier_in_group));
  return collection()->CheckUsable();
}

void DropOperation::Apply(uint64_t /*lsn*/) {
  catalog_.Remove(collection()->uuid());
  collection()->MarkDropped();
}

AttachOperation::AttachOperation(std::shared_ptr<CollectionCore> collection,
                                 std::vector<NamedSegment> segments)
    : EngineOperation(LogRecordType::kAttach, collection, EncodeAttach(*collection, segments)),
      segments_(std::move(segments)) {}

absl::Status AttachOperation::Resolve(std::span<CommitOperation* const> earlier_in_group) {
  PERIGEE_RETURN_IF_ERROR(MustBeFirst(earlier_in_group));
  return collection()->CheckWritable();
}

void AttachOperation::Apply(uint64_t lsn) {
  collection()->Touch();
  collection()->state().ApplyAttach(StampAttached(std::move(segments_), lsn), lsn,
                                    CanaryActive("bulk-edit-before-attach-record"));
}

}  // namespace perigee::engine
