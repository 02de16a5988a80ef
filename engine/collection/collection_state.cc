// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/collection_state.h"

#include <algorithm>
#include <utility>

#include "engine/collection/segment_builder.h"
#include "storage/foundation/check.h"

namespace perigee::engine {

class ABSL_SCOPED_LOCKABLE CollectionState::BetweenGroups {
 public:
  explicit BetweenGroups(const CollectionState& state) ABSL_EXCLUSIVE_LOCK_FUNCTION(state.mutex_)
      : state_(state) {
    state_.mutex_.LockWhen(absl::Condition(
        +[](const CollectionState* s) ABSL_NO_THREAD_SAFETY_ANALYSIS { return s->NotInGroup(); },
        &state_));
  }
  ~BetweenGroups() ABSL_UNLOCK_FUNCTION() { state_.mutex_.Unlock(); }
  BetweenGroups(const BetweenGroups&) = delete;
  BetweenGroups& operator=(const BetweenGroups&) = delete;

 private:
  const CollectionState& state_;
};

CollectionState::CollectionState(Options options)
    : tuning_(*options.tuning),
      damaged_(!options.segments.missing.empty()),
      identity_(std::move(options.identity)),
      segments_(std::move(options.segments)),
      applied_lsn_(options.applied_lsn),
      last_lsn_(options.applied_lsn),
      last_death_lsn_(options.applied_lsn) {
  absl::MutexLock lock(&mutex_);
  PublishLocked();
}

bool CollectionState::BeginGroup() {
  absl::MutexLock lock(&mutex_);
  return !std::exchange(in_group_, true);
}

void CollectionState::ApplyUpsert(const UpsertRecord& record, uint64_t lsn) {
  absl::MutexLock lock(&mutex_);
  if (segments_.growing != nullptr && segments_.growing->full()) {
    FreezeLocked();
  }
  if (segments_.growing == nullptr) {
    segments_.growing = NewGrowing();
  }
  for (const RowImage& row : record.rows) {
    if (segments_.MarkDead(row.encoded_id, lsn)) {
      last_death_lsn_ = lsn;
    }
    segments_.growing->Append(row, lsn);
  }
  last_lsn_ = lsn;
}

uint64_t CollectionState::ApplyDelete(const DeleteRecord& record, uint64_t lsn) {
  absl::MutexLock lock(&mutex_);
  uint64_t existed = 0;
  for (const std::string_view encoded_id : record.encoded_ids) {
    existed += segments_.MarkDead(encoded_id, lsn) ? 1 : 0;
  }
  if (existed > 0) {
    last_death_lsn_ = lsn;
  }
  last_lsn_ = lsn;
  return existed;
}

void CollectionState::ApplyAttach(std::vector<AttachedSegment> attached, uint64_t lsn,
                                  bool published) {
  absl::MutexLock lock(&mutex_);
  // An empty collection, the usual target of a load, has nothing that could die.
  bool any_rows = segments_.growing != nullptr && segments_.growing->row_count() > 0;
  any_rows = any_rows || !segments_.frozen.empty() || !segments_.sealed.empty();
  for (const AttachedSegment& one : attached) {
    for (uint32_t row = 0; any_rows && row < one.segment->row_count(); ++row) {
      if (segments_.MarkDead(one.segment->EncodedId(row), lsn)) {
        last_death_lsn_ = lsn;
      }
    }
  }
  for (AttachedSegment& one : attached) {
    segments_.sealed.push_back(one.segment);
    if (!published) {
      unpublished_.push_back(std::move(one));
    }
  }
  last_lsn_ = lsn;
}

void CollectionState::PublishGroup(uint64_t seq) {
  absl::MutexLock lock(&mutex_);
  in_group_ = false;
  identity_.seq = seq;
  PublishLocked();
}

bool CollectionState::Contains(std::string_view encoded_id) const {
  absl::MutexLock lock(&mutex_);
  return segments_.Contains(encoded_id);
}

uint64_t CollectionState::applied_lsn() const {
  absl::MutexLock lock(&mutex_);
  return applied_lsn_;
}

size_t CollectionState::frozen_count() const {
  absl::MutexLock lock(&mutex_);
  return segments_.frozen.size();
}

bool CollectionState::HasUnsealed() const {
  absl::MutexLock lock(&mutex_);
  return (segments_.growing != nullptr && segments_.growing->row_count() > 0) ||
         !segments_.frozen.empty() || !unpublished_.empty() || last_death_lsn_ > applied_lsn_;
}

bool CollectionState::HasUnpublished() const {
  absl::MutexLock lock(&mutex_);
  return !unpublished_.empty();
}

CollectionSizes CollectionState::sizes() const {
  absl::MutexLock lock(&mutex_);
  CollectionSizes sizes;
  sizes.applied_lsn = applied_lsn_;
  if (segments_.growing != nullptr) {
    sizes.growing_rows = segments_.growing->row_count();
    sizes.memory_bytes += segments_.growing->memory_bytes();
  }
  sizes.frozen_segments = segments_.frozen.size();
  for (const std::shared_ptr<GrowingSegment>& frozen : segments_.frozen) {
    sizes.frozen_rows += frozen->row_count();
    sizes.memory_bytes += frozen->memory_bytes();
  }
  sizes.sealed_segments = segments_.sealed.size();
  for (const std::shared_ptr<SealedSegment>& sealed : segments_.sealed) {
    sizes.memory_bytes += sealed->memory_bytes();
    sizes.disk_bytes += sealed->file_bytes();
    sizes.index_damaged = sizes.index_damaged || sealed->id_order_state() == DerivedState::kDamaged;
    for (size_t ordinal = 0; ordinal < identity_.schema->vectors.size(); ++ordinal) {
      sizes.index_damaged =
          sizes.index_damaged || sealed->index_state(ordinal) == DerivedState::kDamaged;
    }
  }
  return sizes;
}

std::vector<std::shared_ptr<SealedSegment>> CollectionState::sealed() const {
  absl::MutexLock lock(&mutex_);
  return segments_.sealed;
}

bool CollectionState::MarkMissing(const SealedSegment& segment, const absl::Status& why,
                                  const std::atomic<bool>& stop) {
  const auto may = [this, &stop]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return NotInGroup() || stop.load();
  };
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(&may));
  if (stop.load()) {
    return false;
  }
  segments_.missing.push_back({segment.uuid(), segment.row_count(), why});
  std::erase_if(segments_.sealed, [&segment](const auto& one) { return one.get() == &segment; });
  damaged_.store(true);
  PublishLocked();
  return true;
}

bool CollectionState::WaitForRoom(uint32_t frozen_max, absl::Duration wait,
                                  const std::atomic<bool>& stop) const {
  const auto room = [this, frozen_max, &stop]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return segments_.frozen.size() < frozen_max || stop.load();
  };
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&room), wait);
  return segments_.frozen.size() < frozen_max;
}

bool CollectionState::WaitSealedTo(uint64_t horizon_lsn, absl::Duration wait) const {
  const auto sealed = [this, horizon_lsn]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return frozen_horizons_.empty() || frozen_horizons_.front() > horizon_lsn;
  };
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&sealed), wait);
}

uint64_t CollectionState::Freeze() {
  const BetweenGroups lock(*this);
  if (segments_.growing != nullptr && segments_.growing->row_count() > 0) {
    FreezeLocked();
    PublishLocked();
  }
  return frozen_horizons_.empty() ? 0 : frozen_horizons_.back();
}

std::optional<FrozenWork> CollectionState::OldestFrozen() const {
  // Between groups, so that every row of the segment is published before it is sealed: a sealed
  // segment shows all of its rows at once.
  const BetweenGroups lock(*this);
  if (segments_.frozen.empty() || damaged_) {
    return std::nullopt;
  }
  return FrozenWork{segments_.frozen.front(), frozen_horizons_.front()};
}

std::vector<std::shared_ptr<SealedSegment>> CollectionState::Rewritable(
    uint64_t* applied_lsn) const {
  const BetweenGroups lock(*this);
  *applied_lsn = applied_lsn_;
  std::vector<std::shared_ptr<SealedSegment>> segments;
  if (damaged_) {
    return segments;
  }
  // A bulk-loaded segment whose attach is not yet covered by applied_lsn must keep its stamp, by
  // which replay knows when its rows came into being.
  for (const std::shared_ptr<SealedSegment>& segment : segments_.sealed) {
    if (segment->stamped_lsn() <= applied_lsn_ && !segment->read_only()) {
      segments.push_back(segment);
    }
  }
  return segments;
}

CheckpointCut CollectionState::Cut(const GrowingSegment* sealing, uint64_t visible_lsn) const {
  const BetweenGroups lock(*this);
  CheckpointCut cut;
  cut.attached = unpublished_;
  cut.applied_lsn = applied_lsn_;
  if (damaged_) {
    return cut;
  }
  const size_t frozen_left = segments_.frozen.size() - (sealing != nullptr ? 1 : 0);
  const bool memory_left =
      frozen_left > 0 || (segments_.growing != nullptr && segments_.growing->row_count() > 0);
  if (!memory_left) {
    // Nothing is in the log only, so the collection is complete up to the end of the log.
    cut.applied_lsn = std::max({applied_lsn_, last_lsn_, visible_lsn});
  } else if (sealing != nullptr) {
    cut.applied_lsn = std::max(applied_lsn_, frozen_horizons_.front());
  }
  cut.advances = cut.applied_lsn > applied_lsn_;
  if (!cut.advances) {
    return cut;
  }
  for (const std::shared_ptr<SealedSegment>& segment : segments_.sealed) {
    bool newer = false;
    segment->deletions().ForEachDead(applied_lsn_, cut.applied_lsn,
                                     [&newer](uint32_t, uint64_t) { newer = true; });
    if (!newer) {
      continue;
    }
    DeathsOfSegment deaths{segment, cut.applied_lsn, {}};
    segment->deletions().ForEachDead(0, cut.applied_lsn, [&deaths](uint32_t row, uint64_t lsn) {
      deaths.dead_rows.push_back({row, lsn});
    });
    cut.deaths.push_back(std::move(deaths));
  }
  return cut;
}

void CollectionState::Checkpointed(const CheckpointCut& cut) {
  absl::MutexLock lock(&mutex_);
  applied_lsn_ = std::max(applied_lsn_, cut.applied_lsn);
  std::erase_if(unpublished_, [&cut](const AttachedSegment& one) {
    return std::any_of(cut.attached.begin(), cut.attached.end(),
                       [&one](const auto& other) { return other.segment == one.segment; });
  });
}

void CollectionState::ReplaceFrozen(const FrozenWork& work, std::shared_ptr<SealedSegment> sealed) {
  const BetweenGroups lock(*this);
  PERIGEE_CHECK(!segments_.frozen.empty() && segments_.frozen.front() == work.segment,
                "frozen segments are sealed oldest first");
  if (sealed != nullptr) {
    CarryDeaths(*work.segment, work.horizon_lsn, *sealed);
    segments_.sealed.push_back(std::move(sealed));
  }
  segments_.frozen.erase(segments_.frozen.begin());
  frozen_horizons_.pop_front();
  PublishLocked();
}

void CollectionState::ReplaceSealed(std::span<const std::shared_ptr<SealedSegment>> sources,
                                    uint64_t horizon_lsn, std::shared_ptr<SealedSegment> sealed) {
  const BetweenGroups lock(*this);
  for (const std::shared_ptr<SealedSegment>& source : sources) {
    if (sealed != nullptr) {
      CarryDeaths(*source, horizon_lsn, *sealed);
    }
    std::erase(segments_.sealed, source);
  }
  if (sealed != nullptr) {
    segments_.sealed.push_back(std::move(sealed));
  }
  PublishLocked();
}

void CollectionState::FreezeLocked() {
  segments_.frozen.push_back(std::move(segments_.growing));
  frozen_horizons_.push_back(last_lsn_);
  segments_.growing = nullptr;  // the next upsert makes one; an idle collection needs none
}

void CollectionState::PublishLocked() {
  cell_.Store(CollectionSnapshot::Make(identity_, segments_));
}

std::shared_ptr<GrowingSegment> CollectionState::NewGrowing() const {
  return GrowingSegment::Create(identity_.schema, {.bytes_max = tuning_.growing_bytes_max,
                                                   .rows_max = tuning_.growing_rows_max});
}

}  // namespace perigee::engine
