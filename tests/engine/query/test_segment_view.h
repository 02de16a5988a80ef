// SPDX-License-Identifier: Apache-2.0
//
// TestSegmentView: made-up vectors as a segment, with payloads to filter on, dead rows and, if
// wanted, a graph; and the answer that any search of it must agree with, by brute force.
//
// Payload of a row: "cluster", the cluster of its vector (correlated with distance), and "bucket",
// 0 to 999 at random (not correlated).
//
// Invariants: the vectors outlive the view.
// Thread-safety: immutable, as SegmentView asks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/index/hnsw/hnsw_index.h"
#include "engine/query/segment_search.h"
#include "engine/query/segment_view.h"
#include "tests/support/clustered_vectors.h"

namespace perigee::tests {

class TestSegmentView : public engine::SegmentView {
 public:
  struct Options {
    bool with_graph = true;
    /// Every n-th row, scattered, is dead; 0: none.
    uint32_t dead_every = 0;
    std::string name = "growing";
  };
  TestSegmentView(const ClusteredVectors& vectors, const Options& options);

  const std::string& name() const override { return options_.name; }
  uint32_t row_count() const override { return vectors_.row_count(); }
  bool RowLive(uint32_t row) const override { return !dead_[row]; }
  uint64_t live_count() const override { return live_count_; }
  std::string_view EncodedId(uint32_t row) const override { return vectors_.encoded_id(row); }
  uint64_t Lsn(uint32_t row) const override { return uint64_t{row} + 1000; }
  std::span<const std::byte> EncodedPayload(uint32_t row) const override;
  uint32_t PresenceBits(uint32_t row) const override {
    return vectors_.column().Present(row) ? 1U : 0U;
  }
  const engine::VectorColumn& Vectors(size_t ordinal) const override;
  const engine::VectorIndex* Index(size_t ordinal) const override;

  uint32_t bucket(uint32_t row) const { return buckets_[row]; }
  const ClusteredVectors& vectors() const { return vectors_; }

  /// Live rows with the vector for which `matches` holds, best first by (distance, encoded id).
  std::vector<engine::SegmentHit> Expected(std::span<const float> query,
                                           const std::function<bool(uint32_t)>& matches) const;

 private:
  const ClusteredVectors& vectors_;
  const Options options_;
  std::vector<bool> dead_;
  uint64_t live_count_ = 0;
  std::vector<uint32_t> buckets_;
  std::vector<std::string> payloads_;
  std::vector<std::byte> section_;
  std::unique_ptr<engine::HnswIndex> index_;
};

}  // namespace perigee::tests
