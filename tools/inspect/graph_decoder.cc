// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/graph_decoder.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "tools/inspect/byte_view.h"

namespace perigee::tools::inspect {
namespace {

constexpr std::string_view kMagic = "PGHN";
constexpr uint64_t kHeader = 64;
constexpr uint32_t kNone = 0xffffffff;
constexpr uint32_t kNoNode = 0xfffffffe;
constexpr uint64_t kRowsMax = uint64_t{1} << 31U;
constexpr uint32_t kMMin = 2;
constexpr uint32_t kMMax = 128;
constexpr uint32_t kEfMax = 4096;
constexpr uint32_t kLevelMax = 32;
constexpr uint64_t kSlot = 4;

}  // namespace

uint32_t Graph::Word(uint64_t offset) const {
  uint32_t value = 0;  // every offset asked for lies inside, by the length that Decode checks
  std::memcpy(&value, bytes_.data() + offset, sizeof(value));
  return value;
}

std::optional<Graph> Graph::Decode(std::string_view bytes, const GraphExpectation& expectation,
                                   std::string& fault, uint64_t& place) {
  Graph graph;
  graph.bytes_ = bytes;
  place = 0;
  if (bytes.size() < kHeader || bytes.substr(0, 4) != kMagic || U16At(bytes, 4) != 1 ||
      U16At(bytes, 6) != kHeader) {
    fault = "no header with magic PGHN, version 1 and 64 bytes";
    return std::nullopt;
  }
  graph.rows_ = U32At(bytes, 8);
  graph.nodes_ = U32At(bytes, 12);
  graph.m_ = U32At(bytes, 16);
  graph.ef_construction_ = U32At(bytes, 20);
  graph.entry_ = U32At(bytes, 24);
  graph.entry_position_ = U32At(bytes, 28);
  graph.max_level_ = U32At(bytes, 32);
  graph.upper_count_ = U32At(bytes, 36);
  graph.upper_links_ = U32At(bytes, 40);
  graph.reachable_ = U32At(bytes, 44);
  fault = graph.CheckHeader(expectation, place);
  if (fault.empty()) {
    graph.upper_rows_at_ = kHeader + kSlot * graph.rows_ * 2 * graph.m_;
    graph.upper_offsets_at_ = graph.upper_rows_at_ + kSlot * graph.upper_count_;
    graph.upper_links_at_ = graph.upper_offsets_at_ + kSlot * (uint64_t{graph.upper_count_} + 1);
    const uint64_t end = graph.upper_links_at_ + kSlot * graph.upper_links_;
    if (end != bytes.size()) {
      fault = absl::StrCat("a section of ", bytes.size(), " bytes where its counts make ", end);
    }
  }
  if (fault.empty()) {
    fault = graph.CheckLevel0(expectation, place);
  }
  if (fault.empty()) {
    fault = graph.CheckUpper(expectation, place);
  }
  if (fault.empty()) {
    fault = graph.CheckUpperLists(place);
  }
  return fault.empty() ? std::optional(graph) : std::nullopt;
}

std::string Graph::CheckHeader(const GraphExpectation& expectation, uint64_t& place) const {
  const auto metric = static_cast<uint32_t>(expectation.schema->metric);
  place = 8;
  if (rows_ != expectation.rows || rows_ > kRowsMax || nodes_ > rows_) {
    return absl::StrCat(rows_, " rows and ", nodes_, " nodes, the segment has ", expectation.rows);
  }
  place = 16;
  if (m_ < kMMin || m_ > kMMax || ef_construction_ == 0 || ef_construction_ > kEfMax) {
    return absl::StrCat("m ", m_, " and ef_construction ", ef_construction_);
  }
  place = 24;
  if ((entry_ == kNone) != (nodes_ == 0) || (entry_ != kNone && entry_ >= rows_)) {
    return absl::StrCat("entry row ", entry_, " of ", rows_, " rows with ", nodes_, " nodes");
  }
  if ((entry_position_ == kNone) != (max_level_ == 0) || max_level_ > kLevelMax ||
      (entry_position_ != kNone && entry_position_ >= upper_count_)) {
    return absl::StrCat("entry position ", entry_position_, " of ", upper_count_, ", level ",
                        max_level_);
  }
  if (upper_count_ > nodes_ || reachable_ > nodes_ || (nodes_ > 0 && reachable_ == 0)) {
    return absl::StrCat(upper_count_, " upper and ", reachable_, " reachable of ", nodes_,
                        " nodes");
  }
  place = 48;
  if (U32At(bytes_, 48) != expectation.schema->dimension || U32At(bytes_, 52) != metric ||
      !IsZero(bytes_.substr(56, 8))) {
    return absl::StrCat("dimension ", U32At(bytes_, 48), " and metric ", U32At(bytes_, 52));
  }
  return "";
}

std::string Graph::CheckLevel0(const GraphExpectation& expectation, uint64_t& place) const {
  uint32_t nodes = 0;
  for (uint32_t row = 0; row < rows_; ++row) {
    const uint64_t begin = kHeader + kSlot * row * 2 * m_;
    place = begin;
    const bool node = Word(begin) != kNoNode;
    if (node != expectation.has_vector(row)) {
      return absl::StrCat("row ", row, node ? " has a list and no vector" : " has no list");
    }
    nodes += node ? 1 : 0;
    bool ended = !node;
    for (uint32_t slot = node ? 0 : 1; slot < 2 * m_; ++slot) {
      place = begin + kSlot * slot;
      const uint32_t neighbour = Word(place);
      if (neighbour == kNone) {
        ended = true;
        continue;
      }
      if (ended) {
        return absl::StrCat("a link behind the end of row ", row, "'s list");
      }
      if (neighbour >= rows_ || neighbour == row || !expectation.has_vector(neighbour)) {
        return absl::StrCat("a link from row ", row, " to ", neighbour);
      }
    }
  }
  place = 12;
  if (nodes != nodes_) {
    return absl::StrCat(nodes_, " nodes in the header, ", nodes, " lists");
  }
  place = 24;
  if (entry_ != kNone && !expectation.has_vector(entry_)) {
    return absl::StrCat("entry row ", entry_, " has no vector");
  }
  return "";
}

uint32_t Graph::RowOfUpper(uint32_t position) const {
  return Word(upper_rows_at_ + kSlot * position);
}

uint32_t Graph::LevelOfUpper(uint32_t position) const {
  const uint64_t at = upper_offsets_at_ + kSlot * position;
  return (Word(at + kSlot) - Word(at)) / m_;
}

std::string Graph::CheckUpper(const GraphExpectation& expectation, uint64_t& place) const {
  uint32_t highest = 0;
  for (uint32_t i = 0; i < upper_count_; ++i) {
    place = upper_rows_at_ + kSlot * i;
    const uint32_t row = RowOfUpper(i);
    if (row >= rows_ || (i > 0 && row <= RowOfUpper(i - 1)) || !expectation.has_vector(row)) {
      return absl::StrCat("upper node ", i, " is row ", row);
    }
  }
  for (uint32_t i = 0; i <= upper_count_; ++i) {
    place = upper_offsets_at_ + kSlot * i;
    const uint32_t offset = Word(place);
    const uint32_t before = i == 0 ? 0 : Word(place - kSlot);
    if (i == 0 ? offset != 0
               : offset <= before || (offset - before) % m_ != 0 ||
                     (offset - before) / m_ > kLevelMax) {
      return absl::StrCat("offset ", offset, " of upper node ", i, " behind ", before);
    }
    highest = std::max(highest, (offset - before) / m_);
  }
  if (Word(upper_offsets_at_ + kSlot * upper_count_) != upper_links_) {
    return absl::StrCat(upper_links_, " slots above level 0 in the header");
  }
  place = 28;
  if (highest != max_level_) {
    return absl::StrCat("level ", max_level_, " in the header, ", highest, " in the lists");
  }
  if (max_level_ > 0 &&
      (RowOfUpper(entry_position_) != entry_ || LevelOfUpper(entry_position_) != max_level_)) {
    return absl::StrCat("the entry is row ", entry_, ", its upper node row ",
                        RowOfUpper(entry_position_), " of level ", LevelOfUpper(entry_position_));
  }
  return "";
}

std::string Graph::CheckUpperLists(uint64_t& place) const {
  for (uint32_t node = 0; node < upper_count_; ++node) {
    const uint64_t begin = Word(upper_offsets_at_ + kSlot * node);
    for (uint32_t level = 1; level <= LevelOfUpper(node); ++level) {
      bool ended = false;
      for (uint32_t slot = 0; slot < m_; ++slot) {
        place = upper_links_at_ + kSlot * (begin + uint64_t{level - 1} * m_ + slot);
        const uint32_t neighbour = Word(place);
        if (neighbour == kNone) {
          ended = true;
          continue;
        }
        if (ended || neighbour >= upper_count_ || neighbour == node ||
            LevelOfUpper(neighbour) < level) {
          return absl::StrCat("a link on level ", level, " from upper node ", node, " to ",
                              neighbour);
        }
      }
    }
  }
  return "";
}

std::vector<uint32_t> Graph::Neighbours(uint32_t row) const {
  std::vector<uint32_t> neighbours;
  const uint64_t begin = kHeader + kSlot * row * 2 * m_;
  for (uint32_t slot = 0; slot < 2 * m_; ++slot) {
    const uint32_t neighbour = Word(begin + kSlot * slot);
    if (neighbour >= kNoNode) {
      break;
    }
    neighbours.push_back(neighbour);
  }
  return neighbours;
}

std::vector<uint32_t> Graph::UpperNeighbours(uint32_t position, uint32_t level) const {
  std::vector<uint32_t> neighbours;
  const uint64_t begin =
      uint64_t{Word(upper_offsets_at_ + kSlot * position)} + uint64_t{level - 1} * m_;
  for (uint32_t slot = 0; slot < m_; ++slot) {
    const uint32_t neighbour = Word(upper_links_at_ + kSlot * (begin + slot));
    if (neighbour == kNone) {
      break;
    }
    neighbours.push_back(neighbour);
  }
  return neighbours;
}

uint32_t Graph::CountReachable() const {
  if (nodes_ == 0) {
    return 0;
  }
  std::vector<bool> seen(rows_, false);
  std::vector<uint32_t> open = {entry_};
  seen[entry_] = true;
  uint32_t count = 0;
  while (!open.empty()) {
    const uint32_t row = open.back();
    open.pop_back();
    ++count;
    for (const uint32_t neighbour : Neighbours(row)) {
      if (!seen[neighbour]) {
        seen[neighbour] = true;
        open.push_back(neighbour);
      }
    }
  }
  return count;
}

}  // namespace perigee::tools::inspect
