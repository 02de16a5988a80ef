// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/graph_document.h"

#include <algorithm>
#include <array>

#include "storage/encoding/byte_codec.h"

namespace perigee::tests {
namespace {

using engine::HnswGraph;
using engine::kNoLink;
using engine::kNoNode;

uint32_t RandomRow(const GraphDocument& document, ByteMutator& mutator) {
  return static_cast<uint32_t>(mutator.Below(std::max<size_t>(document.rows.size(), 1)));
}

GraphNode RandomNode(const GraphDocument& document, ByteMutator& mutator) {
  GraphNode node;
  node.present = !mutator.Chance(15);
  while (node.levels.size() < 4 && mutator.Chance(25)) {
    node.levels.emplace_back();
  }
  for (std::vector<uint32_t>& links : node.levels) {
    for (uint64_t left = mutator.Below(2 * document.m + 1); left > 0; --left) {
      links.push_back(RandomRow(document, mutator));
    }
  }
  return node;
}

// What the list of `row` on `level` may hold.
std::vector<uint32_t> UsableLinks(const GraphDocument& document, uint32_t row, size_t level) {
  std::vector<uint32_t> usable;
  for (const uint32_t link : document.rows[row].levels[level]) {
    if (link < document.rows.size() && link != row && document.rows[link].present &&
        document.rows[link].levels.size() > level &&
        usable.size() < (level == 0 ? 2 : 1) * size_t{document.m}) {
      usable.push_back(link);
    }
  }
  return usable;
}

struct Layout {
  engine::HnswGraphHeader header;
  std::vector<uint32_t> upper_rows;
};

Layout LayoutOf(const GraphDocument& document) {
  Layout layout;
  layout.header.row_count = static_cast<uint32_t>(document.rows.size());
  layout.header.m = document.m;
  layout.header.ef_construction = document.ef_construction;
  layout.header.dimension = document.dimension;
  layout.header.metric = document.metric;
  size_t highest = 0;
  for (uint32_t row = 0; row < document.rows.size(); ++row) {
    const GraphNode& node = document.rows[row];
    if (!node.present) {
      continue;
    }
    ++layout.header.node_count;
    if (node.levels.size() > 1) {
      layout.upper_rows.push_back(row);
      layout.header.upper_link_count +=
          static_cast<uint32_t>((node.levels.size() - 1) * document.m);
    }
    if (node.levels.size() > highest) {
      highest = node.levels.size();
      layout.header.entry_row = row;
      layout.header.entry_position =
          highest > 1 ? static_cast<uint32_t>(layout.upper_rows.size() - 1) : kNoLink;
    }
  }
  layout.header.max_level = highest > 1 ? static_cast<uint32_t>(highest - 1) : 0;
  layout.header.upper_count = static_cast<uint32_t>(layout.upper_rows.size());
  return layout;
}

void PutList(const std::vector<uint32_t>& links, size_t slots, storage::ByteWriter& writer) {
  for (size_t slot = 0; slot < slots; ++slot) {
    writer.U32(slot < links.size() ? links[slot] : kNoLink);
  }
}

void PutUpperLinks(const GraphDocument& document, const std::vector<uint32_t>& upper_rows,
                   storage::ByteWriter& writer) {
  for (const uint32_t row : upper_rows) {
    for (size_t level = 1; level < document.rows[row].levels.size(); ++level) {
      std::vector<uint32_t> links = UsableLinks(document, row, level);
      for (uint32_t& link : links) {
        const auto found = std::lower_bound(upper_rows.begin(), upper_rows.end(), link);
        link = static_cast<uint32_t>(found - upper_rows.begin());
      }
      PutList(links, document.m, writer);
    }
  }
}

// Far above what a target is given.
constexpr size_t kSectionBytesMax = size_t{16} << 20U;

}  // namespace

std::optional<GraphDocument> GraphDocument::Parse(std::string_view section) {
  if (section.size() > kSectionBytesMax) {
    return std::nullopt;
  }
  std::vector<uint32_t> words((section.size() + 3) / 4);
  std::copy(section.begin(), section.end(), reinterpret_cast<char*>(words.data()));
  const auto graph = HnswGraph::Open(std::as_bytes(std::span(words)).first(section.size()),
                                     words.size() > 2 ? words[2] : 0);
  if (!graph.ok()) {
    return std::nullopt;
  }
  GraphDocument document = {.m = graph->header().m,
                            .ef_construction = graph->header().ef_construction,
                            .dimension = graph->header().dimension,
                            .metric = graph->header().metric};
  document.rows.resize(graph->row_count());
  for (uint32_t row = 0; row < graph->row_count(); ++row) {
    document.rows[row].present = graph->HasNode(row);
    for (const uint32_t link : graph->Links0(row)) {
      if (link < graph->row_count()) {
        document.rows[row].levels[0].push_back(link);
      }
    }
  }
  for (uint32_t position = 0; position < graph->header().upper_count; ++position) {
    GraphNode& node = document.rows[graph->UpperRow(position)];
    for (uint32_t level = 1; level <= graph->UpperLevel(position); ++level) {
      node.levels.emplace_back();
      for (const uint32_t link : graph->UpperLinks(position, level)) {
        if (link != kNoLink) {
          node.levels.back().push_back(graph->UpperRow(link));
        }
      }
    }
  }
  return document;
}

GraphDocument GraphDocument::Random(ByteMutator& mutator, uint32_t rows_max) {
  GraphDocument document;
  document.m = static_cast<uint32_t>(2 + mutator.Below(3));
  document.dimension = static_cast<uint32_t>(1 + mutator.Below(8));
  document.metric = static_cast<uint32_t>(1 + mutator.Below(3));
  document.rows.resize(mutator.Below(uint64_t{rows_max} + 1));
  for (GraphNode& row : document.rows) {
    row = RandomNode(document, mutator);
  }
  return document;
}

void GraphDocument::Mutate(ByteMutator& mutator, uint32_t rows_max) {
  if (rows.empty() || (rows.size() < rows_max && mutator.Chance(15))) {
    rows.push_back(RandomNode(*this, mutator));
    return;
  }
  GraphNode& node = rows[RandomRow(*this, mutator)];
  std::vector<uint32_t>& links = node.levels[mutator.Below(node.levels.size())];
  switch (mutator.Below(9)) {
    case 0:
      node.present = !node.present;
      break;
    case 1:
      if (node.levels.size() < 33) {
        node.levels.push_back({RandomRow(*this, mutator)});
      }
      break;
    case 2:
      if (node.levels.size() > 1) {
        node.levels.pop_back();
      }
      break;
    case 3:
      rows.pop_back();
      break;
    case 4:
      m = static_cast<uint32_t>(2 + mutator.Below(mutator.Chance(5) ? 127 : 5));
      break;
    case 5:
      dimension = static_cast<uint32_t>(1 + mutator.Below(16));
      metric = static_cast<uint32_t>(1 + mutator.Below(3));
      break;
    case 6:
      links.clear();
      break;
    default:
      links.insert(links.begin(), RandomRow(*this, mutator));
      break;
  }
}

std::string GraphDocument::Encode() const {
  const Layout layout = LayoutOf(*this);
  storage::ByteWriter writer;
  std::array<std::byte, engine::kHnswSectionHeaderBytes> header{};
  engine::EncodeHnswHeader(layout.header, header);
  writer.Bytes(header);
  for (uint32_t row = 0; row < rows.size(); ++row) {
    PutList(rows[row].present ? UsableLinks(*this, row, 0) : std::vector<uint32_t>{kNoNode},
            size_t{2} * m, writer);
  }
  for (const uint32_t row : layout.upper_rows) {
    writer.U32(row);
  }
  uint32_t offset = 0;
  for (const uint32_t row : layout.upper_rows) {
    writer.U32(offset);
    offset += static_cast<uint32_t>((rows[row].levels.size() - 1) * m);
  }
  writer.U32(offset);
  PutUpperLinks(*this, layout.upper_rows, writer);
  return writer.Take();
}

}  // namespace perigee::tests
