// SPDX-License-Identifier: Apache-2.0
//
// BuildHnswSection: builds the graph of one vector column with hnswlib and copies its links out
// into the bytes of an hnsw section (docs/formats/hnsw_section.md). The only unit that sees hnswlib
// (F8), and the boundary where its exceptions stop.
//
// Invariants:
//  1. The same rows, ids and options give the same bytes: one thread, and a node's level comes from
//     a hash of its encoded id (N6).
//  2. Rows without the vector have no node.
//  3. The bytes have passed HnswGraph::Open before they are returned.
//
// Thread-safety: calls may run at the same time on different threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "engine/execution/cancellation.h"
#include "engine/vectors/vector_column.h"
#include "perigee/model/collection_schema.h"

namespace perigee::engine {

struct HnswBuildRequest {
  const VectorColumn* column = nullptr;
  const VectorSchema* schema = nullptr;  ///< metric and hnsw options
  /// The encoded id of a row below column->row_count().
  absl::FunctionRef<std::string_view(uint32_t row)> encoded_id;
  /// Checked between rows.
  Cancellation cancellation = {};
  /// Called now and then with the rows done so far; nullptr: not at all.
  const absl::FunctionRef<void(uint32_t rows_done)>* on_progress = nullptr;
};

/// The section's bytes. kInvalidArgument: options out of range; kCancelled or kDeadlineExceeded;
/// kResourceExhausted: hnswlib found too little memory; kInternal: hnswlib failed otherwise.
absl::StatusOr<std::vector<std::byte>> BuildHnswSection(const HnswBuildRequest& request);

/// Upper bound of the memory that a build takes besides the column, in bytes.
uint64_t HnswBuildMemoryBytes(uint64_t rows, const VectorSchema& schema);

/// The level of a node: geometric with ratio 1 / m, at most kHnswLevelMax, a function of the id.
uint32_t HnswLevelOfId(std::string_view encoded_id, uint32_t m);

}  // namespace perigee::engine
