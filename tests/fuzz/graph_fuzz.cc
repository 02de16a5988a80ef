// SPDX-License-Identifier: Apache-2.0
//
// Goal: an hnsw section that opens keeps what docs/formats/hnsw_section.md promises, and a search
// on it finds what a plain walk finds: never a row twice, out of range, without a vector or with
// another distance.
//
// Method: an input is sixteen bytes of choices (vectors, query, k, ef, filter) and a section. The
// promises are checked slot by slot by a reader written from the page; the search is compared with
// a breadth-first walk from where the descent ends.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "engine/distance/query_vector.h"
#include "engine/index/hnsw/hnsw_graph.h"
#include "engine/index/hnsw/hnsw_index.h"
#include "engine/index/hnsw/hnsw_search.h"
#include "engine/vectors/vector_column.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/check.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/graph_document.h"

namespace perigee::tests {
namespace {

using engine::HnswGraph;
using engine::IndexSearchOptions;
using engine::IndexSearchResult;
using engine::kNoLink;
using engine::kNoNode;

constexpr size_t kChoiceBytes = 16;
constexpr uint32_t kRowsMax = 4096;
constexpr uint32_t kDimensionMax = 16;

struct Choices {
  bool half_precision = false;
  bool wrong_row_count = false;
  bool presence_of_graph = false;
  bool filtered = false;
  DistanceMetric metric = DistanceMetric::kL2;
  uint32_t dimension = 1;
  uint32_t seed = 0;
  uint32_t filter_seed = 0;
  IndexSearchOptions search = {};
};

Choices ReadChoices(storage::ByteReader& reader) {
  Choices choices;
  const uint8_t flags = reader.U8();
  choices.half_precision = (flags & 1U) != 0;
  choices.wrong_row_count = (flags & 0x60U) == 0x60U;
  choices.presence_of_graph = (flags & 4U) == 0;
  choices.filtered = (flags & 8U) != 0;
  choices.metric = static_cast<DistanceMetric>(1 + reader.U8() % 3);
  choices.dimension = 1 + reader.U8() % kDimensionMax;
  choices.seed = reader.U8();
  choices.filter_seed = reader.U8();
  choices.search.k = reader.U16() % 300;
  choices.search.ef = reader.U16() % 1200;
  const uint16_t distances = reader.U16();
  if ((flags & 16U) != 0) {
    choices.search.distances_max = distances;
  }
  reader.Skip(kChoiceBytes - reader.position());
  return choices;
}

// Small whole numbers: many rows at the same distance, some without length.
class Vectors {
 public:
  Vectors(const Choices& choices, const HnswGraph& graph)
      : schema_({.name = "",
                 .dimension = choices.dimension,
                 .metric = choices.metric,
                 .element =
                     choices.half_precision ? VectorElement::kFloat16 : VectorElement::kFloat32}),
        norms_(graph.row_count()),
        presence_((graph.row_count() + 63) / 64 * 8) {
    std::minstd_rand random(choices.seed + 1);
    const size_t element_bytes = engine::VectorElementBytes(schema_.element);
    rows_.resize(size_t{graph.row_count()} * choices.dimension * element_bytes);
    for (uint32_t row = 0; row < graph.row_count(); ++row) {
      double squares = 0;
      for (uint32_t i = 0; i < choices.dimension; ++i) {
        const auto value = static_cast<float>(random() % 4);
        squares += double{value} * value;
        Put((size_t{row} * choices.dimension + i) * element_bytes, value);
      }
      norms_[row] = std::sqrt(squares);
      if (graph.HasNode(row)) {
        presence_[row / 8] |= static_cast<std::byte>(1U << (row % 8));
      }
    }
    query_.resize(choices.dimension);
    for (float& value : query_) {
      value = static_cast<float>(1 + random() % 3);
    }
    column_ = engine::VectorColumn(
        {.element = schema_.element,
         .dimension = choices.dimension,
         .row_count = graph.row_count(),
         .rows = engine::ChunkedRows<std::byte>::Contiguous(rows_.data(),
                                                            choices.dimension * element_bytes),
         .norms = engine::ChunkedRows<double>::Contiguous(norms_.data()),
         .presence_bitmap = choices.presence_of_graph ? presence_.data() : nullptr,
         .presence_bytes = {},
         .presence_mask = 0});
  }

  const VectorSchema& schema() const { return schema_; }
  const engine::VectorColumn& column() const { return column_; }
  const std::vector<float>& query() const { return query_; }

 private:
  void Put(size_t offset, float value) {
    if (schema_.element == VectorElement::kFloat32) {
      std::memcpy(rows_.data() + offset, &value, sizeof(value));
      return;
    }
    // 0 to 3 as binary16.
    constexpr uint16_t kHalves[] = {0x0000, 0x3C00, 0x4000, 0x4200};
    std::memcpy(rows_.data() + offset, &kHalves[static_cast<size_t>(value)], sizeof(uint16_t));
  }

  VectorSchema schema_;
  std::vector<std::byte> rows_;
  std::vector<double> norms_;
  std::vector<std::byte> presence_;
  std::vector<float> query_;
  engine::VectorColumn column_;
};

// The section once more, by word numbers, as the page has it.
class PlainSection {
 public:
  explicit PlainSection(std::span<const uint32_t> words) : words_(words) {}

  uint32_t rows() const { return words_[2]; }
  uint32_t nodes() const { return words_[3]; }
  uint32_t m() const { return words_[4]; }
  uint32_t entry_row() const { return words_[6]; }
  uint32_t entry_position() const { return words_[7]; }
  uint32_t max_level() const { return words_[8]; }
  uint32_t upper() const { return words_[9]; }
  uint32_t upper_slots() const { return words_[10]; }
  uint32_t Slot0(uint32_t row, uint32_t slot) const { return words_[16 + row * 2 * m() + slot]; }
  uint32_t UpperRow(uint32_t position) const { return words_[16 + rows() * 2 * m() + position]; }
  uint32_t Offset(uint32_t position) const {
    return words_[16 + rows() * 2 * m() + upper() + position];
  }
  uint32_t Levels(uint32_t position) const {
    return (Offset(position + 1) - Offset(position)) / m();
  }
  uint32_t Slot(uint32_t position, uint32_t level, uint32_t slot) const {
    return words_[16 + rows() * 2 * m() + 2 * upper() + 1 + Offset(position) + (level - 1) * m() +
                  slot];
  }
  bool HasNode(uint32_t row) const { return Slot0(row, 0) != kNoNode; }
  size_t words() const { return words_.size(); }

 private:
  std::span<const uint32_t> words_;
};

void CheckLevel0(const PlainSection& section) {
  uint32_t nodes = 0;
  for (uint32_t row = 0; row < section.rows(); ++row) {
    const bool node = section.HasNode(row);
    nodes += node ? 1U : 0U;
    bool ended = !node;
    for (uint32_t slot = node ? 0 : 1; slot < 2 * section.m(); ++slot) {
      const uint32_t link = section.Slot0(row, slot);
      ended = ended || link == kNoLink;
      PERIGEE_CHECK(
          ended ? link == kNoLink : link < section.rows() && link != row && section.HasNode(link),
          "row ", row, " slot ", slot, " link ", link);
    }
  }
  PERIGEE_CHECK(nodes == section.nodes(), nodes);
  PERIGEE_CHECK(nodes == 0
                    ? section.entry_row() == kNoLink
                    : section.entry_row() < section.rows() && section.HasNode(section.entry_row()),
                section.entry_row());
}

void CheckUpperLevels(const PlainSection& section) {
  uint32_t highest = 0;
  PERIGEE_CHECK(section.Offset(0) == 0 && section.Offset(section.upper()) == section.upper_slots());
  for (uint32_t position = 0; position < section.upper(); ++position) {
    const uint32_t levels = section.Levels(position);
    highest = std::max(highest, levels);
    PERIGEE_CHECK(
        levels >= 1 && levels <= 32 && section.UpperRow(position) < section.rows() &&
            section.HasNode(section.UpperRow(position)) &&
            (position == 0 || section.UpperRow(position - 1) < section.UpperRow(position)),
        "position ", position);
    for (uint32_t level = 1; level <= levels; ++level) {
      bool ended = false;
      for (uint32_t slot = 0; slot < section.m(); ++slot) {
        const uint32_t link = section.Slot(position, level, slot);
        ended = ended || link == kNoLink;
        PERIGEE_CHECK(
            ended ? link == kNoLink
                  : link < section.upper() && link != position && section.Levels(link) >= level,
            "position ", position, " level ", level, " link ", link);
      }
    }
  }
  PERIGEE_CHECK(highest == section.max_level());
  PERIGEE_CHECK(section.max_level() == 0
                    ? section.entry_position() == kNoLink
                    : section.entry_position() < section.upper() &&
                          section.UpperRow(section.entry_position()) == section.entry_row() &&
                          section.Levels(section.entry_position()) == highest);
}

// Rows that level 0 leads to from `start`.
std::set<uint32_t> Closure(const PlainSection& section, uint32_t start) {
  std::set<uint32_t> seen = {start};
  std::vector<uint32_t> pending = {start};
  while (!pending.empty()) {
    const uint32_t row = pending.back();
    pending.pop_back();
    for (uint32_t slot = 0; slot < 2 * section.m(); ++slot) {
      const uint32_t link = section.Slot0(row, slot);
      if (link < section.rows() && seen.insert(link).second) {
        pending.push_back(link);
      }
    }
  }
  return seen;
}

// Where the greedy descent from the entry ends.
uint32_t Descend(const PlainSection& section, const Vectors& vectors,
                 const engine::QueryVector& query) {
  const auto distance = [&](uint32_t row) {
    return query.DistanceTo(vectors.column().RowBytes(row), vectors.column().Norm(row));
  };
  uint32_t row = section.entry_row();
  uint32_t position = section.entry_position();
  float nearest = distance(row);
  for (uint32_t level = section.max_level(); level > 0; --level) {
    for (bool moved = true; moved;) {
      moved = false;
      const uint32_t from = position;
      for (uint32_t slot = 0; slot < section.m(); ++slot) {
        const uint32_t link = section.Slot(from, level, slot);
        if (link == kNoLink) {
          break;
        }
        if (const float found = distance(section.UpperRow(link)); found < nearest) {
          nearest = found;
          row = section.UpperRow(link);
          position = link;
          moved = true;
        }
      }
    }
  }
  return row;
}

void CheckResult(const IndexSearchResult& result, const std::set<uint32_t>& allowed,
                 const Choices& choices, const PlainSection& section, const Vectors& vectors,
                 const engine::QueryVector& query) {
  const size_t capacity =
      std::min<size_t>(std::max(choices.search.k, choices.search.ef), section.nodes());
  PERIGEE_CHECK(result.gave_up || result.rows.size() == std::min(capacity, allowed.size()),
                result.rows.size(), " of ", allowed.size(), ", capacity ", capacity);
  for (size_t i = 0; i < result.rows.size(); ++i) {
    const engine::RowDistance& found = result.rows[i];
    PERIGEE_CHECK(allowed.count(found.row) == 1, "row ", found.row);
    PERIGEE_CHECK(found.distance == query.DistanceTo(vectors.column().RowBytes(found.row),
                                                     vectors.column().Norm(found.row)));
    PERIGEE_CHECK(i == 0 || engine::RowDistanceLess()(result.rows[i - 1], found),
                  "results out of order at ", i);
  }
}

void Search(const Choices& choices, const HnswGraph& graph, const PlainSection& section,
            const Vectors& vectors) {
  const auto query = engine::QueryVector::Create(vectors.schema(), vectors.query());
  PERIGEE_CHECK(query.ok(), query.status().ToString());
  const auto passes = [&](uint32_t row) { return (row * 7 + choices.filter_seed) % 3 != 0; };
  const engine::RowFilter filter = passes;
  IndexSearchOptions options = choices.search;
  options.filter = choices.filtered ? &filter : nullptr;
  engine::VisitedSet visited(graph.row_count());
  visited.Clear();
  const auto result = engine::SearchHnswGraph(
      {.graph = graph, .column = vectors.column(), .query = *query}, options, visited);
  PERIGEE_CHECK(result.ok(), result.status().ToString());
  if (options.k == 0 || graph.empty()) {
    PERIGEE_CHECK(result->rows.empty());
    return;
  }
  std::set<uint32_t> allowed = Closure(section, Descend(section, vectors, *query));
  if (choices.filtered) {
    std::erase_if(allowed, [&](uint32_t row) { return !passes(row); });
  }
  CheckResult(*result, allowed, choices, section, vectors, *query);
}

// The whole index, which compares the section with the schema and the presence of vectors.
void OpenIndex(std::span<const std::byte> bytes, const HnswGraph& graph, const Vectors& vectors) {
  const auto index = engine::HnswIndex::Open(bytes, vectors.column(), vectors.schema());
  bool fits = graph.header().dimension == vectors.schema().dimension &&
              graph.header().metric == static_cast<uint32_t>(vectors.schema().metric);
  for (uint32_t row = 0; row < graph.row_count(); ++row) {
    fits = fits && graph.HasNode(row) == vectors.column().Present(row);
  }
  PERIGEE_CHECK(index.ok() == fits, index.status().ToString());
  if (index.ok()) {
    PERIGEE_CHECK((*index)->indexed_count() == vectors.column().CountPresent());
  }
}

constexpr uint32_t kMutatedRowsMax = 40;

// One word anywhere: often a header field, else a slot that becomes a row, an end or anything.
void DamageWord(std::string& section, ByteMutator& mutator) {
  if (section.size() < 8 || mutator.Chance(10)) {
    mutator.MutateRun(section, section.size() + 16);
    return;
  }
  const size_t word = mutator.Chance(30) ? mutator.Below(16) : mutator.Below(section.size() / 4);
  switch (mutator.Below(4)) {
    case 0:
      ByteMutator::Put(section, word * 4, 4, mutator.Below(kMutatedRowsMax));
      break;
    case 1:
      ByteMutator::Put(section, word * 4, 4, mutator.Chance(50) ? kNoLink : kNoNode);
      break;
    default:
      mutator.Field(section, word * 4, 4);
      break;
  }
}

}  // namespace

void RunInput(std::string_view input) {
  storage::ByteReader reader(input);
  const Choices choices = ReadChoices(reader);
  const std::string_view bytes = reader.Text(reader.remaining());
  // Aligned as a section of a segment is.
  std::vector<uint32_t> words((bytes.size() + 3) / 4);
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(words.data()));
  const std::span<const std::byte> section_bytes =
      std::as_bytes(std::span(words)).first(bytes.size());
  const uint32_t claimed = words.size() > 2 ? words[2] : 0;
  const uint32_t row_count = std::min(claimed, kRowsMax) + (choices.wrong_row_count ? 1U : 0U);
  const auto graph = HnswGraph::Open(section_bytes, row_count);
  if (!graph.ok()) {
    PERIGEE_CHECK(absl::IsDataLoss(graph.status()), graph.status().ToString());
    return;
  }
  PERIGEE_CHECK(graph->row_count() == row_count && bytes.size() % 4 == 0);
  const PlainSection section(words);
  PERIGEE_CHECK(section.words() == 16 + size_t{section.rows()} * 2 * section.m() +
                                       2 * section.upper() + 1 + section.upper_slots());
  CheckLevel0(section);
  CheckUpperLevels(section);
  std::array<std::byte, engine::kHnswSectionHeaderBytes> header{};
  engine::EncodeHnswHeader(graph->header(), header);
  PERIGEE_CHECK(std::memcmp(header.data(), words.data(), header.size()) == 0);
  PERIGEE_CHECK(graph->CountReachable() ==
                (graph->empty() ? 0 : Closure(section, section.entry_row()).size()));
  const Vectors vectors(choices, *graph);
  Search(choices, *graph, section, vectors);
  OpenIndex(section_bytes, *graph, vectors);
}

std::string MutateInput(std::string_view input, size_t size_max, ByteMutator& mutator) {
  std::string choices(input.substr(0, kChoiceBytes));
  choices.resize(kChoiceBytes);
  std::string section(input.substr(std::min(input.size(), kChoiceBytes)));
  if (mutator.Chance(30)) {
    mutator.MutateInside(choices, 0, kChoiceBytes);
  }
  std::optional<GraphDocument> document = GraphDocument::Parse(section);
  if (!document.has_value() && mutator.Chance(20)) {
    document = GraphDocument::Random(mutator, kMutatedRowsMax);
  }
  if (document.has_value()) {
    for (uint64_t changes = mutator.Below(4); changes > 0; --changes) {
      document->Mutate(mutator, kMutatedRowsMax);
    }
    section = document->Encode();
  }
  if (section.size() + kChoiceBytes > size_max || mutator.Chance(40)) {
    DamageWord(section, mutator);
  }
  return choices + section;
}

}  // namespace perigee::tests
