// SPDX-License-Identifier: Apache-2.0
#include "engine/index/hnsw/hnsw_index.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "engine/index/hnsw/hnswlib_builder.h"
#include "tests/conformance/vector_index_conformance.h"

namespace perigee::engine {
namespace {

// An index together with the bytes that it looks at.
class OwningHnswIndex final : public VectorIndex {
 public:
  explicit OwningHnswIndex(const tests::ClusteredVectors& vectors) {
    const auto id = [&](uint32_t row) { return std::string_view(vectors.encoded_id(row)); };
    auto section = BuildHnswSection(
        {.column = &vectors.column(), .schema = &vectors.schema(), .encoded_id = id});
    REQUIRE(section.ok());
    section_ = *std::move(section);
    auto index = HnswIndex::Open(section_, vectors.column(), vectors.schema());
    REQUIRE(index.ok());
    index_ = *std::move(index);
  }

  std::string_view kind() const override { return index_->kind(); }
  uint32_t row_count() const override { return index_->row_count(); }
  uint32_t indexed_count() const override { return index_->indexed_count(); }
  size_t memory_bytes() const override { return index_->memory_bytes(); }
  absl::StatusOr<IndexSearchResult> Search(const QueryVector& query,
                                           const IndexSearchOptions& options) const override {
    return index_->Search(query, options);
  }

  const std::vector<std::byte>& section() const { return section_; }

 private:
  std::vector<std::byte> section_;
  std::unique_ptr<HnswIndex> index_;
};

const tests::VectorIndexUnderTest kHnsw = {.make =
                                               [](const tests::ClusteredVectors& vectors) {
                                                 return std::make_unique<OwningHnswIndex>(vectors);
                                               },
                                           .recall_min = 0.97};

TEST_CASE("hnsw index keeps the contract of indexes") { tests::CheckVectorIndexConformance(kHnsw); }

TEST_CASE("hnsw index searches on several threads" * doctest::test_suite("concurrency")) {
  tests::CheckVectorIndexThreads(kHnsw);
}

TEST_CASE("an index that does not fit its column is refused") {
  const tests::ClusteredVectors vectors({.rows = 50, .dimension = 8, .seed = 21});
  const tests::ClusteredVectors gaps({.rows = 50, .dimension = 8, .seed = 21, .absent_every = 5});
  const tests::ClusteredVectors wide({.rows = 50, .dimension = 9, .seed = 21});
  const tests::ClusteredVectors l2(
      {.rows = 50, .dimension = 8, .seed = 21, .metric = DistanceMetric::kL2});
  const tests::ClusteredVectors more({.rows = 51, .dimension = 8, .seed = 21});
  const OwningHnswIndex index(vectors);
  CHECK(index.kind() == "hnsw");
  CHECK(index.memory_bytes() >= index.section().size());
  const auto code = [&](const tests::ClusteredVectors& other) {
    return HnswIndex::Open(index.section(), other.column(), other.schema()).status().code();
  };
  CHECK(code(vectors) == absl::StatusCode::kOk);
  CHECK(code(gaps) == absl::StatusCode::kDataLoss);
  CHECK(code(wide) == absl::StatusCode::kDataLoss);
  CHECK(code(l2) == absl::StatusCode::kDataLoss);
  CHECK(code(more) == absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace perigee::engine
