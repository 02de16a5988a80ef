// SPDX-License-Identifier: Apache-2.0
//
// SegmentPublisher: how sealing, compaction and bulk load make their segments live. The database
// implements it with one manifest edit per change.
//
// Invariants: after ok the change is durable, readers see it, and the files it made obsolete are
// on their way out. After an error nothing has changed, unless the database reports a storage
// failure, after which it takes no writes.
// Thread-safety: all methods may be called from every thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "engine/collection/collection_state.h"
#include "storage/manifest/manifest_state.h"

namespace perigee::engine {

class CollectionCore;

/// One change of a collection's sealed segments. Without any segment it is a checkpoint only:
/// deaths and the applied LSN become durable outside of the log.
struct SegmentChange {
  std::shared_ptr<CollectionCore> collection;
  /// Sealing: the frozen segment that `added` replaces.
  std::optional<FrozenWork> sealed_from;
  /// Compaction: the segments that `added` replaces, and the LSN up to which deaths were left out.
  std::vector<std::shared_ptr<SealedSegment>> rewritten;
  uint64_t rewrite_horizon_lsn = 0;
  /// The new segment under its final name; null when every row was dead.
  std::shared_ptr<SealedSegment> added;
  storage::SegmentEntry added_entry;
};

class SegmentPublisher {
 public:
  virtual ~SegmentPublisher() = default;

  /// kNotFound when the collection was dropped meanwhile.
  virtual absl::Status Publish(const SegmentChange& change) = 0;
};

}  // namespace perigee::engine
