// SPDX-License-Identifier: Apache-2.0
#include "engine/index/hnsw/hnsw_graph.h"

#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "perigee/model/collection_schema.h"
#include "perigee/model/limits.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/check.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"

namespace perigee::engine {
namespace {

absl::Status Damaged(const std::string& what) {
  return ErrorWithReason(ErrorReason::kDamaged, absl::StrCat("hnsw section: ", what));
}

absl::Status DamagedField(const char* field, uint64_t value, const std::string& allowed) {
  return Damaged(absl::StrCat(field, " is ", value, ", allowed: ", allowed));
}

absl::StatusOr<HnswGraphHeader> DecodeHeader(std::span<const std::byte> bytes) {
  storage::ByteReader reader(bytes.first(std::min(bytes.size(), kHnswSectionHeaderBytes)));
  const uint32_t magic = reader.U32();
  const uint16_t version = reader.U16();
  const uint16_t header_bytes = reader.U16();
  HnswGraphHeader header;
  header.row_count = reader.U32();
  header.node_count = reader.U32();
  header.m = reader.U32();
  header.ef_construction = reader.U32();
  header.entry_row = reader.U32();
  header.entry_position = reader.U32();
  header.max_level = reader.U32();
  header.upper_count = reader.U32();
  header.upper_link_count = reader.U32();
  header.reachable_count = reader.U32();
  header.dimension = reader.U32();
  header.metric = reader.U32();
  reader.Zeros(8);
  PERIGEE_RETURN_IF_ERROR(reader.Finish());
  if (magic != kHnswSectionMagic) {
    return Damaged("does not begin with PGHN");
  }
  if (version != kHnswSectionVersion || header_bytes != kHnswSectionHeaderBytes) {
    return DamagedField("version", version, "1 with a header of 64 bytes");
  }
  return header;
}

absl::Status CheckParameters(const HnswGraphHeader& header) {
  if (header.m < 2 || header.m > limits::kHnswMMax) {
    return DamagedField("m", header.m, "2 to 128");
  }
  if (header.ef_construction == 0 || header.ef_construction > limits::kHnswEfConstructionMax) {
    return DamagedField("ef_construction", header.ef_construction, "1 to 4096");
  }
  if (header.dimension == 0 || header.dimension > limits::kDimensionMax) {
    return DamagedField("dimension", header.dimension, "1 to 65535");
  }
  if (header.metric < 1 || header.metric > 3) {
    return DamagedField("metric", header.metric, "1 to 3");
  }
  return absl::OkStatus();
}

absl::Status CheckCounts(const HnswGraphHeader& header) {
  if (header.node_count > header.row_count) {
    return DamagedField("node_count", header.node_count, absl::StrCat("to ", header.row_count));
  }
  if (header.reachable_count > header.node_count) {
    return DamagedField("reachable_count", header.reachable_count,
                        absl::StrCat("to ", header.node_count));
  }
  if (header.upper_count > header.node_count) {
    return DamagedField("upper_count", header.upper_count, absl::StrCat("to ", header.node_count));
  }
  if (header.max_level > kHnswLevelMax) {
    return DamagedField("max_level", header.max_level, "to 32");
  }
  if ((header.max_level == 0) != (header.upper_count == 0)) {
    return DamagedField("max_level", header.max_level, "0 exactly without upper nodes");
  }
  if ((header.node_count == 0) != (header.entry_row == kNoLink)) {
    return DamagedField("entry_row", header.entry_row, "absent exactly without nodes");
  }
  if ((header.max_level == 0) != (header.entry_position == kNoLink)) {
    return DamagedField("entry_position", header.entry_position,
                        "absent exactly without upper nodes");
  }
  return absl::OkStatus();
}

// How many slots of a list are used; -1 when an unused slot comes before a used one.
int64_t UsedSlots(std::span<const uint32_t> list) {
  size_t used = 0;
  while (used < list.size() && list[used] != kNoLink) {
    ++used;
  }
  for (size_t slot = used; slot < list.size(); ++slot) {
    if (list[slot] != kNoLink) {
      return -1;
    }
  }
  return static_cast<int64_t>(used);
}

}  // namespace

void EncodeHnswHeader(const HnswGraphHeader& header,
                      std::span<std::byte, kHnswSectionHeaderBytes> bytes) {
  storage::ByteWriter writer;
  writer.U32(kHnswSectionMagic);
  writer.U16(kHnswSectionVersion);
  writer.U16(kHnswSectionHeaderBytes);
  for (const uint32_t field :
       {header.row_count, header.node_count, header.m, header.ef_construction, header.entry_row,
        header.entry_position, header.max_level, header.upper_count, header.upper_link_count,
        header.reachable_count, header.dimension, header.metric}) {
    writer.U32(field);
  }
  writer.Zeros(8);
  PERIGEE_CHECK(writer.size() == bytes.size());
  std::memcpy(bytes.data(), writer.bytes().data(), bytes.size());
}

absl::StatusOr<HnswGraph> HnswGraph::Open(std::span<const std::byte> bytes, uint32_t row_count) {
  PERIGEE_CHECK(reinterpret_cast<uintptr_t>(bytes.data()) % alignof(uint32_t) == 0);
  HnswGraph graph;
  PERIGEE_RETURN_IF_ERROR(graph.ValidateHeader(bytes, row_count));
  PERIGEE_RETURN_IF_ERROR(graph.ValidateUpperOffsets());
  PERIGEE_RETURN_IF_ERROR(graph.ValidateLevel0());
  PERIGEE_RETURN_IF_ERROR(graph.ValidateUpperLinks());
  return graph;
}

absl::Status HnswGraph::ValidateHeader(std::span<const std::byte> bytes, uint32_t row_count) {
  PERIGEE_ASSIGN_OR_RETURN(header_, DecodeHeader(bytes));
  if (header_.row_count != row_count || row_count > kHnswRowsMax) {
    return DamagedField("row_count", header_.row_count,
                        absl::StrCat("that of its segment, ", row_count));
  }
  PERIGEE_RETURN_IF_ERROR(CheckParameters(header_));
  PERIGEE_RETURN_IF_ERROR(CheckCounts(header_));
  // Every factor is below 2^32 and 2m at most 2^8: the sum stays far below 2^64.
  const uint64_t words = uint64_t{header_.row_count} * 2 * header_.m +
                         uint64_t{header_.upper_count} * 2 + 1 + header_.upper_link_count;
  if (bytes.size() != kHnswSectionHeaderBytes + words * sizeof(uint32_t)) {
    return Damaged(absl::StrCat("has ", bytes.size(), " bytes, its header says ",
                                kHnswSectionHeaderBytes + words * sizeof(uint32_t)));
  }
  bytes_ = bytes.size();
  links0_ = size_t{2} * header_.m;
  level0_ = reinterpret_cast<const uint32_t*>(bytes.data() + kHnswSectionHeaderBytes);
  upper_rows_ = level0_ + size_t{header_.row_count} * links0_;
  upper_offsets_ = upper_rows_ + header_.upper_count;
  upper_links_ = upper_offsets_ + header_.upper_count + 1;
  return absl::OkStatus();
}

absl::Status HnswGraph::ValidateUpperOffsets() const {
  uint32_t highest = 0;
  for (uint32_t position = 0; position < header_.upper_count; ++position) {
    if (upper_rows_[position] >= header_.row_count ||
        (position > 0 && upper_rows_[position] <= upper_rows_[position - 1])) {
      return Damaged(absl::StrCat("upper node ", position, " has row ", upper_rows_[position],
                                  ", out of order or range"));
    }
    const uint32_t begin = upper_offsets_[position];
    const uint32_t end = upper_offsets_[position + 1];
    if (end <= begin || (end - begin) % header_.m != 0 ||
        (end - begin) / header_.m > kHnswLevelMax) {
      return Damaged(absl::StrCat("upper node ", position, " has slots ", begin, " to ", end));
    }
    highest = std::max(highest, UpperLevel(position));
  }
  if (upper_offsets_[0] != 0 || upper_offsets_[header_.upper_count] != header_.upper_link_count) {
    return Damaged("the slots of the upper nodes do not fill their area");
  }
  if (highest != header_.max_level) {
    return DamagedField("max_level", header_.max_level, absl::StrCat("the highest, ", highest));
  }
  if (header_.max_level > 0 && (header_.entry_position >= header_.upper_count ||
                                upper_rows_[header_.entry_position] != header_.entry_row ||
                                UpperLevel(header_.entry_position) != header_.max_level)) {
    return DamagedField("entry_position", header_.entry_position,
                        "that of the entry row, at the highest level");
  }
  return absl::OkStatus();
}

absl::Status HnswGraph::ValidateLevel0() const {
  // One bit per row instead of a look at each neighbour's list: the bits stay in the cache.
  std::vector<bool> has_node(header_.row_count);
  uint32_t nodes = 0;
  for (uint32_t row = 0; row < header_.row_count; ++row) {
    has_node[row] = HasNode(row);
    nodes += has_node[row] ? 1U : 0U;
  }
  if (nodes != header_.node_count) {
    return DamagedField("node_count", header_.node_count, absl::StrCat("the nodes, ", nodes));
  }
  if (nodes > 0 && (header_.entry_row >= header_.row_count || !has_node[header_.entry_row])) {
    return DamagedField("entry_row", header_.entry_row, "a row with a node");
  }
  for (uint32_t position = 0; position < header_.upper_count; ++position) {
    if (!has_node[upper_rows_[position]]) {
      return Damaged(absl::StrCat("upper node ", position, " has no node on level 0"));
    }
  }
  for (uint32_t row = 0; row < header_.row_count; ++row) {
    std::span<const uint32_t> list = Links0(row);
    if (!has_node[row]) {
      list = list.subspan(1);
    }
    const int64_t used = UsedSlots(list);
    if (used < 0 || (!has_node[row] && used > 0)) {
      return Damaged(absl::StrCat("row ", row, " has a link after an unused slot"));
    }
    for (const uint32_t link : list.first(static_cast<size_t>(used))) {
      if (CanaryActive("neighbour-unchecked")) {
        continue;
      }
      if (link >= header_.row_count || link == row || !has_node[link]) {
        return Damaged(absl::StrCat("row ", row, " has a link to ", link));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status HnswGraph::ValidateUpperLinks() const {
  for (uint32_t position = 0; position < header_.upper_count; ++position) {
    for (uint32_t level = 1; level <= UpperLevel(position); ++level) {
      const std::span<const uint32_t> list = UpperLinks(position, level);
      const int64_t used = UsedSlots(list);
      if (used < 0) {
        return Damaged(absl::StrCat("upper node ", position, " has a link after an unused slot"));
      }
      for (const uint32_t link : list.first(static_cast<size_t>(used))) {
        if (link >= header_.upper_count || link == position || UpperLevel(link) < level) {
          return Damaged(
              absl::StrCat("upper node ", position, " has a link to ", link, " on level ", level));
        }
      }
    }
  }
  return absl::OkStatus();
}

uint32_t HnswGraph::CountReachable() const {
  if (empty()) {
    return 0;
  }
  std::vector<bool> seen(header_.row_count);
  std::vector<uint32_t> pending = {header_.entry_row};
  seen[header_.entry_row] = true;
  uint32_t count = 0;
  while (!pending.empty()) {
    const uint32_t row = pending.back();
    pending.pop_back();
    ++count;
    for (const uint32_t link : Links0(row)) {
      if (link == kNoLink) {
        break;
      }
      if (!seen[link]) {
        seen[link] = true;
        pending.push_back(link);
      }
    }
  }
  return count;
}

}  // namespace perigee::engine
