// SPDX-License-Identifier: Apache-2.0
//
// GroupCommitQueue: the log writer (D1). It takes what is queued, lets each operation resolve its
// outcome, writes them as one group, applies them in LSN order, publishes, and only then wakes the
// callers. One thread at a time does all of this, "the log writer": a caller who finds nobody
// writing, for the group with its own operation, else the queue's thread (docs/decisions/0021).
//
// Invariants:
//  1. Commit returns ok only after the operation is durable, applied and published.
//  2. Resolve of an operation runs after Apply of every operation in the groups before.
//  3. After a storage failure nothing is applied and every waiting and later Commit fails.
//  4. When no group follows for a while, a durable mark is written, so that damage to an older
//     group is known as damage and never taken for a torn tail (D7).
//
// Thread-safety: Commit may be called from every thread; Stop and the destructor from one thread,
// after which no Commit may begin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/wal/log_store.h"

namespace perigee::storage {

/// One write. Owned by the caller, alive until Commit returns.
class CommitOperation {
 public:
  virtual ~CommitOperation() = default;

  virtual uint16_t record_type() const = 0;
  /// Final before Commit.
  virtual std::span<const std::byte> record_payload() const = 0;
  virtual uint32_t catalog_version() const { return 0; }

  /// Decides whether the operation takes place. By the log writer, after all previous
  /// groups were applied. `earlier_in_group` resolved well and will be applied before, but are not
  /// yet. kAborted: put this operation at the start of the next group, when they are; another
  /// error refuses this operation alone. Must leave no effect outside the operation, because the
  /// group may still fail. Is called again after kAborted.
  virtual absl::Status Resolve(std::span<CommitOperation* const> earlier_in_group) = 0;
  /// By the log writer, in LSN order, after the group is durable. Must succeed (D4).
  virtual void Apply(uint64_t lsn) = 0;
};

struct GroupCommitOptions {
  /// Of this open (N2).
  uint64_t epoch = 0;
  /// A group takes further operations up to this size; one large operation may exceed it alone.
  size_t group_bytes_soft_max = size_t{1} << 20;
  size_t group_operations_max = 1024;
  size_t queue_operations_max = 4096;
  size_t queue_bytes_max = size_t{64} << 20;
  absl::Duration durable_mark_after = absl::Milliseconds(100);
  /// By the log writer, after Apply of the group's last operation and before any of its callers
  /// wakes: publishes what readers see.
  std::function<void(uint64_t last_lsn)> on_group_applied;
  /// Once, by the log writer, before the callers wake: writing has ended.
  std::function<void(const absl::Status&)> on_failed;
};

class GroupCommitQueue {
 public:
  /// Starts the queue's thread. The first record continues log.end(). `log` must outlive the
  /// queue, which is its only appender.
  GroupCommitQueue(LogStore& log, GroupCommitOptions options);
  ~GroupCommitQueue();
  GroupCommitQueue(const GroupCommitQueue&) = delete;
  GroupCommitQueue& operator=(const GroupCommitQueue&) = delete;

  /// Blocks until `operation` is durable, applied and published; returns its LSN. Its own error
  /// when Resolve refused it; kResourceExhausted when the queue or the disk is full;
  /// kInvalidArgument (limit) when its payload exceeds kRecordPayloadBytesMax; kUnavailable
  /// (storage_failed) when the log failed, in which case a crash may still keep or lose it;
  /// kFailedPrecondition when the queue was stopped.
  absl::StatusOr<uint64_t> Commit(CommitOperation& operation);

  /// Finishes what is queued, then ends the thread. May be called twice.
  void Stop();

  /// Ok, or why writing ended.
  absl::Status health() const;
  /// Operations that wait for their group, for status displays.
  size_t queued() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace perigee::storage
