// SPDX-License-Identifier: Apache-2.0
#include "engine/index/hnsw/hnswlib_builder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "engine/distance/distance_kernels.h"
#include "engine/index/hnsw/hnsw_graph.h"
#include "tests/support/clustered_vectors.h"

namespace perigee::engine {
namespace {

using Sections = absl::StatusOr<std::vector<std::byte>>;

Sections Build(const tests::ClusteredVectors& vectors, const Cancellation& cancellation = {}) {
  const auto id = [&](uint32_t row) { return std::string_view(vectors.encoded_id(row)); };
  return BuildHnswSection({.column = &vectors.column(),
                           .schema = &vectors.schema(),
                           .encoded_id = id,
                           .cancellation = cancellation});
}

TEST_CASE("the same input gives the same bytes on every instruction level and thread") {
  for (const DistanceMetric metric :
       {DistanceMetric::kCosine, DistanceMetric::kL2, DistanceMetric::kDot}) {
    const tests::ClusteredVectors vectors(
        {.rows = 400, .dimension = 37, .seed = 41, .metric = metric, .absent_every = 6});
    const Sections first = Build(vectors);
    REQUIRE(first.ok());
    Sections other = absl::UnknownError("not built");
    std::thread([&] { other = Build(vectors); }).join();
    REQUIRE(other.ok());
    CHECK(*other == *first);
    for (const KernelLevel level : {KernelLevel::kScalar, KernelLevel::kAvx2}) {
      if (KernelsOfLevel(level) != nullptr) {
        OverrideKernelLevel(level);
        const Sections section = Build(vectors);
        OverrideKernelLevel(std::nullopt);
        REQUIRE(section.ok());
        CHECK(*section == *first);
      }
    }
  }
}

TEST_CASE(
    "rows without the vector have no node - levels come from ids - nearly all are reachable") {
  const tests::ClusteredVectors vectors({.rows = 3000,
                                         .dimension = 16,
                                         .seed = 42,
                                         .hnsw = {.m = 8, .ef_construction = 60},
                                         .absent_every = 4});
  const Sections section = Build(vectors);
  REQUIRE(section.ok());
  const auto graph = HnswGraph::Open(*section, 3000);
  REQUIRE(graph.ok());
  CHECK(graph->node_count() == vectors.column().CountPresent());
  CHECK(graph->header().reachable_count == graph->CountReachable());
  CHECK(graph->header().reachable_count >= graph->node_count() * 0.999);
  CHECK(graph->header().m == 8);
  CHECK(graph->header().ef_construction == 60);
  uint32_t position = 0;
  for (uint32_t row = 0; row < 3000; ++row) {
    CAPTURE(row);
    REQUIRE(graph->HasNode(row) == vectors.column().Present(row));
    const uint32_t level = HnswLevelOfId(vectors.encoded_id(row), 8);
    if (level > 0 && graph->HasNode(row)) {
      REQUIRE(graph->UpperRow(position) == row);
      REQUIRE(graph->UpperLevel(position) == level);
      ++position;
    }
  }
  CHECK(position == graph->header().upper_count);
}

TEST_CASE("levels are geometric and never change") {
  constexpr uint32_t kIds = 100'000;
  std::array<uint32_t, kHnswLevelMax + 1> at_least{};
  for (uint32_t i = 0; i < kIds; ++i) {
    const uint32_t level = HnswLevelOfId("id-" + std::to_string(i), 16);
    for (uint32_t l = 0; l <= level; ++l) {
      ++at_least[l];
    }
  }
  CHECK(at_least[1] == doctest::Approx(kIds / 16.0).epsilon(0.05));
  CHECK(at_least[2] == doctest::Approx(kIds / 256.0).epsilon(0.15));
  CHECK(at_least[8] == 0);
  // Stored graphs depend on these: a change breaks the promise of equal bytes.
  std::string levels;
  for (uint32_t i = 0; i < 40; ++i) {
    levels += std::to_string(HnswLevelOfId("id-" + std::to_string(i), 2));
  }
  CHECK(levels == "3020005300101500000001031040004221120317");
}

TEST_CASE("equal vectors one row no rows no vectors") {
  const tests::ClusteredVectors empty({.rows = 0, .seed = 43});
  const tests::ClusteredVectors one({.rows = 1, .seed = 43});
  const tests::ClusteredVectors absent({.rows = 20, .seed = 43, .absent_every = 1});
  for (const tests::ClusteredVectors* vectors : {&empty, &one, &absent}) {
    const Sections section = Build(*vectors);
    REQUIRE_MESSAGE(section.ok(), section.status().ToString());
    const auto graph = HnswGraph::Open(*section, vectors->row_count());
    REQUIRE(graph.ok());
    CHECK(graph->node_count() == vectors->column().CountPresent());
    CHECK(graph->header().reachable_count == graph->node_count());
  }
  const std::vector<float> same(300 * 4, 1.0F);
  VectorColumn::Parts parts;
  parts.dimension = 4;
  parts.row_count = 300;
  parts.rows = ChunkedRows<std::byte>::Contiguous(reinterpret_cast<const std::byte*>(same.data()),
                                                  4 * sizeof(float));
  const VectorColumn column(parts);
  const VectorSchema schema = {.name = "",
                               .dimension = 4,
                               .metric = DistanceMetric::kL2,
                               .element = VectorElement::kFloat32,
                               .hnsw = {.m = 4, .ef_construction = 20}};
  std::string text;
  const auto id = [&](uint32_t row) {
    text = std::to_string(row);
    return std::string_view(text);
  };
  const Sections section =
      BuildHnswSection({.column = &column, .schema = &schema, .encoded_id = id});
  REQUIRE_MESSAGE(section.ok(), section.status().ToString());
  CHECK(HnswGraph::Open(*section, 300)->node_count() == 300);
}

TEST_CASE("vectors whose products overflow still make a graph") {
  std::vector<float> huge(64 * 2);
  for (size_t i = 0; i < huge.size(); ++i) {
    huge[i] = (i % 3 == 0 ? -3e38F : 3e38F);
  }
  VectorColumn::Parts parts;
  parts.dimension = 2;
  parts.row_count = 64;
  parts.rows = ChunkedRows<std::byte>::Contiguous(reinterpret_cast<const std::byte*>(huge.data()),
                                                  2 * sizeof(float));
  const VectorColumn column(parts);
  const std::string id_text = "x";
  const auto id = [&](uint32_t) { return std::string_view(id_text); };
  for (const DistanceMetric metric : {DistanceMetric::kL2, DistanceMetric::kDot}) {
    const VectorSchema schema = {.name = "",
                                 .dimension = 2,
                                 .metric = metric,
                                 .element = VectorElement::kFloat32,
                                 .hnsw = {.m = 4, .ef_construction = 20}};
    const Sections section =
        BuildHnswSection({.column = &column, .schema = &schema, .encoded_id = id});
    CHECK_MESSAGE(section.ok(), section.status().ToString());
  }
}

TEST_CASE("a build stops when asked to and tells how far it is") {
  const tests::ClusteredVectors vectors({.rows = 2500, .dimension = 8, .seed = 44});
  std::atomic<bool> cancelled{true};
  CHECK(Build(vectors, Cancellation::OnFlag(&cancelled)).status().code() ==
        absl::StatusCode::kCancelled);
  cancelled = false;
  std::vector<uint32_t> progress;
  const auto report = [&](uint32_t rows) {
    progress.push_back(rows);
    cancelled = rows >= 1024;
  };
  const absl::FunctionRef<void(uint32_t)> on_progress = report;
  const auto id = [&](uint32_t row) { return std::string_view(vectors.encoded_id(row)); };
  CHECK(BuildHnswSection({.column = &vectors.column(),
                          .schema = &vectors.schema(),
                          .encoded_id = id,
                          .cancellation = Cancellation::OnFlag(&cancelled),
                          .on_progress = &on_progress})
            .status()
            .code() == absl::StatusCode::kCancelled);
  CHECK(progress == std::vector<uint32_t>{0, 1024});
}

TEST_CASE("options out of range are refused before hnswlib sees them") {
  const auto code = [](uint32_t m, uint32_t ef_construction) {
    const tests::ClusteredVectors vectors(
        {.rows = 3, .seed = 45, .hnsw = {.m = m, .ef_construction = ef_construction}});
    return Build(vectors).status().code();
  };
  CHECK(code(2, 2) == absl::StatusCode::kOk);
  CHECK(code(128, 128) == absl::StatusCode::kOk);
  CHECK(code(1, 100) == absl::StatusCode::kInvalidArgument);
  CHECK(code(129, 200) == absl::StatusCode::kInvalidArgument);
  CHECK(code(16, 15) == absl::StatusCode::kInvalidArgument);
  CHECK(code(16, 4097) == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("the memory estimate covers vectors and links") {
  const tests::ClusteredVectors vectors({.rows = 1000, .dimension = 32, .seed = 46});
  const Sections section = Build(vectors);
  REQUIRE(section.ok());
  CHECK(HnswBuildMemoryBytes(1000, vectors.schema()) > section->size() + 1000 * 32 * sizeof(float));
}

}  // namespace
}  // namespace perigee::engine
