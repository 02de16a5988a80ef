// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/segment_verifier.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/inspect/byte_view.h"
#include "tools/inspect/deep_check.h"
#include "tools/inspect/graph_decoder.h"
#include "tools/inspect/row_offsets.h"
#include "tools/inspect/segment_decoder.h"
#include "tools/inspect/value_decoder.h"

namespace perigee::tools::inspect {
namespace {

// Below this share of found neighbours a graph is worth a word.
constexpr double kRecallNoticed = 0.8;
// Norms are computed in f64; only the order of additions may differ.
constexpr double kNormTolerance = 1e-9;

class Verifier {
 public:
  Verifier(const SegmentFile& file, const SegmentExpectation& expectation,
           const SegmentVerifyOptions& options, FileFindings& findings)
      : file_(file), expectation_(expectation), options_(options), findings_(findings) {}

  VerifiedSegment Run() {
    result_.rows = file_.rows();
    result_.file_bytes = file_.size();
    result_.sections = file_.sections().size();
    bool sound = CheckIdentity();
    file_.CheckGaps(findings_);
    sound = CheckIds() && sound;
    sound = CheckLsns() && sound;
    sound = CheckPayload() && sound;
    const size_t vectors = expectation_.schema == nullptr ? 0 : expectation_.schema->size();
    for (size_t ordinal = 0; ordinal < vectors; ++ordinal) {
      sound = CheckVector(static_cast<uint16_t>(ordinal)) && sound;
    }
    CheckEveryRowHasAVector(vectors);
    CheckIdOrder();
    CheckOthers();
    result_.sound = sound;
    return std::move(result_);
  }

 private:
  bool Broken(const SegmentSection& section, uint64_t place, std::string expected,
              std::string found) {
    return findings_.Add({.code = section.derived() ? "segment.derived" : "segment.content",
                          .offset = section.offset + place,
                          .section = section.name(),
                          .expected = std::move(expected),
                          .found = std::move(found)});
  }

  const SegmentSection* Require(SectionKind kind, uint16_t ordinal = 0) {
    const SegmentSection* section = file_.Find(kind, ordinal);
    if (section == nullptr) {
      SegmentSection missing;
      missing.kind = kind;
      missing.ordinal = ordinal;
      findings_.Add({.code = "segment.section",
                     .section = missing.name(),
                     .expected = "the section, which every segment has",
                     .found = "no such section"});
    }
    return section;
  }

  std::optional<std::string> Read(const SegmentSection& section) {
    seen_.push_back(&section);
    if (options_.on_bytes) {
      options_.on_bytes(section.length);
    }
    return file_.ReadSection(section, findings_);
  }

  bool CheckIdentity() {
    const SegmentHeader& header = file_.header();
    const auto compare = [this](const char* what, uint64_t offset, const std::string& expected,
                                const std::string& found) {
      if (expected != found) {
        findings_.Add({.code = "segment.identity",
                       .offset = offset,
                       .expected = absl::StrCat(what, " ", expected),
                       .found = found});
      }
      return expected == found;
    };
    bool same = true;
    if (expectation_.database.has_value()) {
      same &=
          compare("database", 40, expectation_.database->ToString(), header.database.ToString());
    }
    if (expectation_.collection.has_value()) {
      same &= compare("collection", 72, expectation_.collection->ToString(),
                      header.collection.ToString());
    }
    if (expectation_.tenant.has_value()) {
      same &= compare("tenant", 88, expectation_.tenant->ToString(), header.tenant.ToString());
    }
    if (expectation_.entry == nullptr) {
      return same;
    }
    const SegmentEntry& entry = *expectation_.entry;
    same &= compare("segment", 56, entry.uuid.ToString(), header.segment.ToString());
    same &=
        compare("root checksum", file_.size() - 4096 + 64, HexOf(entry.root), HexOf(file_.root()));
    same &= compare("length", file_.size() - 4096 + 16, absl::StrCat(entry.file_bytes),
                    absl::StrCat(file_.size()));
    same &= compare("rows", file_.size() - 4096 + 8, absl::StrCat(entry.rows),
                    absl::StrCat(file_.rows()));
    same &= compare("buckets", 120, absl::StrCat(entry.bucket_first, " to ", entry.bucket_end),
                    absl::StrCat(header.bucket_first, " to ", header.bucket_end));
    if (entry.stamped_lsn == 0) {
      same &= compare("LSNs", 104, absl::StrCat(entry.min_lsn, " to ", entry.max_lsn),
                      absl::StrCat(header.min_lsn, " to ", header.max_lsn));
    }
    return same;
  }

  bool CheckIds() {
    const SegmentSection* section = Require(SectionKind::kIds);
    if (section == nullptr) {
      return false;
    }
    std::optional<std::string> bytes = Read(*section);
    if (!bytes.has_value()) {
      return false;
    }
    id_bytes_ = *std::move(bytes);
    std::string fault;
    ids_ = RowBytes::Decode(id_bytes_, file_.rows(), fault);
    if (!ids_.has_value()) {
      return Broken(*section, 0, "offsets that rise from 0 to the end", fault);
    }
    for (uint64_t row = 0; row < file_.rows(); ++row) {
      if (const auto id_fault = PointIdFault(ids_->At(row)); id_fault.has_value()) {
        ids_.reset();
        return Broken(*section, 8 * row, absl::StrCat("a valid id in row ", row), *id_fault);
      }
    }
    result_.id_hashes.reserve(file_.rows());
    for (uint64_t row = 0; row < file_.rows(); ++row) {
      result_.id_hashes.push_back(HashOf({ids_->At(row)}));
    }
    return true;
  }

  bool CheckLsns() {
    const SegmentHeader& header = file_.header();
    const SegmentSection* section = file_.Find(SectionKind::kLsns);
    if (section == nullptr) {
      // Only a bulk load leaves them out: the manifest then stamps one LSN on all rows.
      return header.max_lsn == 0 || Require(SectionKind::kLsns) != nullptr;
    }
    const std::optional<std::string> bytes = Read(*section);
    if (!bytes.has_value()) {
      return false;
    }
    uint64_t smallest = std::numeric_limits<uint64_t>::max();
    uint64_t largest = 0;
    for (uint64_t row = 0; row < file_.rows(); ++row) {
      const uint64_t lsn = U64At(*bytes, row * 8);
      smallest = std::min(smallest, lsn);
      largest = std::max(largest, lsn);
      if (lsn < header.min_lsn || lsn > header.max_lsn) {
        return Broken(*section, row * 8,
                      absl::StrCat("LSNs from ", header.min_lsn, " to ", header.max_lsn),
                      absl::StrCat("LSN ", lsn, " in row ", row));
      }
    }
    if (file_.rows() > 0 && (smallest != header.min_lsn || largest != header.max_lsn)) {
      return Broken(*section, 0, absl::StrCat("LSNs from ", header.min_lsn, " to ", header.max_lsn),
                    absl::StrCat(smallest, " to ", largest));
    }
    return true;
  }

  bool CheckPayload() {
    const SegmentSection* section = Require(SectionKind::kPayload);
    if (section == nullptr) {
      return false;
    }
    const std::optional<std::string> bytes = Read(*section);
    if (!bytes.has_value()) {
      return false;
    }
    std::string fault;
    const std::optional<RowBytes> payloads = RowBytes::Decode(*bytes, file_.rows(), fault);
    if (!payloads.has_value()) {
      return Broken(*section, 0, "offsets that rise from 0 to the end", fault);
    }
    for (uint64_t row = 0; row < file_.rows(); ++row) {
      if (const auto payload = PayloadFault(payloads->At(row)); payload.has_value()) {
        return Broken(*section, 8 * row, absl::StrCat("a valid payload in row ", row), *payload);
      }
    }
    return true;
  }

  bool CheckVector(uint16_t ordinal) {
    const SegmentSection* presence = Require(SectionKind::kPresence, ordinal);
    const SegmentSection* norms = Require(SectionKind::kNorms, ordinal);
    const SegmentSection* vectors = Require(SectionKind::kVectors, ordinal);
    if (presence == nullptr || norms == nullptr || vectors == nullptr) {
      return false;
    }
    const VectorSchema& schema = (*expectation_.schema)[ordinal];
    if (vectors->element_bytes != schema.bytes() || vectors->count != file_.rows()) {
      return Broken(*vectors, 0, absl::StrCat("rows of ", schema.bytes(), " bytes"),
                    absl::StrCat(vectors->count, " of ", vectors->element_bytes, " bytes"));
    }
    const std::optional<std::string> bits = Read(*presence);
    const std::optional<std::string> norm_bytes = Read(*norms);
    bool sound = norm_bytes.has_value() && bits.has_value() && CheckPresence(*presence, *bits);
    if (!sound) {
      seen_.push_back(vectors);
      file_.ReadPages(*vectors, {}, findings_);
      return false;
    }
    present_ = [&bits = *bits](uint64_t row) {
      return (static_cast<unsigned char>(bits[row / 8]) >> (row % 8) & 1U) != 0;
    };
    presence_bits_.push_back(*bits);
    sound = CheckVectorRows(*vectors, *norms, schema, *norm_bytes);
    CheckGraph(ordinal, schema, sound ? vectors : nullptr);
    return sound;
  }

  bool CheckPresence(const SegmentSection& section, const std::string& bits) {
    const uint64_t rows = file_.rows();
    if (bits.size() != (rows + 63) / 64 * 8) {
      return Broken(section, 0, absl::StrCat("a bit for each of ", rows, " rows in whole words"),
                    absl::StrCat(bits.size(), " bytes"));
    }
    for (uint64_t bit = rows; bit < bits.size() * 8; ++bit) {
      if ((static_cast<unsigned char>(bits[bit / 8]) >> (bit % 8) & 1U) != 0) {
        return Broken(section, bit / 8, "zero bits behind the last row",
                      absl::StrCat("bit ", bit, " of ", rows, " rows"));
      }
    }
    return true;
  }

  // Streams the vectors and looks at each row's numbers and norm.
  bool CheckVectorRows(const SegmentSection& vectors, const SegmentSection& norms,
                       const VectorSchema& schema, const std::string& norm_bytes) {
    const uint64_t row_bytes = schema.bytes();
    std::string carried;
    uint64_t row = 0;
    bool good = true;
    const auto take = [&](std::string_view bytes) {
      if (good) {
        good = CheckVectorRow(vectors, norms, schema,
                              {row, bytes, std::bit_cast<double>(U64At(norm_bytes, row * 8))});
      }
      ++row;
    };
    seen_.push_back(&vectors);
    if (options_.on_bytes) {
      options_.on_bytes(vectors.length);
    }
    const bool pages = file_.ReadPages(
        vectors,
        [&](uint64_t, std::string_view chunk) {
          if (!carried.empty()) {
            const size_t missing = std::min<size_t>(row_bytes - carried.size(), chunk.size());
            carried.append(chunk.substr(0, missing));
            chunk.remove_prefix(missing);
            if (carried.size() < row_bytes) {
              return;
            }
            take(carried);
            carried.clear();
          }
          while (chunk.size() >= row_bytes) {
            take(chunk.substr(0, row_bytes));
            chunk.remove_prefix(row_bytes);
          }
          carried.assign(chunk);
        },
        findings_);
    return pages && good;
  }

  struct VectorRow {
    uint64_t row = 0;
    std::string_view bytes;
    double norm = 0;
  };

  bool CheckVectorRow(const SegmentSection& vectors, const SegmentSection& norms,
                      const VectorSchema& schema, const VectorRow& row) {
    const uint64_t place = row.row * schema.bytes();
    if (!present_(row.row)) {
      return (IsZero(row.bytes) && row.norm == 0) ||
             Broken(vectors, place, absl::StrCat("zeros in row ", row.row, ", which lacks it"),
                    "something else");
    }
    if (!std::isfinite(row.norm) || row.norm < 0 ||
        (row.norm == 0 && schema.metric == Metric::kCosine)) {
      return Broken(norms, row.row * 8, absl::StrCat("the norm of row ", row.row),
                    absl::StrCat(row.norm));
    }
    if (!AllFinite(row.bytes, schema.element)) {
      return Broken(vectors, place, absl::StrCat("finite numbers in row ", row.row),
                    "a number that is not");
    }
    if (options_.deep) {
      const double norm = NormOf(row.bytes, schema.element);
      if (std::abs(norm - row.norm) > kNormTolerance * std::max(norm, row.norm)) {
        return Broken(norms, row.row * 8, absl::StrCat("norm ", norm, " of row ", row.row),
                      absl::StrCat(row.norm));
      }
    }
    return true;
  }

  static bool AllFinite(std::string_view bytes, Element element) {
    // An exponent of all ones means infinity or no number.
    if (element == Element::kF16) {
      for (size_t i = 0; i + 2 <= bytes.size(); i += 2) {
        if ((U16At(bytes, i) & 0x7c00U) == 0x7c00U) {
          return false;
        }
      }
      return true;
    }
    for (size_t i = 0; i + 4 <= bytes.size(); i += 4) {
      if ((U32At(bytes, i) & 0x7f800000U) == 0x7f800000U) {
        return false;
      }
    }
    return true;
  }

  void CheckGraph(uint16_t ordinal, const VectorSchema& schema, const SegmentSection* vectors) {
    DeepFigures figures;
    figures.segment = file_.header().segment.ToString();
    figures.vector = schema.name;
    figures.rows = file_.rows();
    const SegmentSection* section = file_.Find(SectionKind::kHnsw, ordinal);
    if (section != nullptr) {
      const std::optional<std::string> bytes = Read(*section);
      std::string fault;
      uint64_t place = 0;
      const std::optional<Graph> graph =
          bytes.has_value()
              ? Graph::Decode(*bytes,
                              {.rows = file_.rows(), .schema = &schema, .has_vector = present_},
                              fault, place)
              : std::nullopt;
      if (bytes.has_value() && !graph.has_value()) {
        Broken(*section, place, "a graph that fulfils every rule of its page", fault);
      }
      if (graph.has_value() && options_.deep && vectors != nullptr) {
        Measure(*graph, schema, *section, *vectors, figures);
      }
    }
    if (options_.deep) {
      result_.deep.push_back(std::move(figures));
    }
  }

  void Measure(const Graph& graph, const VectorSchema& schema, const SegmentSection& section,
               const SegmentSection& vectors, DeepFigures& figures) {
    figures.has_graph = true;
    figures.nodes = graph.nodes();
    figures.reachable = graph.CountReachable();
    figures.reachable_stored = graph.reachable_stored();
    if (figures.reachable != figures.reachable_stored) {
      Broken(section, 44, absl::StrCat(figures.reachable_stored, " nodes reachable from the entry"),
             absl::StrCat(figures.reachable));
    }
    if (vectors.length > SegmentFile::kLoadedBytesMax) {
      return;  // too large to be searched in memory; norms and reachability are known
    }
    const std::optional<std::string> bytes = file_.ReadSection(vectors, findings_);
    if (!bytes.has_value()) {
      return;
    }
    std::vector<uint32_t> rows;
    for (uint32_t row = 0; row < graph.rows(); ++row) {
      if (present_(row)) {
        rows.push_back(row);
      }
    }
    const RecallSample sample = MeasureRecall(graph, *bytes, schema, rows, options_.recall_queries);
    figures.recall_queries = sample.queries;
    figures.recall_at_10 = sample.recall_at_10;
    if (sample.recall_at_10 < kRecallNoticed) {
      findings_.Add({.severity = Severity::kNotice,
                     .code = "segment.recall",
                     .section = section.name(),
                     .expected = absl::StrCat("at least ", kRecallNoticed, " of the 10 nearest"),
                     .found = absl::StrCat(sample.recall_at_10, " over ", sample.queries,
                                           " sample queries at ef 128")});
    }
  }

  void CheckEveryRowHasAVector(size_t vectors) {
    if (vectors == 0 || presence_bits_.size() != vectors) {
      return;
    }
    for (uint64_t row = 0; row < file_.rows(); ++row) {
      const bool has =
          std::any_of(presence_bits_.begin(), presence_bits_.end(), [row](const std::string& bits) {
            return (static_cast<unsigned char>(bits[row / 8]) >> (row % 8) & 1U) != 0;
          });
      if (!has) {
        findings_.Add({.code = "segment.content",
                       .section = "presence[0]",
                       .expected = "a vector in every row",
                       .found = absl::StrCat("row ", row, " has none")});
        return;
      }
    }
  }

  void CheckIdOrder() {
    const SegmentSection* section = file_.Find(SectionKind::kIdOrder);
    if (section == nullptr) {
      CheckIdsDiffer();
      return;
    }
    const std::optional<std::string> bytes = Read(*section);
    if (!bytes.has_value() || !ids_.has_value()) {
      CheckIdsDiffer();
      return;
    }
    for (uint64_t i = 0; i < file_.rows(); ++i) {
      const uint32_t row = U32At(*bytes, i * 4);
      // Rows in range whose ids rise are all different, so they are all the rows.
      if (row >= file_.rows() || (i > 0 && ids_->At(row) <= ids_->At(U32At(*bytes, i * 4 - 4)))) {
        Broken(*section, i * 4, "rows in ascending order of their ids",
               absl::StrCat("row ", row, " in place ", i));
        CheckIdsDiffer();
        return;
      }
    }
  }

  void CheckIdsDiffer() {
    std::vector<Hash> hashes = result_.id_hashes;
    std::sort(hashes.begin(), hashes.end());
    if (std::adjacent_find(hashes.begin(), hashes.end()) != hashes.end()) {
      findings_.Add({.code = "segment.content",
                     .section = "ids",
                     .expected = "each id once",
                     .found = "an id in two rows"});
    }
  }

  // Sections that no rule above has read: of unknown kinds, or without a schema to judge by.
  void CheckOthers() {
    for (const SegmentSection& section : file_.sections()) {
      if (std::find(seen_.begin(), seen_.end(), &section) == seen_.end()) {
        if (options_.on_bytes) {
          options_.on_bytes(section.length);
        }
        file_.ReadPages(section, {}, findings_);
      }
    }
  }

  const SegmentFile& file_;
  const SegmentExpectation& expectation_;
  const SegmentVerifyOptions& options_;
  FileFindings& findings_;
  VerifiedSegment result_;
  std::vector<const SegmentSection*> seen_;
  std::string id_bytes_;
  std::optional<RowBytes> ids_;
  std::vector<std::string> presence_bits_;
  std::function<bool(uint64_t)> present_;
};

}  // namespace

VerifiedSegment VerifySegment(const std::string& path, const SegmentExpectation& expectation,
                              const SegmentVerifyOptions& options, FileFindings& findings) {
  const std::optional<SegmentFile> file = SegmentFile::Open(path, findings);
  if (!file.has_value()) {
    return {};
  }
  return Verifier(*file, expectation, options, findings).Run();
}

}  // namespace perigee::tools::inspect
