// SPDX-License-Identifier: Apache-2.0
//
// BuildSegment: rows of one or more sources as one segment file, with the derived sections (id
// order, one graph per named vector), written to a name in tmp/, flushed, and verified by reading
// it back. Sealing, compaction and bulk load all build with it; there is no second writer of the
// format.
//
// Invariants:
//  1. Rows whose dead LSN is <= horizon_lsn are left out; all others are in, in the order of the
//     sources and of the rows within them. Deaths after the horizon are carried over by
//     CarryDeaths.
//  2. The same rows, options and segment uuid give the same bytes (Determinism).
//  3. After a failure the file is not usable and the caller removes it (tmp/ is emptied at open).
//
// Thread-safety: may run on any thread while the sources are read, appended to and marked by
// others; rows that were appended after the call began are not taken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "engine/collection/row_source.h"
#include "engine/execution/cancellation.h"
#include "perigee/model/collection_schema.h"
#include "storage/io/file_system.h"
#include "storage/segment/segment_format.h"

namespace perigee::engine {

class SealedSegment;
class GrowingSegment;

/// Fewer vectors than this are faster to compare one by one than through a graph.
inline constexpr uint32_t kIndexRowsMin = 1'000;

enum class SegmentBuildStage { kWriting, kIndexing, kVerifying };

struct SegmentBuildProgress {
  SegmentBuildStage stage = SegmentBuildStage::kWriting;
  uint64_t done = 0;   ///< rows written, or vectors put into a graph
  uint64_t total = 0;  ///< rows, or vectors to put into graphs
};

struct SegmentBuildOptions {
  storage::FileSystem* file_system = nullptr;
  /// Where the file is written; the caller publishes it (D10).
  std::string path = {};
  /// Uuids, alignment and bucket range; the LSN range is filled in by the builder.
  storage::SegmentHeader header = {};
  const CollectionSchema* schema = nullptr;
  uint64_t horizon_lsn = 0;
  uint32_t index_rows_min = kIndexRowsMin;
  /// Called on the building thread, a few times per percent at most.
  std::function<void(const SegmentBuildProgress&)> on_progress = {};
  Cancellation cancellation = {};
};

struct BuiltSegment {
  storage::SegmentSummary summary = {};
  uint32_t row_count = 0;  ///< 0: every row was dead and no file was written
  uint64_t min_lsn = 0;    ///< both 0 for rows of a bulk load: the manifest stamps their LSN
  uint64_t max_lsn = 0;
  uint64_t rows_dropped = 0;
};

/// kResourceExhausted above the rows one file can hold, kCancelled/kDeadlineExceeded from
/// `cancellation`, kInternal if two rows that stay have the same id, kDataLoss if the file does not
/// read back as written.
absl::StatusOr<BuiltSegment> BuildSegment(std::span<const RowSource* const> sources,
                                          const SegmentBuildOptions& options);

/// Marks in `target` the rows that died in a source after `horizon_lsn`: while it was built, and
/// until now. Called by the writing thread right before the sources are replaced by `target`.
void CarryDeaths(const GrowingSegment& source, uint64_t horizon_lsn, SealedSegment& target);
void CarryDeaths(const SealedSegment& source, uint64_t horizon_lsn, SealedSegment& target);

}  // namespace perigee::engine
