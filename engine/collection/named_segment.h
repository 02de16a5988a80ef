// SPDX-License-Identifier: Apache-2.0
//
// Segment files of a collection on their way in and out of the manifest: build one under its final
// name, open one that the manifest names, remove one that never got there.
//
// Invariants:
//  1. A file gets its final name only after it was written, flushed and read back (D10).
//  2. Only files that this process named and never published are removed here; published ones go
//     through the manifest's list of obsolete files (D15).
//
// Thread-safety: functions without state of their own; may run on every thread.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "engine/collection/collection_environment.h"
#include "engine/collection/row_source.h"
#include "engine/collection/sealed_segment.h"
#include "engine/collection/segment_builder.h"
#include "storage/manifest/manifest_state.h"

namespace perigee::engine {

struct CollectionIdentity;

/// A segment file that has its final name and is open, but that nothing refers to yet.
struct NamedSegment {
  std::shared_ptr<SealedSegment> segment;  ///< null when every row was dead: there is no file
  storage::SegmentEntry entry;
};

struct NamedSegmentOptions {
  /// Rows dead at or before this are left out.
  uint64_t horizon_lsn = 0;
  /// Without graphs: while the log is replayed, time to open counts more.
  bool with_indexes = true;
  std::function<void(const SegmentBuildProgress&)> on_progress = nullptr;
  Cancellation cancellation = {};
};

/// The caller publishes the result or removes it with RemoveUnpublished.
absl::StatusOr<NamedSegment> BuildNamedSegment(CollectionEnvironment& environment,
                                               const CollectionIdentity& identity,
                                               std::span<const RowSource* const> sources,
                                               const NamedSegmentOptions& options);

/// Gives a finished file its final name. A failure other than a full disk is a storage failure: a
/// directory that could not be flushed must not be flushed again (D5).
absl::Status GiveFinalName(CollectionEnvironment& environment, const std::string& temporary_name,
                           const std::string& final_name);

/// Removes the file of a segment that was not published; a failure is only logged, because an
/// unknown file does no harm and is reported at the next open.
void RemoveUnpublished(const CollectionEnvironment& environment, const storage::Uuid& segment);

/// Opens a segment with its deletion file, and checks that they are the ones that `entry` names and
/// what their headers and directories say (F1, I3, I5, I11): kDataLoss when one is damaged. The
/// parts of the segment are still to be loaded.
absl::StatusOr<std::shared_ptr<SealedSegment>> PrepareNamedSegment(
    storage::DataDirectory& directory, const std::shared_ptr<const CollectionSchema>& schema,
    const storage::SegmentEntry& entry);

/// The same, with everything loaded and checked.
absl::StatusOr<std::shared_ptr<SealedSegment>> OpenNamedSegment(
    storage::DataDirectory& directory, const std::shared_ptr<const CollectionSchema>& schema,
    const storage::SegmentEntry& entry);

}  // namespace perigee::engine
