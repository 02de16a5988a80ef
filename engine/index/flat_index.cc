// SPDX-License-Identifier: Apache-2.0
#include "engine/index/flat_index.h"

#include "engine/index/top_k_heap.h"
#include "storage/foundation/status_macros.h"

namespace perigee::engine {

FlatIndex::FlatIndex(const VectorColumn& column)
    : column_(column), indexed_count_(column.CountPresent()) {}

absl::StatusOr<IndexSearchResult> FlatIndex::Search(const QueryVector& query,
                                                    const IndexSearchOptions& options) const {
  const Cancellation never;
  CancellationPoll poll(options.cancellation != nullptr ? *options.cancellation : never);
  IndexSearchResult result;
  TopKHeap<RowDistance, RowDistanceLess> best(options.k);
  for (uint32_t row = 0; row < column_.row_count(); ++row) {
    PERIGEE_RETURN_IF_ERROR(poll.Poll());
    if (!column_.Present(row)) {
      continue;
    }
    if (options.filter != nullptr) {
      ++result.rows_tested;
      if (!(*options.filter)(row)) {
        continue;
      }
    }
    ++result.distances;
    best.Push({query.DistanceTo(column_.RowBytes(row), column_.Norm(row)), row});
  }
  result.rows = best.TakeSorted();
  return result;
}

}  // namespace perigee::engine
