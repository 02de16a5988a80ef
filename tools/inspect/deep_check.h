// SPDX-License-Identifier: Apache-2.0
//
// What verify --deep computes again from stored vectors: norms, distances, and how well a graph
// finds neighbours, by plain loops of its own.
//
// Invariants: results depend on the bytes alone: sample queries come from a fixed seed.
// Thread-safety: functions without state.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tools/inspect/graph_decoder.h"
#include "tools/inspect/record_decoder.h"

namespace perigee::tools::inspect {

/// One stored vector as numbers.
std::vector<float> DecodeVector(std::string_view bytes, Element element);
/// The f64 norm of a stored vector.
double NormOf(std::string_view bytes, Element element);
/// The number that a half of IEEE 754 stands for.
float HalfToFloat(uint16_t half);
/// Distance under `metric`: smaller is nearer.
double DistanceOf(const std::vector<float>& a, const std::vector<float>& b, Metric metric);

struct RecallSample {
  uint32_t queries = 0;
  double recall_at_10 = 1;
};

/// Asks `queries` stored rows for their 10 nearest others, by the graph (ef 128) and by scanning
/// all rows. `vectors` holds the rows of the section.
RecallSample MeasureRecall(const Graph& graph, std::string_view vectors, const VectorSchema& schema,
                           const std::vector<uint32_t>& rows_with_vector, uint32_t queries);

}  // namespace perigee::tools::inspect
