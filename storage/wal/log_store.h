// SPDX-License-Identifier: Apache-2.0
//
// LogStore: where groups become durable (N7). The engine writes through this interface alone and
// never sees a log file; FileLog is the local implementation, and a log in an object store or a
// broker is another.
//
// Invariants:
//  1. Slots are dense: Append accepts exactly the group that continues end().
//  2. An Append that returned kDurable is never undone; one that returned kUnknown or an error may
//     have happened, and the log accepts no further group until it has been opened again. The one
//     exception is kResourceExhausted (disk full): nothing was written, the same group may be
//     offered again later.
//
// Thread-safety: Append, Fence and end() are called from one thread at a time; Read and Trim may be
// called from other threads meanwhile.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/wal/log_group.h"

namespace perigee::storage {

enum class AppendOutcome {
  kDurable,  ///< the group survives a crash from now on
  kFenced,   ///< refused: a writer with a higher epoch took over; nothing was written
  kUnknown,  ///< the store did not answer; only opening it again tells
};

class LogStore {
 public:
  virtual ~LogStore() = default;

  /// Where the next group must start.
  virtual LogPosition end() const = 0;
  /// Makes `group` durable. Requires: it continues end(). A storage failure is kUnavailable with
  /// reason storage_failed, now and for every later call.
  virtual absl::StatusOr<AppendOutcome> Append(const LogGroup& group) = 0;
  /// The group in `slot`; kNotFound when it was trimmed or not yet written.
  virtual absl::StatusOr<LogGroup> Read(uint64_t slot) = 0;
  /// Groups of an epoch below `epoch` are refused from now on. kFenced (kFailedPrecondition) when
  /// a higher epoch was fenced before.
  virtual absl::Status Fence(uint64_t epoch) = 0;
  /// Slots below `before_slot` are no longer needed; the store removes what it can.
  virtual absl::Status Trim(uint64_t before_slot) = 0;
};

}  // namespace perigee::storage
