// SPDX-License-Identifier: Apache-2.0
//
// CollectionEnvironment: the parts of an open database that its collections work with. The database
// owns the parts; collections hold the environment and may outlive the parts.
//
// Invariants: pointers other than `state` and `tuning` are used only under a WorkPermit, or on the
// log writer's thread, or during recovery; all of these end before the parts do.
// Thread-safety: set up before the first collection exists, then constant; `touched` belongs to the
// thread that applies log records.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "engine/collection/engine_state.h"
#include "engine/collection/engine_tuning.h"
#include "storage/io/file_system.h"
#include "storage/layout/data_directory.h"
#include "storage/wal/group_commit_queue.h"

namespace perigee::engine {

class CollectionCore;
class SegmentPublisher;

struct CollectionEnvironment {
  explicit CollectionEnvironment(EngineState::Options options) : state(std::move(options)) {}

  EngineState state;
  EngineTuning tuning;
  storage::FileSystem* file_system = nullptr;
  storage::DataDirectory* directory = nullptr;
  storage::GroupCommitQueue* queue = nullptr;  ///< null while recovering and when read-only
  SegmentPublisher* publisher = nullptr;
  /// Ok, or kDiskFull when free space is below the hard limit (D14).
  std::function<absl::Status()> check_space;
  /// Ok, or kDiskFull when segments of `old_bytes` had better not be rewritten into `new_bytes`.
  std::function<absl::Status(uint64_t new_bytes, uint64_t old_bytes)> check_rewrite_space;
  /// Whether the log has all the files it may have (D13), so that writes must wait for seals.
  std::function<bool()> log_full;
  /// Makes the reserve for a full disk again where there is room; how long until the next look.
  std::function<absl::Duration()> tend_reserve;
  /// There may be something to seal, compact or retire.
  std::function<void()> wake_maintenance;
  /// Every record up to here is durable, applied and published, in every collection.
  std::atomic<uint64_t> visible_lsn = 0;
  /// Collections that the current group of the log has changed.
  std::vector<std::shared_ptr<CollectionCore>> touched;
};

}  // namespace perigee::engine
