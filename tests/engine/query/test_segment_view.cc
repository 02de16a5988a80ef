// SPDX-License-Identifier: Apache-2.0
#include "tests/engine/query/test_segment_view.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "engine/index/hnsw/hnswlib_builder.h"
#include "engine/payload/payload_codec.h"

namespace perigee::tests {

TestSegmentView::TestSegmentView(const ClusteredVectors& vectors, const Options& options)
    : vectors_(vectors), options_(options) {
  std::mt19937 random(99);
  for (uint32_t row = 0; row < vectors.row_count(); ++row) {
    dead_.push_back(options.dead_every != 0 && random() % options.dead_every == 0);
    live_count_ += dead_[row] ? 0 : 1;
    buckets_.push_back(static_cast<uint32_t>(random() % 1000));
    payloads_.push_back(
        engine::EncodePayload({{"cluster", static_cast<int64_t>(vectors.cluster(row))},
                               {"bucket", static_cast<int64_t>(buckets_[row])}}));
  }
  if (!options.with_graph) {
    return;
  }
  const auto id = [&](uint32_t row) { return std::string_view(vectors.encoded_id(row)); };
  auto section = engine::BuildHnswSection(
      {.column = &vectors.column(), .schema = &vectors.schema(), .encoded_id = id});
  REQUIRE(section.ok());
  section_ = *std::move(section);
  auto index = engine::HnswIndex::Open(section_, vectors.column(), vectors.schema());
  REQUIRE(index.ok());
  index_ = *std::move(index);
}

std::span<const std::byte> TestSegmentView::EncodedPayload(uint32_t row) const {
  return std::as_bytes(std::span(payloads_[row].data(), payloads_[row].size()));
}

const engine::VectorColumn& TestSegmentView::Vectors(size_t ordinal) const {
  REQUIRE(ordinal == 0);
  return vectors_.column();
}

const engine::VectorIndex* TestSegmentView::Index(size_t ordinal) const {
  REQUIRE(ordinal == 0);
  return index_.get();
}

std::vector<engine::SegmentHit> TestSegmentView::Expected(
    std::span<const float> query, const std::function<bool(uint32_t)>& matches) const {
  const auto made = engine::QueryVector::Create(vectors_.schema(), query);
  REQUIRE(made.ok());
  std::vector<engine::SegmentHit> hits;
  for (uint32_t row = 0; row < row_count(); ++row) {
    if (!dead_[row] && vectors_.column().Present(row) && matches(row)) {
      hits.push_back({.distance = made->DistanceTo(vectors_.column().RowBytes(row),
                                                   vectors_.column().Norm(row)),
                      .row = row,
                      .encoded_id = EncodedId(row),
                      .lsn = Lsn(row)});
    }
  }
  std::sort(hits.begin(), hits.end(), engine::HitBefore);
  return hits;
}

}  // namespace perigee::tests
