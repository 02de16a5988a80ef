// SPDX-License-Identifier: Apache-2.0
#include "engine/index/hnsw/hnswlib_builder.h"

// Everything that hnswlib includes comes first, because hnswlib itself is included inside an
// unnamed namespace: 0.6.2 defines functions in its headers, and a program that uses another build
// of it beside ours (a benchmark) would mix the two.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cmath>
#include <cstring>
#include <deque>
#include <exception>
#include <fstream>
#include <iostream>
#include <limits>
#include <list>
#include <memory>
#include <mutex>
#include <new>
#include <queue>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/distance/distance_kernels.h"
#include "engine/index/hnsw/hnsw_graph.h"
#include "perigee/model/limits.h"
#include "storage/foundation/check.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"

// Its prefetches read one element past a list (M9), and gain nothing measurable while building.
#ifndef NO_MANUAL_VECTORIZATION
#define NO_MANUAL_VECTORIZATION
#endif

namespace {
#include <hnswlib/hnswlib.h>
}  // namespace

namespace perigee::engine {
namespace {

constexpr uint32_t kProgressRows = 1024;

// What hnswlib hands back to every distance call.
struct SpaceParameters {
  DistanceKernel kernel;
  size_t dimension;
  float sign;  // -1: a bigger product is nearer
};

// Our kernels on f32 rows; order matters to hnswlib, not scale.
class KernelSpace final : public ::hnswlib::SpaceInterface<float> {
 public:
  explicit KernelSpace(const VectorSchema& schema)
      : parameters_{schema.metric == DistanceMetric::kL2 ? ActiveKernels().l2_squared_f32
                                                         : ActiveKernels().dot_f32,
                    schema.dimension, schema.metric == DistanceMetric::kL2 ? 1.0F : -1.0F} {}

  size_t get_data_size() override { return parameters_.dimension * sizeof(float); }
  ::hnswlib::DISTFUNC<float> get_dist_func() override { return Distance; }
  void* get_dist_func_param() override { return &parameters_; }

 private:
  static float Distance(const void* a, const void* b, const void* parameters) {
    const auto& space = *static_cast<const SpaceParameters*>(parameters);
    const float distance =
        space.sign * space.kernel(static_cast<const float*>(a), b, space.dimension);
    // NaN would break the order that its heaps rely on.
    return std::isfinite(distance) ? distance : std::numeric_limits<float>::max();
  }

  SpaceParameters parameters_;
};

using Hnsw = ::hnswlib::HierarchicalNSW<float>;

absl::Status CheckRequest(const HnswBuildRequest& request) {
  PERIGEE_CHECK(request.column != nullptr && request.schema != nullptr);
  PERIGEE_CHECK(request.column->dimension() == request.schema->dimension);
  const HnswOptions& options = request.schema->hnsw;
  if (options.m < 2 || options.m > limits::kHnswMMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("hnsw m is ", options.m, ", allowed: 2 to ", limits::kHnswMMax));
  }
  if (options.ef_construction < options.m ||
      options.ef_construction > limits::kHnswEfConstructionMax) {
    return absl::InvalidArgumentError(absl::StrCat("hnsw ef_construction is ",
                                                   options.ef_construction, ", allowed: m to ",
                                                   limits::kHnswEfConstructionMax));
  }
  if (request.column->row_count() > kHnswRowsMax) {
    return absl::InvalidArgumentError(absl::StrCat("a graph of ", request.column->row_count(),
                                                   " rows, allowed: up to ", kHnswRowsMax));
  }
  return absl::OkStatus();
}

// Rows are put in as f32, under cosine with length 1.
void PrepareRow(const HnswBuildRequest& request, uint32_t row, std::span<float> values) {
  request.column->CopyRow(row, values);
  if (request.schema->metric != DistanceMetric::kCosine) {
    return;
  }
  const double norm = request.column->has_norms() ? request.column->Norm(row)
                                                  : VectorNorm(values.data(), values.size());
  for (float& value : values) {
    value = static_cast<float>(static_cast<double>(value) / norm);
  }
}

absl::Status InsertRows(const HnswBuildRequest& request, Hnsw& hnsw) {
  std::vector<float> values(request.schema->dimension);
  // Levels are forced: without this, hnswlib would draw one for every node that asks for level 0.
  hnsw.mult_ = 0;
  for (uint32_t row = 0; row < request.column->row_count(); ++row) {
    PERIGEE_RETURN_IF_ERROR(request.cancellation.Check());
    if (request.on_progress != nullptr && row % kProgressRows == 0) {
      (*request.on_progress)(row);
    }
    if (!request.column->Present(row)) {
      continue;
    }
    PrepareRow(request, row, values);
    hnsw.addPoint(values.data(), row,
                  static_cast<int>(HnswLevelOfId(request.encoded_id(row), request.schema->hnsw.m)));
  }
  return absl::OkStatus();
}

// The section's bytes while they are put together.
class SectionWriter {
 public:
  SectionWriter(const HnswBuildRequest& request, const Hnsw& hnsw)
      : hnsw_(hnsw), row_count_(request.column->row_count()) {
    header_ = {.row_count = row_count_,
               .node_count = static_cast<uint32_t>(hnsw.cur_element_count),
               .m = request.schema->hnsw.m,
               .ef_construction = request.schema->hnsw.ef_construction,
               .dimension = request.schema->dimension,
               .metric = static_cast<uint32_t>(request.schema->metric)};
  }

  absl::StatusOr<std::vector<std::byte>> Write() {
    NumberUpperNodes();
    const uint64_t upper_links = upper_offsets_.back();
    if (upper_links > std::numeric_limits<uint32_t>::max()) {
      return absl::ResourceExhaustedError("the upper levels of the graph have too many links");
    }
    header_.upper_link_count = static_cast<uint32_t>(upper_links);
    const size_t words = size_t{row_count_} * 2 * header_.m + 2 * upper_rows_.size() + 1 +
                         static_cast<size_t>(upper_links);
    words_.assign(words, kNoLink);
    CopyLevel0();
    CopyUpperLevels();
    SetEntry();
    std::vector<std::byte> bytes(kHnswSectionHeaderBytes + words * sizeof(uint32_t));
    std::memcpy(bytes.data() + kHnswSectionHeaderBytes, words_.data(), words * sizeof(uint32_t));
    words_ = {};
    return Seal(std::move(bytes));
  }

 private:
  uint32_t RowOf(uint32_t node) const {
    return static_cast<uint32_t>(hnsw_.getExternalLabel(node));
  }

  // Nodes were inserted in the order of rows, so their order by node is their order by row.
  void NumberUpperNodes() {
    position_of_node_.assign(header_.node_count, kNoLink);
    upper_offsets_ = {0};
    for (uint32_t node = 0; node < header_.node_count; ++node) {
      const int level = hnsw_.element_levels_[node];
      if (level > 0) {
        position_of_node_[node] = static_cast<uint32_t>(upper_rows_.size());
        upper_rows_.push_back(RowOf(node));
        upper_nodes_.push_back(node);
        upper_offsets_.push_back(upper_offsets_.back() + static_cast<uint64_t>(level) * header_.m);
      }
    }
    header_.upper_count = static_cast<uint32_t>(upper_rows_.size());
  }

  std::span<const uint32_t> LinksOf(uint32_t node, int level) const {
    const unsigned int* list = hnsw_.get_linklist_at_level(node, level);
    return {list + 1, hnsw_.getListCount(const_cast<unsigned int*>(list))};
  }

  void CopyLevel0() {
    const size_t width = size_t{2} * header_.m;
    std::vector<bool> has_node(row_count_);
    for (uint32_t node = 0; node < header_.node_count; ++node) {
      const uint32_t row = RowOf(node);
      has_node[row] = true;
      size_t slot = size_t{row} * width;
      for (const uint32_t link : LinksOf(node, 0)) {
        words_[slot++] = RowOf(link);
      }
    }
    for (uint32_t row = 0; row < row_count_; ++row) {
      if (!has_node[row]) {
        words_[size_t{row} * width] = kNoNode;
      }
    }
  }

  void CopyUpperLevels() {
    size_t word = size_t{row_count_} * 2 * header_.m;
    for (const uint32_t row : upper_rows_) {
      words_[word++] = row;
    }
    for (const uint64_t offset : upper_offsets_) {
      words_[word++] = static_cast<uint32_t>(offset);
    }
    for (const uint32_t node : upper_nodes_) {
      for (int level = 1; level <= hnsw_.element_levels_[node]; ++level) {
        size_t slot = word;
        for (const uint32_t link : LinksOf(node, level)) {
          words_[slot++] = position_of_node_[link];
        }
        word += header_.m;
      }
    }
  }

  void SetEntry() {
    if (header_.node_count == 0) {
      return;
    }
    header_.entry_row = RowOf(hnsw_.enterpoint_node_);
    header_.entry_position = position_of_node_[hnsw_.enterpoint_node_];
    header_.max_level = static_cast<uint32_t>(hnsw_.maxlevel_);
  }

  // Header and check: what leaves here is what a reader would accept.
  absl::StatusOr<std::vector<std::byte>> Seal(std::vector<std::byte> bytes) {
    const std::span<std::byte, kHnswSectionHeaderBytes> head(bytes.data(), kHnswSectionHeaderBytes);
    EncodeHnswHeader(header_, head);
    absl::StatusOr<HnswGraph> graph = HnswGraph::Open(bytes, row_count_);
    if (!graph.ok()) {
      return absl::InternalError(
          absl::StrCat("hnswlib built a graph that is not valid: ", graph.status().message()));
    }
    header_.reachable_count = graph->CountReachable();
    EncodeHnswHeader(header_, head);
    return bytes;
  }

  const Hnsw& hnsw_;
  const uint32_t row_count_;
  HnswGraphHeader header_;
  std::vector<uint32_t> position_of_node_;
  std::vector<uint32_t> upper_rows_;
  std::vector<uint32_t> upper_nodes_;
  std::vector<uint64_t> upper_offsets_;
  std::vector<uint32_t> words_;
};

absl::StatusOr<std::vector<std::byte>> BuildUnguarded(const HnswBuildRequest& request) {
  KernelSpace space(*request.schema);
  const HnswOptions& options = request.schema->hnsw;
  // hnswlib allocates for at least one element; it never sees more rows than have the vector.
  const size_t nodes_max = std::max<size_t>(request.column->CountPresent(), 1);
  const auto hnsw = std::make_unique<Hnsw>(&space, nodes_max, options.m, options.ef_construction);
  PERIGEE_RETURN_IF_ERROR(InsertRows(request, *hnsw));
  return SectionWriter(request, *hnsw).Write();
}

}  // namespace

absl::StatusOr<std::vector<std::byte>> BuildHnswSection(const HnswBuildRequest& request) {
  PERIGEE_RETURN_IF_ERROR(CheckRequest(request));
  // The boundary for exceptions of hnswlib: it reports even a failed malloc as a runtime_error.
  try {
    return BuildUnguarded(request);
  } catch (const std::bad_alloc&) {
    return ErrorWithReason(ErrorReason::kOverloaded, "too little memory to build a graph");
  } catch (const std::exception& error) {
    const std::string what = error.what();
    if (what.find("memory: ") != std::string::npos || what == "Not enough memory") {
      return ErrorWithReason(ErrorReason::kOverloaded,
                             absl::StrCat("too little memory to build a graph: ", what));
    }
    return absl::InternalError(absl::StrCat("hnswlib failed: ", what));
  }
}

uint64_t HnswBuildMemoryBytes(uint64_t rows, const VectorSchema& schema) {
  const uint64_t links0 = (uint64_t{2} * schema.hnsw.m + 1) * sizeof(uint32_t);
  // Upper levels hold m / (m - 1) - 1 lists per node on average: at most one for m >= 2.
  const uint64_t upper = (uint64_t{schema.hnsw.m} + 1) * sizeof(uint32_t);
  // Label, lock, level, pointer, entry of its hash map, visited mark.
  constexpr uint64_t kBookkeeping = 8 + 40 + 4 + 8 + 48 + 2;
  const uint64_t working =
      uint64_t{schema.dimension} * sizeof(float) + links0 + upper + kBookkeeping;
  const uint64_t section = 2 * (links0 + upper);
  return rows * (working + section);
}

uint32_t HnswLevelOfId(std::string_view encoded_id, uint32_t m) {
  // FNV-1a, then the finalizer of SplitMix64: integers only, so that every machine agrees (N6).
  uint64_t hash = 0xCBF2'9CE4'8422'2325ULL;
  for (const char c : encoded_id) {
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x0000'0100'0000'01B3ULL;
  }
  hash = (hash ^ (hash >> 30U)) * 0xBF58'476D'1CE4'E5B9ULL;
  hash = (hash ^ (hash >> 27U)) * 0x94D0'49BB'1331'11EBULL;
  hash ^= hash >> 31U;
  uint32_t level = 0;
  for (uint64_t threshold = std::numeric_limits<uint64_t>::max() / m;
       level < kHnswLevelMax && hash < threshold; threshold /= m) {
    ++level;
  }
  return level;
}

}  // namespace perigee::engine
