// SPDX-License-Identifier: Apache-2.0
//
// CollectionState: the segments of one collection as writes and maintenance change them, and the
// snapshot that readers see.
//
//   growing --Freeze--> frozen (oldest first) --ReplaceFrozen--> sealed --ReplaceSealed--> sealed
//
// Invariants:
//  1. Between two groups of the log every write up to last_lsn() is applied, published and durable.
//     Maintenance waits for such a moment (BetweenGroups), so it never sees half a group.
//  2. applied_lsn(): what the manifest says is in sealed segments and their deletion files. Deaths
//     after it are in the log only; deaths up to it are in the files.
//  3. Frozen segments are sealed oldest first; the horizon of each is the last LSN applied before
//     it was frozen, so sealing it moves applied_lsn() to that horizon.
//  4. A damaged collection (a segment is missing) takes no writes and is not maintained, because
//     the deaths in the missing segment could not be recorded.
//
// Thread-safety: Apply... and PublishGroup come from the log writer (or from recovery, before it
// starts); everything else may be called from every thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "engine/collection/collection_snapshot.h"
#include "engine/collection/engine_tuning.h"
#include "engine/collection/snapshot_cell.h"
#include "engine/collection/wal_operation.h"
#include "storage/manifest/manifest_state.h"
#include "storage/segment/deletion_file.h"

namespace perigee::engine {

/// A bulk-loaded segment with what the manifest is to say about it.
struct AttachedSegment {
  std::shared_ptr<SealedSegment> segment;
  storage::SegmentEntry entry;
};

/// The oldest frozen segment and the LSN up to which it completes the collection.
struct FrozenWork {
  std::shared_ptr<GrowingSegment> segment;
  uint64_t horizon_lsn = 0;
};

/// All deaths of one segment up to a checkpoint, because some are newer than its deletion file.
struct DeathsOfSegment {
  std::shared_ptr<SealedSegment> segment;
  uint64_t complete_lsn = 0;  ///< every death up to here is listed
  std::vector<storage::DeadRow> dead_rows;
};

/// What an edit must say about a collection, if it is made now.
struct CheckpointCut {
  uint64_t applied_lsn = 0;  ///< of the collection after the edit
  bool advances = false;     ///< applied_lsn is larger than before
  std::vector<DeathsOfSegment> deaths;
  std::vector<AttachedSegment> attached;  ///< segments that the manifest does not name yet
};

/// For descriptions.
struct CollectionSizes {
  uint64_t growing_rows = 0;
  uint64_t frozen_segments = 0;
  uint64_t frozen_rows = 0;
  uint64_t sealed_segments = 0;
  uint64_t memory_bytes = 0;
  uint64_t disk_bytes = 0;
  uint64_t applied_lsn = 0;
  bool index_damaged = false;  ///< a sealed segment is searched without its graph (D16)
};

class CollectionState {
 public:
  struct Options {
    SnapshotIdentity identity;  ///< seq: what the segments show
    uint64_t applied_lsn = 0;
    SegmentList segments;
    const EngineTuning* tuning = nullptr;
  };

  explicit CollectionState(Options options);
  CollectionState(const CollectionState&) = delete;
  CollectionState& operator=(const CollectionState&) = delete;

  /// True on the first touch since PublishGroup: the caller owes a PublishGroup.
  bool BeginGroup();
  void ApplyUpsert(const UpsertRecord& record, uint64_t lsn);
  /// Returns how many of the points existed.
  uint64_t ApplyDelete(const DeleteRecord& record, uint64_t lsn);
  /// Adds segments all of whose rows were written at `lsn`; older versions of their ids die.
  /// `published`: the manifest names them already.
  void ApplyAttach(std::vector<AttachedSegment> attached, uint64_t lsn, bool published);
  /// Ends the group: readers see everything up to `seq`.
  void PublishGroup(uint64_t seq);
  /// Whether a live row has this id, as the log writer sees it.
  bool Contains(std::string_view encoded_id) const;

  std::shared_ptr<const CollectionSnapshot> snapshot() const { return cell_.Load(); }
  uint64_t applied_lsn() const;
  bool damaged() const { return damaged_.load(); }
  size_t frozen_count() const;
  /// Anything that is in the log only: rows, deaths or attached segments.
  bool HasUnsealed() const;
  /// Attached segments that the manifest does not name yet.
  bool HasUnpublished() const;
  CollectionSizes sizes() const;
  std::vector<std::shared_ptr<SealedSegment>> sealed() const;
  /// Turns a sealed segment that proved unreadable while it was loaded into a missing one, between
  /// two groups, and publishes. False, doing nothing, when `*stop` turned true before.
  bool MarkMissing(const SealedSegment& segment, const absl::Status& why,
                   const std::atomic<bool>& stop);

  /// Waits until fewer than `frozen_max` frozen segments are left; false after `wait` or when
  /// `*stop` turned true.
  bool WaitForRoom(uint32_t frozen_max, absl::Duration wait, const std::atomic<bool>& stop) const;
  /// Makes the waits above and below look at their conditions again.
  void Wake() const { absl::MutexLock lock(&mutex_); }
  /// Waits until the frozen segments up to `horizon_lsn` are sealed; false after `wait`.
  bool WaitSealedTo(uint64_t horizon_lsn, absl::Duration wait) const;

  /// Freezes the growing segment if it has rows. Returns the horizon of the newest frozen segment,
  /// 0 when there is none.
  uint64_t Freeze();
  /// The frozen segment to seal next.
  std::optional<FrozenWork> OldestFrozen() const;
  /// Segments that a rewrite may take: all of their rows are at or before applied_lsn().
  std::vector<std::shared_ptr<SealedSegment>> Rewritable(uint64_t* applied_lsn) const;

  /// What an edit that also seals `sealing` (may be null) must say. `visible_lsn`: the log is
  /// applied up to here in every collection.
  CheckpointCut Cut(const GrowingSegment* sealing, uint64_t visible_lsn) const;
  /// The edit of `cut` is durable.
  void Checkpointed(const CheckpointCut& cut);
  /// Swaps the oldest frozen segment for `sealed` (null: all its rows were dead) and publishes.
  void ReplaceFrozen(const FrozenWork& work, std::shared_ptr<SealedSegment> sealed);
  /// Swaps `sources` for `sealed`, carrying over deaths after `horizon_lsn`, and publishes.
  void ReplaceSealed(std::span<const std::shared_ptr<SealedSegment>> sources, uint64_t horizon_lsn,
                     std::shared_ptr<SealedSegment> sealed);

 private:
  /// Locks mutex_ at a moment between two groups.
  class ABSL_SCOPED_LOCKABLE BetweenGroups;

  bool NotInGroup() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !in_group_; }
  void FreezeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PublishLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::shared_ptr<GrowingSegment> NewGrowing() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const EngineTuning& tuning_;
  std::atomic<bool> damaged_;

  mutable absl::Mutex mutex_;
  SnapshotIdentity identity_ ABSL_GUARDED_BY(mutex_);
  SegmentList segments_ ABSL_GUARDED_BY(mutex_);
  std::deque<uint64_t> frozen_horizons_ ABSL_GUARDED_BY(mutex_);  // one per frozen segment
  std::vector<AttachedSegment> unpublished_ ABSL_GUARDED_BY(mutex_);
  bool in_group_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t applied_lsn_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_lsn_ ABSL_GUARDED_BY(mutex_);        // of the last operation on this collection
  uint64_t last_death_lsn_ ABSL_GUARDED_BY(mutex_);  // in a sealed segment
  SnapshotCell cell_;
};

}  // namespace perigee::engine
