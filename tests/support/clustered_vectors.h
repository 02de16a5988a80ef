// SPDX-License-Identifier: Apache-2.0
//
// ClusteredVectors: made-up vectors for index and search tests: a mixture of clusters of different
// size and width in a space whose coordinates depend on fewer factors, as those of embeddings do.
// It owns the bytes that its VectorColumn shows, as a sealed segment would.
//
// Invariants: the same options give the same values; a row without the vector is zero.
// Thread-safety: immutable after construction.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/vectors/vector_column.h"
#include "perigee/model/collection_schema.h"

namespace perigee::tests {

struct ClusteredOptions {
  uint32_t rows = 1000;
  uint32_t dimension = 32;
  uint32_t factors = 16;
  uint32_t clusters = 20;
  uint64_t seed = 1;
  DistanceMetric metric = DistanceMetric::kCosine;
  VectorElement element = VectorElement::kFloat32;
  HnswOptions hnsw = {.m = 16, .ef_construction = 100};
  /// Every n-th row, in a scattered order, lacks the vector; 0: none does.
  uint32_t absent_every = 0;
  /// Row r has the vector of row r % distinct; 0: each has its own.
  uint32_t distinct = 0;
};

class ClusteredVectors {
 public:
  explicit ClusteredVectors(const ClusteredOptions& options);
  ClusteredVectors(const ClusteredVectors&) = delete;
  ClusteredVectors& operator=(const ClusteredVectors&) = delete;

  const VectorSchema& schema() const { return schema_; }
  const engine::VectorColumn& column() const { return column_; }
  uint32_t row_count() const { return options_.rows; }
  /// 0x00 and the row as u64 big-endian, scattered so that id order is not row order.
  const std::string& encoded_id(uint32_t row) const { return ids_[row]; }
  /// The cluster a row was drawn from: a filter on it is correlated with distance.
  uint32_t cluster(uint32_t row) const { return cluster_of_[row]; }
  /// Fresh draws of the same mixture, none of them a row.
  const std::vector<std::vector<float>>& queries() const { return queries_; }
  uint32_t query_cluster(size_t query) const { return query_cluster_[query]; }

 private:
  void Draw();
  void Store(uint32_t row, const std::vector<float>& values);

  const ClusteredOptions options_;
  VectorSchema schema_;
  std::vector<std::byte> bytes_;
  std::vector<double> norms_;
  std::vector<std::byte> presence_;
  std::vector<std::string> ids_;
  std::vector<uint32_t> cluster_of_;
  std::vector<std::vector<float>> queries_;
  std::vector<uint32_t> query_cluster_;
  engine::VectorColumn column_;
};

/// How many of the first k of `expected` are among the first k of `actual`, as a share of them.
double RecallAt(size_t k, const std::vector<uint32_t>& expected,
                const std::vector<uint32_t>& actual);

}  // namespace perigee::tests
