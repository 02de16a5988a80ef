// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/collection_description.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/collection/collection_core.h"

namespace perigee::engine {
namespace {

// Live rows of `view` that have the vector. With one vector in the schema every row has it; else
// the rows are counted, because only dead rows are counted as they die.
uint64_t LiveVectors(const SegmentView& view, size_t ordinal, size_t vectors) {
  if (vectors == 1) {
    return view.live_count();
  }
  uint64_t count = 0;
  for (uint32_t row = 0; row < view.row_count(); ++row) {
    if ((view.PresenceBits(row) & (1U << ordinal)) != 0 && view.RowLive(row)) {
      ++count;
    }
  }
  return count;
}

std::string StateInWords(const CollectionSnapshot& snapshot, const CollectionSizes& sizes,
                         const LoadProgress& load) {
  if (!snapshot.missing().empty()) {
    const MissingSegment& missing = snapshot.missing().front();
    return absl::StrCat("damaged: ", snapshot.missing().size(),
                        " segment(s) cannot be read, first ", missing.uuid.ToString(), ": ",
                        missing.status.message());
  }
  if (std::string loading = load.InWords(); !loading.empty()) {
    return loading;
  }
  if (sizes.index_damaged) {
    return "index: rebuilding";
  }
  if (sizes.frozen_segments > 0) {
    return absl::StrCat("sealing: ", sizes.frozen_rows, " rows searched exactly");
  }
  return "ready";
}

}  // namespace

CollectionDescription DescribeCollection(const CollectionIdentity& identity,
                                         const CollectionSnapshot& snapshot,
                                         const CollectionSizes& sizes, const LoadProgress& load) {
  CollectionDescription description;
  description.name = identity.name;
  description.uuid = identity.uuid.ToString();
  description.schema = *identity.schema;
  description.points = snapshot.live_count();
  for (const SegmentView* view : snapshot.views()) {
    description.rows_deleted += view->row_count() - view->live_count();
  }
  const std::vector<VectorSchema>& vectors = identity.schema->vectors;
  const size_t known_vectors = load.Has(kVectorsLoaded) ? vectors.size() : 1;
  for (size_t ordinal = 0; ordinal < vectors.size(); ++ordinal) {
    VectorStatus status{.name = vectors[ordinal].name};
    for (const SegmentView* view : snapshot.views()) {
      const uint64_t count = LiveVectors(*view, ordinal, known_vectors);
      status.vectors += count;
      status.vectors_unindexed += view->Index(ordinal) == nullptr ? count : 0;
    }
    description.vectors.push_back(std::move(status));
  }
  description.segments_growing = sizes.growing_rows > 0 ? 1 : 0;
  description.segments_sealing = sizes.frozen_segments;
  description.segments_sealed = sizes.sealed_segments;
  description.memory_bytes = sizes.memory_bytes;
  description.disk_bytes = sizes.disk_bytes;
  description.applied_seq = sizes.applied_lsn;
  description.state = StateInWords(snapshot, sizes, load);
  return description;
}

}  // namespace perigee::engine
