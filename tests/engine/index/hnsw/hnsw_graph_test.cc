// SPDX-License-Identifier: Apache-2.0
//
// Goal: whatever bytes a section holds, it is refused or it is safe to walk (F4). Method: the
// worked example of the format page with each rule broken in turn; a built section cut at every
// byte and with every bit flipped, walked if it still opens.
#include "engine/index/hnsw/hnsw_graph.h"

#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "engine/index/hnsw/hnsw_search.h"
#include "engine/index/hnsw/hnswlib_builder.h"
#include "tests/engine/document.h"
#include "tests/support/clustered_vectors.h"

namespace perigee::engine {
namespace {

// The two-digit words at the beginning of each line of the page's hex block.
std::vector<std::byte> ExampleBytes() {
  const std::string page = tests::ReadDocument("docs/formats/hnsw_section.md");
  const size_t begin = page.find("```hex\n");
  REQUIRE(begin != std::string::npos);
  const size_t first = begin + std::strlen("```hex\n");
  std::istringstream lines(page.substr(first, page.find("```", first) - first));
  std::vector<std::byte> bytes;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    for (std::string word; words >> word && word.size() == 2 &&
                           word.find_first_not_of("0123456789abcdef") == std::string::npos;) {
      bytes.push_back(static_cast<std::byte>(std::stoul(word, nullptr, 16)));
    }
  }
  return bytes;
}

// The example as words that a test changes by name.
class Section {
 public:
  Section() : bytes_(ExampleBytes()) {}

  Section& Set(size_t word, uint32_t value) {
    std::memcpy(bytes_.data() + word * 4, &value, 4);
    return *this;
  }
  Section& SetRowCount(uint32_t value) { return Set(2, value); }
  // Slot of a row's level-0 list.
  Section& SetLink0(size_t row, size_t slot, uint32_t value) {
    return Set(16 + row * 4 + slot, value);
  }
  Section& SetUpperRow(size_t position, uint32_t value) { return Set(36 + position, value); }
  Section& SetUpperOffset(size_t position, uint32_t value) { return Set(38 + position, value); }
  Section& SetUpperSlot(size_t slot, uint32_t value) { return Set(41 + slot, value); }
  Section& Resize(size_t size) {
    bytes_.resize(size);
    return *this;
  }

  absl::StatusCode Open(uint32_t row_count = 5) const {
    return HnswGraph::Open(bytes_, row_count).status().code();
  }
  const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

TEST_CASE("the worked example of docs/formats/hnsw_section.md") {
  const Section section;
  const auto graph = HnswGraph::Open(section.bytes(), 5);
  REQUIRE_MESSAGE(graph.ok(), graph.status().ToString());
  const HnswGraphHeader expected = {.row_count = 5,
                                    .node_count = 4,
                                    .m = 2,
                                    .ef_construction = 10,
                                    .entry_row = 3,
                                    .entry_position = 1,
                                    .max_level = 1,
                                    .upper_count = 2,
                                    .upper_link_count = 4,
                                    .reachable_count = 4,
                                    .dimension = 8,
                                    .metric = 2};
  CHECK(graph->header() == expected);
  CHECK(graph->bytes() == section.bytes().size());
  const std::vector<uint32_t> row1(graph->Links0(1).begin(), graph->Links0(1).end());
  CHECK(row1 == std::vector<uint32_t>{0, 3, 4, kNoLink});
  CHECK(graph->HasNode(0));
  CHECK_FALSE(graph->HasNode(2));
  CHECK(graph->UpperRow(1) == 3);
  CHECK(graph->UpperLevel(1) == 1);
  CHECK(graph->UpperLinks(1, 1)[0] == 0);
  CHECK(graph->UpperLinks(1, 1)[1] == kNoLink);
  CHECK(graph->CountReachable() == 4);
  std::vector<std::byte> encoded(kHnswSectionHeaderBytes);
  EncodeHnswHeader(expected, std::span<std::byte, kHnswSectionHeaderBytes>(encoded));
  CHECK(std::equal(encoded.begin(), encoded.end(), section.bytes().begin()));
}

TEST_CASE("each rule of the format is checked") {
  constexpr absl::StatusCode kRefused = absl::StatusCode::kDataLoss;
  CHECK(Section().Open() == absl::StatusCode::kOk);
  CHECK(Section().Open(6) == kRefused);
  CHECK(Section().Set(0, 0).Open() == kRefused);            // magic
  CHECK(Section().Set(1, 0x0040'0002).Open() == kRefused);  // version
  CHECK(Section().Set(1, 0x0044'0001).Open() == kRefused);  // header bytes
  CHECK(Section().SetRowCount(0xFFFF'FFFF).Open(0xFFFF'FFFF) == kRefused);
  CHECK(Section().Set(3, 3).Open() == kRefused);                // node_count
  CHECK(Section().Set(3, 6).Open() == kRefused);                // more nodes than rows
  CHECK(Section().Set(4, 1).Open() == kRefused);                // m
  CHECK(Section().Set(4, 129).Open() == kRefused);              // m
  CHECK(Section().Set(5, 0).Open() == kRefused);                // ef_construction
  CHECK(Section().Set(5, 4097).Open() == kRefused);             // ef_construction
  CHECK(Section().Set(6, 1).Open() == kRefused);                // entry_row is another node
  CHECK(Section().Set(6, 2).Open() == kRefused);                // entry_row has no node
  CHECK(Section().Set(6, kNoLink).Open() == kRefused);          // no entry
  CHECK(Section().Set(7, 2).Open() == kRefused);                // entry_position out of range
  CHECK(Section().Set(7, kNoLink).Open() == kRefused);          // no entry_position
  CHECK(Section().Set(8, 0).Open() == kRefused);                // max_level
  CHECK(Section().Set(8, 2).Open() == kRefused);                // max_level
  CHECK(Section().Set(8, 33).Open() == kRefused);               // max_level
  CHECK(Section().Set(9, 1).Open() == kRefused);                // upper_count
  CHECK(Section().Set(9, 0xFFFF'FFFF).Open() == kRefused);      // upper_count
  CHECK(Section().Set(10, 6).Open() == kRefused);               // upper_link_count
  CHECK(Section().Set(11, 5).Open() == kRefused);               // reachable_count
  CHECK(Section().Set(12, 0).Open() == kRefused);               // dimension
  CHECK(Section().Set(13, 4).Open() == kRefused);               // metric
  CHECK(Section().Set(14, 1).Open() == kRefused);               // reserved
  CHECK(Section().SetLink0(0, 0, 5).Open() == kRefused);        // beyond the rows
  CHECK(Section().SetLink0(0, 0, 0).Open() == kRefused);        // to itself
  CHECK(Section().SetLink0(0, 0, 2).Open() == kRefused);        // to a row without node
  CHECK(Section().SetLink0(0, 3, 4).Open() == kRefused);        // after an unused slot
  CHECK(Section().SetLink0(1, 1, kNoNode).Open() == kRefused);  // the mark in another slot
  CHECK(Section().SetLink0(2, 1, 0).Open() == kRefused);        // a link of no node
  CHECK(Section().SetLink0(4, 0, kNoNode).Open() == kRefused);  // one node less than counted
  CHECK(Section().SetUpperRow(0, 3).Open() == kRefused);        // not ascending
  CHECK(Section().SetUpperRow(0, 2).Open() == kRefused);        // no node
  CHECK(Section().SetUpperRow(1, 5).Open() == kRefused);        // beyond the rows
  CHECK(Section().SetUpperOffset(0, 2).Open() == kRefused);     // does not begin at 0
  CHECK(Section().SetUpperOffset(1, 1).Open() == kRefused);     // not a multiple of m
  CHECK(Section().SetUpperOffset(1, 4).Open() == kRefused);     // an empty area
  CHECK(Section().SetUpperOffset(2, 6).Open() == kRefused);     // beyond the slots
  CHECK(Section().SetUpperSlot(0, 2).Open() == kRefused);       // beyond the upper nodes
  CHECK(Section().SetUpperSlot(0, 0).Open() == kRefused);       // to itself
  CHECK(Section().SetUpperSlot(0, kNoLink).SetUpperSlot(1, 1).Open() == kRefused);
}

TEST_CASE("a link above the level of its target is refused") {
  // Row 3 gets a second level whose list leads to row 1, which has one level.
  Section section;
  section.Resize(section.bytes().size() + 8).Set(10, 6).Set(8, 2).SetUpperOffset(2, 6);
  section.SetUpperSlot(4, kNoLink).SetUpperSlot(5, kNoLink);
  CHECK(section.Open() == absl::StatusCode::kOk);
  section.SetUpperSlot(4, 0);
  CHECK(section.Open() == absl::StatusCode::kDataLoss);
}

TEST_CASE("the example cut or grown at every byte is refused") {
  const size_t size = Section().bytes().size();
  for (size_t cut = 0; cut < size; ++cut) {
    CAPTURE(cut);
    REQUIRE(Section().Resize(cut).Open() == absl::StatusCode::kDataLoss);
  }
  CHECK(Section().Resize(size + 4).Open() == absl::StatusCode::kDataLoss);
}

// A walk over a graph that opened: whatever the links are, results are rows with the vector.
void CheckWalk(const HnswGraph& graph, const tests::ClusteredVectors& vectors) {
  const auto query = QueryVector::Create(vectors.schema(), vectors.queries()[0]);
  REQUIRE(query.ok());
  VisitedSet visited(graph.row_count());
  visited.Clear();
  const auto result = SearchHnswGraph({.graph = graph, .column = vectors.column(), .query = *query},
                                      {.k = 5, .ef = 20}, visited);
  REQUIRE(result.ok());
  std::set<uint32_t> rows;
  for (const RowDistance& found : result->rows) {
    REQUIRE(found.row < vectors.row_count());
    REQUIRE(rows.insert(found.row).second);
  }
  REQUIRE(graph.CountReachable() <= graph.node_count());
}

TEST_CASE("a built section with any bit flipped or cut anywhere is refused or harmless") {
  const tests::ClusteredVectors vectors({.rows = 60,
                                         .dimension = 4,
                                         .factors = 4,
                                         .clusters = 3,
                                         .seed = 31,
                                         .hnsw = {.m = 2, .ef_construction = 10},
                                         .absent_every = 9});
  const auto id = [&](uint32_t row) { return std::string_view(vectors.encoded_id(row)); };
  auto built = BuildHnswSection(
      {.column = &vectors.column(), .schema = &vectors.schema(), .encoded_id = id});
  REQUIRE(built.ok());
  const std::vector<std::byte> section = *built;
  REQUIRE(HnswGraph::Open(section, 60)->max_level() >= 2);
  size_t opened = 0;
  for (size_t bit = 0; bit < section.size() * 8; ++bit) {
    CAPTURE(bit);
    std::vector<std::byte> flipped = section;
    flipped[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    const auto graph = HnswGraph::Open(flipped, 60);
    if (graph.ok()) {
      ++opened;
      CheckWalk(*graph, vectors);
    } else {
      REQUIRE(graph.status().code() == absl::StatusCode::kDataLoss);
    }
  }
  // Links to another node that exists cannot be told from the right ones by structure alone.
  CHECK(opened > 0);
  CHECK(opened < section.size() * 8 / 2);
  for (size_t cut = 0; cut < section.size(); ++cut) {
    const std::vector<std::byte> shorter(section.begin(),
                                         section.begin() + static_cast<std::ptrdiff_t>(cut));
    REQUIRE(HnswGraph::Open(shorter, 60).status().code() == absl::StatusCode::kDataLoss);
  }
}

TEST_CASE("a graph without nodes") {
  HnswGraphHeader header = {
      .row_count = 0, .m = 4, .ef_construction = 10, .dimension = 3, .metric = 1};
  std::vector<std::byte> bytes(kHnswSectionHeaderBytes + 4);
  EncodeHnswHeader(
      header, std::span<std::byte, kHnswSectionHeaderBytes>(bytes.data(), kHnswSectionHeaderBytes));
  const auto graph = HnswGraph::Open(bytes, 0);
  REQUIRE_MESSAGE(graph.ok(), graph.status().ToString());
  CHECK(graph->empty());
  CHECK(graph->CountReachable() == 0);
}

}  // namespace
}  // namespace perigee::engine
