// SPDX-License-Identifier: Apache-2.0
//
// HnswIndex: VectorIndex over a validated graph and the originals of its column.
//
// Invariants: a row has a node exactly if the column has the vector; so a search never compares
// with a row that is absent. What it returns is approximate: a caller that must have min(k,
// matching) rows counts them and falls back to an exact scan. Thread-safety: immutable but for the
// pool of visited sets, which has its own lock; the bytes of the section and of the column must
// outlive it.
#pragma once

#include <memory>
#include <span>

#include "engine/index/hnsw/hnsw_graph.h"
#include "engine/index/hnsw/visited_set_pool.h"
#include "engine/index/vector_index.h"
#include "engine/vectors/vector_column.h"
#include "perigee/model/collection_schema.h"

namespace perigee::engine {

class HnswIndex final : public VectorIndex {
 public:
  /// Validates the section against itself and against the column. kDataLoss when they do not fit;
  /// the segment then goes on without it (D16). Requires: `section` is 4-byte aligned.
  static absl::StatusOr<std::unique_ptr<HnswIndex>> Open(std::span<const std::byte> section,
                                                         const VectorColumn& column,
                                                         const VectorSchema& schema);

  std::string_view kind() const override { return "hnsw"; }
  uint32_t row_count() const override { return graph_.row_count(); }
  uint32_t indexed_count() const override { return graph_.node_count(); }
  size_t memory_bytes() const override;
  absl::StatusOr<IndexSearchResult> Search(const QueryVector& query,
                                           const IndexSearchOptions& options) const override;

  const HnswGraph& graph() const { return graph_; }

 private:
  HnswIndex(const HnswGraph& graph, const VectorColumn& column);

  HnswGraph graph_;
  VectorColumn column_;
  mutable VisitedSetPool visited_sets_;
};

}  // namespace perigee::engine
