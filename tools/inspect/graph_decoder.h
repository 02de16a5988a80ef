// SPDX-License-Identifier: Apache-2.0
//
// Decodes and validates an HNSW section after docs/formats/hnsw_section.md (F4), and walks it.
//
// Invariants: a graph is returned exactly if every rule of the page holds, so that its lists can be
// followed without a further check.
// Thread-safety: functions without state; a graph refers to the bytes it was decoded from.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/inspect/record_decoder.h"

namespace perigee::tools::inspect {

/// What the segment says about the vector whose graph it is.
struct GraphExpectation {
  uint64_t rows = 0;
  const VectorSchema* schema = nullptr;
  std::function<bool(uint32_t)> has_vector = {};
};

class Graph {
 public:
  /// Nothing, and `fault` says why, when a rule is broken; `place` is the byte of the section.
  static std::optional<Graph> Decode(std::string_view bytes, const GraphExpectation& expectation,
                                     std::string& fault, uint64_t& place);

  uint32_t rows() const { return rows_; }
  uint32_t nodes() const { return nodes_; }
  uint32_t m() const { return m_; }
  uint32_t entry() const { return entry_; }
  uint32_t max_level() const { return max_level_; }
  uint32_t reachable_stored() const { return reachable_; }

  /// Rows that the list of `row` on level 0 names.
  std::vector<uint32_t> Neighbours(uint32_t row) const;
  /// Rows that the list of the upper node at `position` on `level` names, as positions.
  std::vector<uint32_t> UpperNeighbours(uint32_t position, uint32_t level) const;
  uint32_t entry_position() const { return entry_position_; }
  uint32_t RowOfUpper(uint32_t position) const;
  uint32_t LevelOfUpper(uint32_t position) const;
  /// Nodes that a walk over level 0 reaches from the entry.
  uint32_t CountReachable() const;

 private:
  std::string CheckHeader(const GraphExpectation& expectation, uint64_t& place) const;
  std::string CheckLevel0(const GraphExpectation& expectation, uint64_t& place) const;
  std::string CheckUpper(const GraphExpectation& expectation, uint64_t& place) const;
  std::string CheckUpperLists(uint64_t& place) const;
  uint32_t Word(uint64_t offset) const;

  std::string_view bytes_;
  uint32_t rows_ = 0;
  uint32_t nodes_ = 0;
  uint32_t m_ = 0;
  uint32_t ef_construction_ = 0;
  uint32_t entry_ = 0;
  uint32_t entry_position_ = 0;
  uint32_t max_level_ = 0;
  uint32_t upper_count_ = 0;
  uint32_t upper_links_ = 0;
  uint32_t reachable_ = 0;
  uint64_t upper_rows_at_ = 0;  ///< offsets of the parts in the section
  uint64_t upper_offsets_at_ = 0;
  uint64_t upper_links_at_ = 0;
};

}  // namespace perigee::tools::inspect
