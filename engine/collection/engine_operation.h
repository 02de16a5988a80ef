// SPDX-License-Identifier: Apache-2.0
//
// EngineOperation: one write on its way through the group commit queue. All operations in the queue
// are of this class, so Resolve may look at the ones before it in the group.
//
// Invariants:
//  1. Operations that change the catalog or attach segments resolve only as the first of their
//     group; so a later one needs to look at the front alone to know of them.
//  2. A conditional write that meets an id of an earlier operation of its group waits for the next
//     group, where the outcome of the earlier one is known.
//
// Thread-safety: made on the caller's thread, used on the log writer's until Commit returns.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "engine/collection/wal_operation.h"
#include "perigee/model/write.h"
#include "storage/wal/group_commit_queue.h"

namespace perigee::engine {

class CollectionCore;

class EngineOperation : public storage::CommitOperation {
 public:
  uint16_t record_type() const final { return static_cast<uint16_t>(type_); }
  std::span<const std::byte> record_payload() const final;

  LogRecordType type() const { return type_; }
  /// Unique in this process; tells operations apart that had the same address.
  uint64_t serial() const { return serial_; }
  /// The collection it is about; null for one that is being created.
  const std::shared_ptr<CollectionCore>& collection() const { return collection_; }
  /// Encoded ids it writes or deletes.
  virtual std::vector<std::string_view> Ids() const { return {}; }

 protected:
  EngineOperation(LogRecordType type, std::shared_ptr<CollectionCore> collection,
                  std::string payload);

 private:
  const LogRecordType type_;
  const uint64_t serial_;
  const std::shared_ptr<CollectionCore> collection_;
  const std::string payload_;
};

/// The ids that the operations of the current group write in one collection; for conditional
/// writes. Belongs to the log writer's thread.
class GroupIds {
 public:
  /// Whether an operation of `earlier` on `collection` writes `encoded_id`.
  bool Contains(std::span<storage::CommitOperation* const> earlier,
                const CollectionCore& collection, std::string_view encoded_id);

 private:
  std::vector<uint64_t> serials_;  // of the operations that ids_ covers
  absl::flat_hash_set<std::string> ids_;
};

class UpsertOperation final : public EngineOperation {
 public:
  /// `payload` is an encoded UpsertRecord that fits the schema; kInternal otherwise, before
  /// anything is logged (D4).
  static absl::StatusOr<std::unique_ptr<UpsertOperation>> Make(
      std::shared_ptr<CollectionCore> collection, std::string payload, UpsertMode mode);

  absl::Status Resolve(std::span<storage::CommitOperation* const> earlier_in_group) override;
  void Apply(uint64_t lsn) override;
  std::vector<std::string_view> Ids() const override;

 private:
  UpsertOperation(std::shared_ptr<CollectionCore> collection, std::string payload, UpsertMode mode);
  absl::Status CheckExistence(std::span<storage::CommitOperation* const> earlier) const;

  const UpsertMode mode_;
  UpsertRecord record_;  // views into record_payload()
};

class DeleteOperation final : public EngineOperation {
 public:
  static absl::StatusOr<std::unique_ptr<DeleteOperation>> Make(
      std::shared_ptr<CollectionCore> collection, std::string payload);

  absl::Status Resolve(std::span<storage::CommitOperation* const> earlier_in_group) override;
  void Apply(uint64_t lsn) override;
  std::vector<std::string_view> Ids() const override { return record_.encoded_ids; }
  /// Points that existed; known after Apply.
  uint64_t existed() const { return existed_; }

 private:
  DeleteOperation(std::shared_ptr<CollectionCore> collection, std::string payload);

  DeleteRecord record_;
  uint64_t existed_ = 0;
};

}  // namespace perigee::engine
