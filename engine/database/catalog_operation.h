// SPDX-License-Identifier: Apache-2.0
//
// The log operations that change which collections and segments there are: create, drop and attach.
//
// Invariants: each resolves only as the first of its group, so that operations behind it in the
// group know it from the front alone (engine_operation.h).
// Thread-safety: made on the caller's thread, used on the log writer's until Commit returns.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "engine/collection/engine_operation.h"
#include "engine/collection/named_segment.h"
#include "engine/database/collection_catalog.h"

namespace perigee::engine {

class CreateOperation final : public EngineOperation {
 public:
  /// `environment` and `catalog` outlive the operation.
  CreateOperation(CreateCollectionRecord record, std::shared_ptr<CollectionEnvironment> environment,
                  CollectionCatalog& catalog);

  absl::Status Resolve(std::span<storage::CommitOperation* const> earlier_in_group) override;
  void Apply(uint64_t lsn) override;
  /// The new collection, after Apply.
  const std::shared_ptr<CollectionCore>& created() const { return created_; }

 private:
  const CreateCollectionRecord record_;
  const std::shared_ptr<CollectionEnvironment> environment_;
  CollectionCatalog& catalog_;
  std::shared_ptr<CollectionCore> created_;
};

class DropOperation final : public EngineOperation {
 public:
  DropOperation(std::shared_ptr<CollectionCore> collection, CollectionCatalog& catalog);

  absl::Status Resolve(std::span<storage::CommitOperation* const> earlier_in_group) override;
  void Apply(uint64_t lsn) override;

 private:
  CollectionCatalog& catalog_;
};

class AttachOperation final : public EngineOperation {
 public:
  /// The segments have their final names, are open and are not published.
  AttachOperation(std::shared_ptr<CollectionCore> collection, std::vector<NamedSegment> segments);

  absl::Status Resolve(std::span<storage::CommitOperation* const> earlier_in_group) override;
  void Apply(uint64_t lsn) override;

 private:
  std::vector<NamedSegment> segments_;
};

/// A new, empty collection as its create record at `lsn` says.
std::shared_ptr<CollectionCore> MakeCollection(std::shared_ptr<CollectionEnvironment> environment,
                                               const CreateCollectionRecord& record, uint64_t lsn);

/// Sets the LSN of an attach in its segments and in what the manifest will say of them.
std::vector<AttachedSegment> StampAttached(std::vector<NamedSegment> segments, uint64_t lsn);

}  // namespace perigee::engine
