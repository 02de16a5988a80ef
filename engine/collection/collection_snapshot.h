// SPDX-License-Identifier: Apache-2.0
//
// SegmentList: the segments of a collection as the writing thread changes them, and
// CollectionSnapshot: one immutable cut of them at a seq, on which a read call works from start to
// end.
//
// Invariants:
//  1. A snapshot at seq S sees row r of a segment iff r is below the row count the snapshot took
//  and
//     the row's dead LSN is greater than S. So every id has at most one visible row (I4).
//  2. Segments, row counts and seq are one object and never read apart.
//  3. A snapshot keeps its segments alive; their files may be unlinked meanwhile.
//
// Thread-safety: a SegmentList belongs to the writing thread; making a snapshot from it happens
// there, between two applied groups. A CollectionSnapshot is immutable and shared between threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "engine/collection/growing_segment.h"
#include "engine/collection/sealed_segment.h"
#include "engine/query/segment_view.h"
#include "perigee/model/collection_schema.h"
#include "storage/encoding/uuid.h"

namespace perigee::engine {

/// A segment that the manifest names and that could not be opened.
struct MissingSegment {
  storage::Uuid uuid;
  uint64_t row_count = 0;
  absl::Status status;  ///< why; reads fail with it unless they allow partial answers
};

struct SegmentList {
  std::vector<std::shared_ptr<SealedSegment>> sealed;
  /// Frozen: full, being sealed, oldest first.
  std::vector<std::shared_ptr<GrowingSegment>> frozen;
  std::shared_ptr<GrowingSegment> growing;  ///< may be null in a read-only database
  std::vector<MissingSegment> missing;

  /// Whether a row of that id is alive now.
  bool Contains(std::string_view encoded_id) const;
  /// Ends the live row of that id, wherever it is; false if there is none.
  bool MarkDead(std::string_view encoded_id, uint64_t lsn);
};

/// Who the snapshot belongs to and what it has seen.
struct SnapshotIdentity {
  storage::Uuid collection;
  std::shared_ptr<const CollectionSchema> schema;
  uint64_t seq = 0;  ///< every write up to here is visible, none after
  uint64_t epoch = 0;
};

/// Where a visible row is.
struct RowPlace {
  const SegmentView* view = nullptr;
  uint32_t row = 0;
};

class CollectionSnapshot {
 public:
  /// Requires: called by the writing thread, after every write up to identity.seq was applied.
  static std::shared_ptr<const CollectionSnapshot> Make(SnapshotIdentity identity,
                                                        const SegmentList& segments);
  ~CollectionSnapshot();
  CollectionSnapshot(const CollectionSnapshot&) = delete;
  CollectionSnapshot& operator=(const CollectionSnapshot&) = delete;

  uint64_t seq() const { return identity_.seq; }
  uint64_t epoch() const { return identity_.epoch; }
  const storage::Uuid& collection() const { return identity_.collection; }
  const CollectionSchema& schema() const { return *identity_.schema; }

  /// One per segment, sealed ones first, then frozen ones, then the growing one.
  std::span<const SegmentView* const> views() const { return views_; }
  std::span<const MissingSegment> missing() const { return missing_; }
  /// Points that this snapshot sees in the segments it has.
  uint64_t live_count() const { return live_count_; }
  /// The visible row of an id.
  std::optional<RowPlace> FindRow(std::string_view encoded_id) const;
  /// Calls take(row) for visible rows of views()[position] with ids after `after`, in the order of
  /// encoded ids, until it returns false. `after` may be empty: from the first.
  void ScanInIdOrder(size_t position, std::string_view after,
                     absl::FunctionRef<bool(uint32_t row)> take) const;

 private:
  class SealedView;
  class GrowingView;

  explicit CollectionSnapshot(SnapshotIdentity identity);

  SnapshotIdentity identity_;
  std::vector<std::unique_ptr<SealedView>> sealed_views_;
  std::vector<std::unique_ptr<GrowingView>> growing_views_;
  std::vector<const SegmentView*> views_;
  std::vector<MissingSegment> missing_;
  uint64_t live_count_ = 0;
};

}  // namespace perigee::engine
