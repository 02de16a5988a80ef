// SPDX-License-Identifier: Apache-2.0
//
// GraphDocument: an hnsw section taken apart into nodes and links by row, for mutations that leave
// a section valid: what Encode writes has right counts, positions and an entry on the highest
// level.
//
// Invariants: Encode drops links that lead nowhere, so its result opens whenever the document has
// at most kHnswRowsMax rows and parameters within their limits. Thread-safety: a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/index/hnsw/hnsw_graph.h"
#include "tests/fuzz/byte_mutator.h"

namespace perigee::tests {

struct GraphNode {
  bool present = true;
  /// Rows that the list of each level leads to, level 0 first.
  std::vector<std::vector<uint32_t>> levels = {{}};
};

struct GraphDocument {
  uint32_t m = 2;
  uint32_t ef_construction = 10;
  uint32_t dimension = 2;
  uint32_t metric = 2;
  std::vector<GraphNode> rows = {};

  /// Nothing when the section does not open.
  static std::optional<GraphDocument> Parse(std::string_view section);
  /// Random nodes, levels and links.
  static GraphDocument Random(ByteMutator& mutator, uint32_t rows_max);
  /// One change: a link, a node, a level, a row, a parameter.
  void Mutate(ByteMutator& mutator, uint32_t rows_max);
  std::string Encode() const;
};

}  // namespace perigee::tests
