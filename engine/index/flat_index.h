// SPDX-License-Identifier: Apache-2.0
//
// FlatIndex: compares the query with every row of a column. It is exact, needs no memory of its
// own, and is what every recall figure and conformance test is measured against.
//
// Invariants: returns exactly min(k, matching) rows.
// Thread-safety: immutable; the column's bytes must outlive it.
#pragma once

#include "engine/index/vector_index.h"
#include "engine/vectors/vector_column.h"

namespace perigee::engine {

class FlatIndex final : public VectorIndex {
 public:
  explicit FlatIndex(const VectorColumn& column);

  std::string_view kind() const override { return "flat"; }
  uint32_t row_count() const override { return column_.row_count(); }
  uint32_t indexed_count() const override { return indexed_count_; }
  size_t memory_bytes() const override { return 0; }
  absl::StatusOr<IndexSearchResult> Search(const QueryVector& query,
                                           const IndexSearchOptions& options) const override;

 private:
  VectorColumn column_;
  uint32_t indexed_count_;
};

}  // namespace perigee::engine
