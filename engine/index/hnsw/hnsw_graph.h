// SPDX-License-Identifier: Apache-2.0
//
// HnswGraph: the links of an HNSW graph as a view of an hnsw section's bytes, validated node by
// node (F4). docs/formats/hnsw_section.md defines the bytes.
//
// Invariants after Open:
//  1. Every link of a level-0 list is a row below row_count() that has a node, never the row
//  itself;
//     unused slots hold kNoLink and come last.
//  2. A node above level 0 is known by its position among the upper nodes; every link of its list
//  of
//     level l is the position of another upper node whose level is at least l.
//  3. The entry node has the highest level.
//
// Thread-safety: immutable; the bytes must outlive it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"

namespace perigee::engine {

inline constexpr uint32_t kHnswSectionMagic = 0x4E48'4750;  // "PGHN"
inline constexpr uint16_t kHnswSectionVersion = 1;
inline constexpr size_t kHnswSectionHeaderBytes = 64;
inline constexpr uint32_t kHnswLevelMax = 32;
/// A graph's rows fit 31 bits, which leaves a walk one bit of a 64-bit key for a mark.
inline constexpr uint32_t kHnswRowsMax = uint32_t{1} << 31U;
/// An unused slot of a list.
inline constexpr uint32_t kNoLink = 0xFFFF'FFFF;
/// In the first slot of a level-0 list: the row has no node.
inline constexpr uint32_t kNoNode = 0xFFFF'FFFE;

struct HnswGraphHeader {
  uint32_t row_count = 0;
  uint32_t node_count = 0;
  uint32_t m = 0;
  uint32_t ef_construction = 0;
  uint32_t entry_row = kNoLink;       ///< kNoLink when there are no nodes
  uint32_t entry_position = kNoLink;  ///< among the upper nodes; kNoLink when max_level is 0
  uint32_t max_level = 0;
  uint32_t upper_count = 0;       ///< nodes above level 0
  uint32_t upper_link_count = 0;  ///< slots of all their lists
  uint32_t reachable_count = 0;   ///< nodes reachable from the entry over level 0, when built
  uint32_t dimension = 0;
  uint32_t metric = 0;

  friend bool operator==(const HnswGraphHeader&, const HnswGraphHeader&) = default;
};

/// Writes the 64 bytes of a header.
void EncodeHnswHeader(const HnswGraphHeader& header,
                      std::span<std::byte, kHnswSectionHeaderBytes> bytes);

class HnswGraph {
 public:
  /// Validates every field. kDataLoss naming the first thing wrong. Requires: `bytes` is 4-byte
  /// aligned; `row_count` is that of the segment.
  static absl::StatusOr<HnswGraph> Open(std::span<const std::byte> bytes, uint32_t row_count);

  const HnswGraphHeader& header() const { return header_; }
  uint32_t row_count() const { return header_.row_count; }
  uint32_t node_count() const { return header_.node_count; }
  uint32_t max_level() const { return header_.max_level; }
  size_t bytes() const { return bytes_; }
  bool empty() const { return header_.node_count == 0; }

  /// The 2m slots of a row's level-0 list.
  std::span<const uint32_t> Links0(uint32_t row) const {
    return {level0_ + size_t{row} * links0_, links0_};
  }
  bool HasNode(uint32_t row) const { return level0_[size_t{row} * links0_] != kNoNode; }

  /// The row of an upper node.
  uint32_t UpperRow(uint32_t position) const { return upper_rows_[position]; }
  /// The highest level of an upper node, at least 1.
  uint32_t UpperLevel(uint32_t position) const {
    return (upper_offsets_[position + 1] - upper_offsets_[position]) / header_.m;
  }
  /// The m slots of an upper node's list of `level`, positions among the upper nodes. Requires:
  /// 1 <= level <= UpperLevel(position).
  std::span<const uint32_t> UpperLinks(uint32_t position, uint32_t level) const {
    return {upper_links_ + upper_offsets_[position] + size_t{level - 1} * header_.m, header_.m};
  }

  /// Nodes that a walk over level 0 reaches from the entry, counted anew (F4).
  uint32_t CountReachable() const;

 private:
  HnswGraph() = default;
  absl::Status ValidateHeader(std::span<const std::byte> bytes, uint32_t row_count);
  absl::Status ValidateLevel0() const;
  absl::Status ValidateUpperOffsets() const;
  absl::Status ValidateUpperLinks() const;

  HnswGraphHeader header_;
  size_t bytes_ = 0;
  size_t links0_ = 0;
  const uint32_t* level0_ = nullptr;
  const uint32_t* upper_rows_ = nullptr;
  const uint32_t* upper_offsets_ = nullptr;
  const uint32_t* upper_links_ = nullptr;
};

}  // namespace perigee::engine
