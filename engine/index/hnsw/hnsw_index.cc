// SPDX-License-Identifier: Apache-2.0
#include "engine/index/hnsw/hnsw_index.h"

#include "absl/strings/str_cat.h"
#include "engine/index/hnsw/hnsw_search.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"

namespace perigee::engine {

absl::StatusOr<std::unique_ptr<HnswIndex>> HnswIndex::Open(std::span<const std::byte> section,
                                                           const VectorColumn& column,
                                                           const VectorSchema& schema) {
  PERIGEE_ASSIGN_OR_RETURN(const HnswGraph graph, HnswGraph::Open(section, column.row_count()));
  if (graph.header().dimension != schema.dimension ||
      graph.header().metric != static_cast<uint32_t>(schema.metric)) {
    return ErrorWithReason(
        ErrorReason::kDamaged,
        absl::StrCat("hnsw section was built for dimension ", graph.header().dimension,
                     " and metric ", graph.header().metric, ", the vector has ", schema.dimension,
                     " and ", static_cast<uint32_t>(schema.metric)));
  }
  for (uint32_t row = 0; row < column.row_count(); ++row) {
    if (graph.HasNode(row) != column.Present(row)) {
      return ErrorWithReason(ErrorReason::kDamaged,
                             absl::StrCat("hnsw section and vectors disagree about row ", row));
    }
  }
  return std::unique_ptr<HnswIndex>(new HnswIndex(graph, column));
}

HnswIndex::HnswIndex(const HnswGraph& graph, const VectorColumn& column)
    : graph_(graph), column_(column), visited_sets_(graph.row_count()) {}

size_t HnswIndex::memory_bytes() const { return graph_.bytes() + visited_sets_.memory_bytes(); }

absl::StatusOr<IndexSearchResult> HnswIndex::Search(const QueryVector& query,
                                                    const IndexSearchOptions& options) const {
  const VisitedSetPool::Lease visited = visited_sets_.Borrow();
  return SearchHnswGraph({.graph = graph_, .column = column_, .query = query}, options, *visited);
}

}  // namespace perigee::engine
