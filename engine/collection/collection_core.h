// SPDX-License-Identifier: Apache-2.0
//
// CollectionCore: one collection of an open database: who it is, its state, and the calls on it,
// without rights (CollectionHandle checks those).
//
// Invariants:
//  1. Identity and schema never change.
//  2. A dropped collection answers kNotFound for ever, also through old handles.
//  3. At most one thread seals and at most one rewrites at a time (the claims below).
//
// Thread-safety: all methods may be called from every thread, except where a comment names the log
// writer.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/collection/collection_environment.h"
#include "engine/collection/collection_reader.h"
#include "engine/collection/collection_state.h"
#include "engine/collection/engine_operation.h"
#include "engine/collection/load_progress.h"
#include "perigee/model/query.h"
#include "perigee/model/status_report.h"
#include "perigee/model/write.h"
#include "storage/encoding/uuid.h"

namespace perigee::engine {

/// What a collection is, from its create record or its manifest entry.
struct CollectionIdentity {
  storage::Uuid uuid;
  storage::Uuid tenant;
  std::string name;
  std::shared_ptr<const CollectionSchema> schema;
  uint64_t hash_seed = 0;
  uint64_t created_lsn = 0;
};

class CollectionCore : public std::enable_shared_from_this<CollectionCore> {
 public:
  /// `state.identity` and `state.tuning` are filled in from the other arguments, except for seq.
  static std::shared_ptr<CollectionCore> Make(std::shared_ptr<CollectionEnvironment> environment,
                                              CollectionIdentity identity,
                                              CollectionState::Options state);

  const storage::Uuid& uuid() const { return identity_.uuid; }
  const std::string& name() const { return identity_.name; }
  const CollectionSchema& schema() const { return *identity_.schema; }
  const CollectionIdentity& identity() const { return identity_; }
  CollectionEnvironment& environment() const { return *environment_; }
  CollectionState& state() { return state_; }
  const CollectionState& state() const { return state_; }
  LoadProgress& load() { return load_; }
  const LoadProgress& load() const { return load_; }

  /// kFailedPrecondition when the database is closed or forked, kNotFound when dropped.
  absl::Status CheckUsable() const;
  /// CheckUsable, and kDataLoss when a segment is missing.
  absl::Status CheckWritable() const;
  /// Waits until `parts` are loaded, and while the collection is usable.
  absl::Status WaitLoaded(uint32_t parts) const {
    return WaitLoaded(parts, Cancellation::OnFlag(&stop_requested_));
  }

  absl::StatusOr<WriteResult> Upsert(const UpsertRequest& request);
  absl::StatusOr<WriteResult> Delete(const DeleteRequest& request);
  absl::StatusOr<GetResult> Get(const GetRequest& request) const;
  absl::StatusOr<QueryResult> Query(const perigee::Query& query) const;
  absl::StatusOr<std::vector<QueryResult>> QueryBatch(
      std::span<const perigee::Query> queries) const;
  absl::StatusOr<CountResult> Count(const CountRequest& request) const;
  absl::StatusOr<ScrollResult> Scroll(const ScrollRequest& request) const;
  absl::StatusOr<ExplainResult> Explain(const perigee::Query& query) const;
  absl::StatusOr<CollectionDescription> Describe() const;

  /// Seals everything written before the call and waits until it is published.
  absl::Status Flush();
  /// Flush, then rewrites segments until none has dead rows and small ones are merged.
  absl::Status Optimize();

  /// On the thread that applies log records: the current group changes this collection.
  void Touch();
  /// Ids of the current group; log writer only.
  GroupIds& group_ids() { return group_ids_; }

  /// From now on every call answers kNotFound and builds for it are given up.
  void MarkDropped();
  bool dropped() const { return dropped_.load(); }
  /// Ends waits and builds; for Close.
  void RequestStop();
  const std::atomic<bool>& stop_requested() const { return stop_requested_; }

  /// Exclusive right to seal or to rewrite; false when another thread has it.
  bool ClaimSeal() { return !seal_claimed_.exchange(true); }
  void ReleaseSeal() { seal_claimed_.store(false); }
  bool ClaimRewrite() { return !rewrite_claimed_.exchange(true); }
  void ReleaseRewrite() { rewrite_claimed_.store(false); }

 private:
  CollectionCore(std::shared_ptr<CollectionEnvironment> environment, CollectionIdentity identity,
                 CollectionState::Options state);

  absl::Status WaitLoaded(uint32_t parts, const Cancellation& cancellation) const;
  /// The newest snapshot of a usable collection, once `parts` are loaded.
  absl::StatusOr<std::shared_ptr<const CollectionSnapshot>> Snapshot(uint32_t parts) const;
  /// What reads of a query with these must wait for.
  absl::StatusOr<CollectionReader> ReaderFor(std::span<const perigee::Query> queries) const;
  /// Seals up to `horizon_lsn`, on this thread or by waiting for the one that does.
  absl::Status SealTo(uint64_t horizon_lsn);

  const std::shared_ptr<CollectionEnvironment> environment_;
  const CollectionIdentity identity_;
  CollectionState state_;
  LoadProgress load_;
  GroupIds group_ids_;
  std::atomic<bool> dropped_ = false;
  std::atomic<bool> stop_requested_ = false;
  std::atomic<bool> seal_claimed_ = false;
  std::atomic<bool> rewrite_claimed_ = false;
};

}  // namespace perigee::engine
