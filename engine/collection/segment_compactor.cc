// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/segment_compactor.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "engine/collection/collection_core.h"
#include "engine/collection/named_segment.h"
#include "engine/collection/segment_publisher.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/status_macros.h"

namespace perigee::engine {
namespace {

// The size class of a segment: classes grow by the factor, so merging one full class of n segments
// yields a segment of a higher class and every row is rewritten a logarithmic number of times.
uint32_t SizeClass(uint64_t live_rows, uint32_t factor) {
  uint32_t size_class = 0;
  for (uint64_t rows = live_rows; rows >= factor; rows /= factor) {
    ++size_class;
  }
  return size_class;
}

std::vector<size_t> BySize(std::span<const SegmentSize> segments) {
  std::vector<size_t> order(segments.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&segments](size_t a, size_t b) {
    return segments[a].live_rows() < segments[b].live_rows();
  });
  return order;
}

// As many of the smallest as fit into one segment; only worth it if there are two, or if the one
// has something to get rid of.
std::vector<size_t> PlanComplete(std::span<const SegmentSize> segments,
                                 const EngineTuning& tuning) {
  std::vector<size_t> chosen;
  uint64_t rows = 0;
  for (const size_t position : BySize(segments)) {
    if (!chosen.empty() && rows + segments[position].live_rows() > tuning.compaction_rows_max) {
      break;
    }
    rows += segments[position].live_rows();
    chosen.push_back(position);
  }
  if (chosen.size() >= 2) {
    return chosen;
  }
  for (size_t position = 0; position < segments.size(); ++position) {
    if (segments[position].dead_rows > 0 || segments[position].index_missing) {
      return {position};
    }
  }
  return {};
}

std::vector<size_t> PlanWorthwhile(std::span<const SegmentSize> segments,
                                   const EngineTuning& tuning) {
  for (size_t position = 0; position < segments.size(); ++position) {
    const SegmentSize& segment = segments[position];
    const double dead_share =
        static_cast<double>(segment.dead_rows) / static_cast<double>(segment.rows);
    if (segment.rows > 0 && (dead_share > tuning.dead_share_max || segment.index_missing)) {
      return {position};
    }
  }
  std::vector<size_t> chosen;
  uint64_t rows = 0;
  uint32_t size_class = 0;
  for (const size_t position : BySize(segments)) {
    const uint64_t live = segments[position].live_rows();
    const uint32_t this_class = SizeClass(live, tuning.tier_factor);
    if (this_class != size_class) {
      if (chosen.size() >= tuning.tier_segments) {
        break;
      }
      chosen.clear();
      rows = 0;
      size_class = this_class;
    }
    if (rows + live > tuning.compaction_rows_max) {
      break;
    }
    rows += live;
    chosen.push_back(position);
  }
  if (chosen.size() < tuning.tier_segments) {
    chosen.clear();
  }
  return chosen;
}

bool IndexMissing(const SealedSegment& segment, const EngineTuning& tuning) {
  if (CanaryActive("rebuild-forgotten")) {
    return false;
  }
  for (size_t ordinal = 0; ordinal < segment.schema().vectors.size(); ++ordinal) {
    const DerivedState state = segment.index_state(ordinal);
    // A damaged file goes even when its rows would get no graph today: its damage may grow.
    if (state == DerivedState::kDamaged ||
        (state == DerivedState::kAbsent &&
         segment.vector_count(ordinal) >= tuning.index_rows_min)) {
      return true;
    }
  }
  return segment.rewrite_wanted() || segment.id_order_state() == DerivedState::kDamaged;
}

SegmentSize SizeOf(const SealedSegment& segment, uint64_t applied_lsn, const EngineTuning& tuning) {
  SegmentSize size;
  size.rows = segment.row_count();
  segment.deletions().ForEachDead(0, applied_lsn,
                                  [&size](uint32_t, uint64_t) { ++size.dead_rows; });
  size.index_missing = IndexMissing(segment, tuning);
  return size;
}

}  // namespace

std::vector<size_t> PlanRewrite(std::span<const SegmentSize> segments, const EngineTuning& tuning,
                                RewriteGoal goal) {
  return goal == RewriteGoal::kComplete ? PlanComplete(segments, tuning)
                                        : PlanWorthwhile(segments, tuning);
}

absl::StatusOr<bool> RewriteSegments(const std::shared_ptr<CollectionCore>& collection,
                                     RewriteGoal goal) {
  CollectionEnvironment& environment = collection->environment();
  const EngineTuning& tuning = environment.tuning;
  uint64_t horizon_lsn = 0;
  const std::vector<std::shared_ptr<SealedSegment>> segments =
      collection->state().Rewritable(&horizon_lsn);
  std::vector<SegmentSize> sizes;
  for (const std::shared_ptr<SealedSegment>& segment : segments) {
    sizes.push_back(SizeOf(*segment, horizon_lsn, tuning));
  }
  SegmentChange change;
  change.collection = collection;
  change.rewrite_horizon_lsn = horizon_lsn;
  std::vector<const RowSource*> sources;
  uint64_t old_bytes = 0;
  uint64_t new_bytes = 0;
  for (const size_t position : PlanRewrite(sizes, tuning, goal)) {
    const SealedSegment& segment = *segments[position];
    const SegmentSize& size = sizes[position];
    change.rewritten.push_back(segments[position]);
    sources.push_back(&segment);
    old_bytes += segment.file_bytes();
    new_bytes += segment.file_bytes() / std::max<uint64_t>(size.rows, 1) * size.live_rows();
  }
  if (sources.empty()) {
    return false;
  }
  PERIGEE_RETURN_IF_ERROR(environment.check_rewrite_space(new_bytes, old_bytes));
  PERIGEE_ASSIGN_OR_RETURN(
      NamedSegment named,
      BuildNamedSegment(environment, collection->identity(), sources,
                        {.horizon_lsn = horizon_lsn,
                         .cancellation = Cancellation::OnFlag(&collection->stop_requested())}));
  const storage::Uuid uuid = named.entry.uuid;
  const bool has_file = named.segment != nullptr;
  change.added = std::move(named.segment);
  change.added_entry = std::move(named.entry);
  const absl::Status published = environment.publisher->Publish(change);
  if (!published.ok() && has_file && environment.state.storage_error().ok()) {
    RemoveUnpublished(environment, uuid);
  }
  PERIGEE_RETURN_IF_ERROR(published);
  return true;
}

}  // namespace perigee::engine
