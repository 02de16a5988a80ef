// SPDX-License-Identifier: Apache-2.0
//
// Goal: whatever a segment file or a deletion file holds, opening it, reading its rows, verifying
// it and searching it never read outside it, and never answer anything but what its bytes say.
//
// Method: an input is four bytes of choices and the image of a file (sparse_image.h). The engine
// reads it from memory; the second decoder of perigee-inspect, which shares no code with it, from a
// real file. Both give the same verdict on the frame, on every page and on every section, the same
// rows, and the same dead rows; what the engine does not check at opening is listed in NotChecked.
// A search by graph and by scan is compared with a scan of the second decoder's bytes.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/collection/collection_reader.h"
#include "engine/collection/collection_snapshot.h"
#include "engine/collection/sealed_segment.h"
#include "engine/distance/query_vector.h"
#include "engine/payload/payload_codec.h"
#include "engine/query/segment_search.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/check.h"
#include "storage/segment/deletion_file.h"
#include "storage/segment/segment_reader.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/segment_image.h"
#include "tests/fuzz/segment_schema.h"
#include "tests/fuzz/sparse_image.h"
#include "tests/fuzz/verdict.h"
#include "tests/support/simulated_file_system.h"
#include "tests/support/temporary_directory.h"
#include "tools/inspect/byte_view.h"
#include "tools/inspect/deletion_decoder.h"
#include "tools/inspect/row_offsets.h"
#include "tools/inspect/segment_decoder.h"
#include "tools/inspect/segment_verifier.h"
#include "tools/inspect/value_decoder.h"

namespace perigee::tests {
namespace {

namespace inspect = tools::inspect;
// Beside what the second reader says, which is each target's own.
using engine::DerivedState;
using engine::SealedSegment;
using storage::AsBytes;
using storage::AsText;
using storage::SectionKind;
using storage::SegmentReader;
using tests::VerdictOf;

constexpr size_t kChoiceBytes = 4;
constexpr const char* kPath = "/segment";

struct Choices {
  bool deletion_file = false;
  bool stamped = false;  ///< the manifest stamps an LSN, as on the file of a bulk load
  uint32_t seed = 0;
};

Choices ReadChoices(std::string_view input) {
  storage::ByteReader reader(input);
  const uint8_t flags = reader.U8();
  Choices choices = {.deletion_file = (flags & 1U) != 0, .stamped = (flags & 2U) != 0};
  choices.seed = reader.U16();
  return choices;
}

// The image as a real file, for the decoder that reads nothing else.
const std::string& RealFile(std::string_view image) {
  static const storage::TemporaryDirectory directory;
  static const std::string path = directory.PathOf("image");
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  PERIGEE_CHECK(file >= 0, path);
  PERIGEE_CHECK(write(file, image.data(), image.size()) == static_cast<ssize_t>(image.size()));
  close(file);
  return path;
}

Verdict VerdictOf(const inspect::FindingList& list) {
  if (list.Has(inspect::Severity::kDamage) || list.Has(inspect::Severity::kUnreadable)) {
    return Verdict::kDamaged;
  }
  return list.clean() ? Verdict::kGood : Verdict::kUnsupported;
}

std::string TextOf(const inspect::FindingList& list) {
  std::string text;
  for (const inspect::Finding& finding : list.findings()) {
    absl::StrAppend(&text, finding.code, " ", finding.section, " at ", finding.offset.value_or(0),
                    ": expected ", finding.expected, ", found ", finding.found, "; ");
  }
  return text;
}

// A file of a later version may be damaged too: which of the two is said first is free, but nothing
// passes for a later version that has no sign of it.
void CheckSameVerdict(const absl::Status& engine, const inspect::FindingList& second) {
  const Verdict a = VerdictOf(engine);
  const Verdict b = VerdictOf(second);
  PERIGEE_CHECK((a == Verdict::kGood) == (b == Verdict::kGood), engine.ToString(), " but ",
                TextOf(second));
  PERIGEE_CHECK(a != Verdict::kUnsupported || second.Has(inspect::Severity::kUnsupported),
                engine.ToString(), " but ", TextOf(second));
}

// Deletion files.

storage::DeletionExpectation ExpectationOf(const storage::DeletionFile& file,
                                           std::string_view bytes) {
  storage::DeletionExpectation expected = {.database_uuid = file.database_uuid,
                                           .segment_uuid = file.segment_uuid,
                                           .segment_rows = file.segment_rows};
  const inspect::Hash hash = inspect::HashOf({bytes.substr(0, 192)});
  std::memcpy(expected.reference.checksum.data(), hash.data(), hash.size());
  expected.reference.uuid = file.deletion_uuid;
  expected.reference.generation = file.generation;
  expected.reference.complete_lsn = file.complete_lsn;
  expected.reference.dead_rows = file.dead_rows.size();
  expected.reference.file_bytes = bytes.size();
  return expected;
}

void RunDeletionFile(const Choices& choices, const std::string& bytes) {
  const auto file = storage::DecodeDeletionFile(AsBytes(bytes));
  inspect::FindingList list;
  inspect::FileFindings findings(list, "image");
  const auto content = inspect::ReadDeletions(RealFile(bytes), findings);
  CheckSameVerdict(file.status(), list);
  storage::SimulatedFileSystem disk;
  disk.SetContents(kPath, bytes);
  if (!file.ok()) {
    PERIGEE_CHECK(!storage::ReadDeletionFile(disk, kPath, {.segment_rows = 100}).ok());
    return;
  }
  PERIGEE_CHECK(content.has_value() && content->rows.size() == file->dead_rows.size() &&
                content->generation == file->generation &&
                content->complete_lsn == file->complete_lsn &&
                content->segment_rows == file->segment_rows);
  for (size_t i = 0; i < content->rows.size(); ++i) {
    PERIGEE_CHECK(content->rows[i] == file->dead_rows[i].row &&
                  content->lsns[i] == file->dead_rows[i].lsn);
  }
  storage::DeletionExpectation expected = ExpectationOf(*file, bytes);
  const auto read = storage::ReadDeletionFile(disk, kPath, expected);
  PERIGEE_CHECK(read.ok() && *read == *file, read.status().ToString());
  if (bytes.substr(16, 24) == std::string(24, '\0')) {  // later features are not written
    const auto again = storage::EncodeDeletionFile(*file);
    PERIGEE_CHECK(again.ok() && *again == bytes, again.status().ToString());
  }
  switch (choices.seed % 4) {
    case 0:
      ++expected.reference.generation;
      break;
    case 1:
      ++expected.reference.complete_lsn;
      break;
    case 2:
      ++expected.segment_rows;
      break;
    default:
      expected.reference.checksum[choices.seed % 16] ^= std::byte{1};
      break;
  }
  PERIGEE_CHECK(!storage::ReadDeletionFile(disk, kPath, expected).ok());
}

// Segments.

bool IsKnown(inspect::SectionKind kind) {
  const auto number = static_cast<uint16_t>(kind);
  return (number >= 1 && number <= 6) || number == 16 || number == 17;
}

// What opening does not look at, or does without (D16); names as SegmentSection::name gives them.
bool NotChecked(const inspect::Finding& finding, uint64_t rows) {
  static const std::set<std::string> kContents = {"lsns",       "payload",  "vectors[0]",
                                                  "vectors[1]", "norms[0]", "norms[1]"};
  static const std::set<std::string> kSources = {"ids",        "lsns",        "payload",
                                                 "vectors[0]", "vectors[1]",  "norms[0]",
                                                 "norms[1]",   "presence[0]", "presence[1]"};
  if (finding.code == "segment.content") {
    // Rows of another length are noticed where there are rows.
    if (finding.expected.starts_with("rows of ")) {
      return rows == 0;
    }
    if (finding.expected.starts_with("offsets ")) {
      return false;
    }
    return kContents.count(finding.section) > 0 || finding.expected == "a vector in every row";
  }
  // Derived sections, unknown ones, vectors the schema lacks, and padding.
  const bool part = finding.code == "segment.page" || finding.code == "segment.derived" ||
                    finding.code == "segment.derived_page" ||
                    finding.code == "segment.derived_table" || finding.code == "segment.padding";
  return finding.severity == inspect::Severity::kNotice ||
         (part && kSources.count(finding.section) == 0);
}

bool AnyFinding(const inspect::FindingList& list, std::string_view section) {
  return std::any_of(list.findings().begin(), list.findings().end(),
                     [&](const inspect::Finding& f) { return f.section == section; });
}

// One encoding: what was decoded is written again as the same bytes.
void CheckEncoding(const SegmentReader& reader, std::string_view image) {
  const size_t footer_offset = image.size() - storage::kSegmentBlockBytes;
  const auto header =
      storage::DecodeSegmentHeader(AsBytes(image.substr(0, storage::kSegmentBlockBytes)));
  const auto footer = storage::DecodeSegmentFooter(AsBytes(image.substr(footer_offset)));
  PERIGEE_CHECK(header.ok() && footer.ok() && *header == reader.header());
  PERIGEE_CHECK(storage::EncodeSegmentHeader(*header) ==
                image.substr(0, storage::kSegmentBlockBytes));
  PERIGEE_CHECK(storage::EncodeSegmentFooter(*footer) == image.substr(footer_offset));
  const std::string_view directory = image.substr(
      footer->directory_offset, size_t{footer->section_count} * storage::kSectionEntryBytes);
  const auto sections = storage::DecodeSectionDirectory(AsBytes(directory));
  PERIGEE_CHECK(sections.ok() && storage::EncodeSectionDirectory(*sections) == directory);
}

// A segment as both see it.
class BothReaders {
 public:
  BothReaders(const SegmentReader& reader, const inspect::SegmentFile& file)
      : reader_(reader), file_(file) {}

  void CheckFrame() const {
    PERIGEE_CHECK(reader_.row_count() == file_.rows());
    PERIGEE_CHECK(AsText(reader_.header().segment_uuid.bytes()) == Text(file_.header().segment));
    PERIGEE_CHECK(reader_.header().min_lsn == file_.header().min_lsn &&
                  reader_.header().max_lsn == file_.header().max_lsn);
    PERIGEE_CHECK(reader_.read_only() == (file_.header().ro_compat != 0));
    size_t known = 0;
    for (const inspect::SegmentSection& section : file_.sections()) {
      known += IsKnown(section.kind) ? 1 : 0;
    }
    PERIGEE_CHECK(known == reader_.sections().size());
  }

  // Every section in both ways, and a part of it by itself.
  void CheckSections(uint32_t seed) const {
    for (const storage::SectionEntry& section : reader_.sections()) {
      const inspect::SegmentSection* second = Second(section);
      PERIGEE_CHECK(second->offset == section.offset && second->length == section.length);
      inspect::FindingList list;
      inspect::FileFindings findings(list, "image");
      const auto bytes = reader_.ReadSection(section);
      const auto expected = file_.ReadSection(*second, findings);
      PERIGEE_CHECK(bytes.ok() == expected.has_value(), section.name(), ": ",
                    bytes.status().ToString(), " but ", TextOf(list));
      PERIGEE_CHECK(bytes.ok() || VerdictOf(bytes.status()) == Verdict::kDamaged);
      if (bytes.ok()) {
        PERIGEE_CHECK(AsText(bytes->bytes()) == *expected, section.name());
      }
      const uint64_t offset = section.length == 0 ? 0 : seed % section.length;
      std::string part(std::min<uint64_t>(section.length - offset, 1 + seed % 5000), '\0');
      const absl::Status range = reader_.ReadRange(
          section, offset, std::as_writable_bytes(std::span(part.data(), part.size())));
      PERIGEE_CHECK(
          !bytes.ok() || (range.ok() && expected->compare(offset, part.size(), part) == 0),
          section.name(), ": ", range.ToString());
      PERIGEE_CHECK(!reader_
                         .ReadRange(section, section.length,
                                    std::as_writable_bytes(std::span(part.data(), 1)))
                         .ok());
    }
  }

  void CheckVerification(storage::FileSystem& disk) const {
    inspect::FindingList list;
    inspect::FileFindings findings(list, "image");
    for (const inspect::SegmentSection& section : file_.sections()) {
      if (!section.table_ok) {
        findings.Add({.code = "segment.derived_table", .section = section.name()});
      }
      file_.ReadPages(section, {}, findings);
    }
    file_.CheckGaps(findings);
    const absl::Status verified = reader_.VerifyAllPages();
    PERIGEE_CHECK(verified.ok() == list.clean(), verified.ToString(), " but ", TextOf(list));
    // As after writing it, and against a manifest that means another file.
    storage::SegmentSummary summary = reader_.summary();
    PERIGEE_CHECK(verified.ok() ==
                  storage::VerifySegmentFile(disk, kPath, reader_.header(), summary).ok());
    summary.root_checksum[0] ^= std::byte{1};
    PERIGEE_CHECK(!storage::VerifySegmentFile(disk, kPath, reader_.header(), summary).ok());
  }

  /// The bytes of a section as the second decoder reads them; it must be there and good.
  std::string Bytes(inspect::SectionKind kind, uint16_t ordinal = 0) const {
    inspect::FindingList list;
    inspect::FileFindings findings(list, "image");
    const inspect::SegmentSection* section = file_.Find(kind, ordinal);
    PERIGEE_CHECK(section != nullptr);
    auto bytes = file_.ReadSection(*section, findings);
    PERIGEE_CHECK(bytes.has_value(), TextOf(list));
    return *std::move(bytes);
  }
  bool Has(inspect::SectionKind kind, uint16_t ordinal = 0) const {
    return file_.Find(kind, ordinal) != nullptr;
  }

 private:
  static std::string Text(const inspect::Uuid& uuid) {
    return {reinterpret_cast<const char*>(uuid.bytes.data()), uuid.bytes.size()};
  }
  const inspect::SegmentSection* Second(const storage::SectionEntry& section) const {
    const auto* second =
        file_.Find(static_cast<inspect::SectionKind>(section.kind), section.ordinal);
    PERIGEE_CHECK(second != nullptr, section.name());
    return second;
  }

  const SegmentReader& reader_;
  const inspect::SegmentFile& file_;
};

// The rows as the second decoder has them.
struct PlainVectors {
  std::string values;
  std::string norms;
  std::string presence;
  size_t row_bytes = 0;

  bool Present(uint32_t row) const {
    return (static_cast<uint8_t>(presence[row / 8]) >> (row % 8) & 1U) != 0;
  }
  std::string_view Row(uint32_t row) const {
    return std::string_view(values).substr(row * row_bytes, row_bytes);
  }
  double Norm(uint32_t row) const {
    return std::bit_cast<double>(inspect::U64At(norms, size_t{row} * 8));
  }
};

struct PlainRows {
  std::string id_bytes;
  std::string payload_bytes;
  std::optional<inspect::RowBytes> ids;
  std::optional<inspect::RowBytes> payloads;
  std::vector<PlainVectors> vectors;

  PlainRows(const BothReaders& both, uint32_t rows)
      : id_bytes(both.Bytes(inspect::SectionKind::kIds)),
        payload_bytes(both.Bytes(inspect::SectionKind::kPayload)) {
    std::string fault;
    ids = inspect::RowBytes::Decode(id_bytes, rows, fault);
    payloads = inspect::RowBytes::Decode(payload_bytes, rows, fault);
    PERIGEE_CHECK(ids.has_value() && payloads.has_value(), fault);
    const CollectionSchema& schema = *SegmentFuzzSchema();
    for (uint16_t ordinal = 0; ordinal < schema.vectors.size(); ++ordinal) {
      vectors.push_back({.values = both.Bytes(inspect::SectionKind::kVectors, ordinal),
                         .norms = both.Bytes(inspect::SectionKind::kNorms, ordinal),
                         .presence = both.Bytes(inspect::SectionKind::kPresence, ordinal),
                         .row_bytes = engine::StoredVectorBytes(schema.vectors[ordinal])});
    }
  }
};

// Every row of an opened segment; whether all payloads are valid.
bool CheckRows(const SealedSegment& segment, const PlainRows& plain) {
  bool valid = true;
  for (uint32_t row = 0; row < segment.row_count(); ++row) {
    const std::string_view id = plain.ids->At(row);
    PERIGEE_CHECK(segment.EncodedId(row) == id && PointId::Decode(id).ok(), "row ", row);
    PERIGEE_CHECK(segment.FindRow(id) == row, "row ", row);
    const std::string_view payload = plain.payloads->At(row);
    PERIGEE_CHECK(AsText(segment.EncodedPayload(row)) == payload, "row ", row);
    const auto decoded = engine::DecodePayload(AsBytes(payload));
    const auto fault = inspect::PayloadFault(payload);
    PERIGEE_CHECK(decoded.ok() != fault.has_value(), "row ", row, ": ", fault.value_or("valid"),
                  decoded.status().ToString());
    valid = valid && decoded.ok();
    for (size_t ordinal = 0; ordinal < plain.vectors.size(); ++ordinal) {
      const PlainVectors& vectors = plain.vectors[ordinal];
      const bool present = (segment.PresenceBits(row) >> ordinal & 1U) != 0;
      PERIGEE_CHECK(present == vectors.Present(row), "row ", row);
      PERIGEE_CHECK(AsText(segment.VectorBytes(row, ordinal)) == vectors.Row(row), "row ", row);
      PERIGEE_CHECK(std::bit_cast<uint64_t>(segment.Norm(row, ordinal)) ==
                        std::bit_cast<uint64_t>(vectors.Norm(row)),
                    "row ", row);
    }
  }
  return valid;
}

struct Hit {
  float distance = 0;
  std::string_view id = {};
  uint32_t row = 0;

  bool operator<(const Hit& other) const {
    return distance != other.distance ? distance < other.distance : id < other.id;
  }
};

// All rows that a search may return, nearest first.
std::vector<Hit> Scan(const SealedSegment& segment, const PlainRows& plain, size_t ordinal,
                      const engine::QueryVector& query) {
  std::vector<Hit> hits;
  const PlainVectors& vectors = plain.vectors[ordinal];
  for (uint32_t row = 0; row < segment.row_count(); ++row) {
    if (vectors.Present(row) && segment.DeadLsn(row) == engine::kNeverDead) {
      // Aligned as the engine's own rows are.
      alignas(16) std::byte values[64] = {};
      std::memcpy(values, vectors.Row(row).data(), vectors.row_bytes);
      hits.push_back({query.DistanceTo(values, vectors.Norm(row)), plain.ids->At(row), row});
    }
  }
  std::sort(hits.begin(), hits.end());
  return hits;
}

void CheckHits(const std::vector<engine::SegmentHit>& hits, const std::vector<Hit>& expected,
               const engine::SegmentSearchResult& result, uint32_t k) {
  PERIGEE_CHECK(hits.size() == std::min<size_t>(k, expected.size()), hits.size(), " of ",
                expected.size());
  std::set<uint32_t> rows;
  for (size_t i = 0; i < hits.size(); ++i) {
    const engine::SegmentHit& hit = hits[i];
    const auto same = std::find_if(expected.begin(), expected.end(),
                                   [&](const Hit& other) { return other.row == hit.row; });
    PERIGEE_CHECK(same != expected.end() && rows.insert(hit.row).second, "row ", hit.row);
    PERIGEE_CHECK(same->distance == hit.distance && same->id == hit.encoded_id, "row ", hit.row,
                  " at ", hit.distance, ", not ", same->distance);
    PERIGEE_CHECK(i == 0 || engine::HitBefore(hits[i - 1], hit), "out of order at ", i);
    PERIGEE_CHECK(!result.exact || hit.row == expected[i].row, "row ", hit.row, " at ", i);
  }
}

void CheckSearches(const engine::CollectionSnapshot& snapshot, const SealedSegment& segment,
                   const PlainRows& plain, uint32_t seed) {
  const CollectionSchema& schema = snapshot.schema();
  for (size_t ordinal = 0; ordinal < schema.vectors.size(); ++ordinal) {
    std::vector<float> values(schema.vectors[ordinal].dimension);
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = 1.0F + static_cast<float>((seed >> (2 * i)) % 4U);
    }
    const auto query = engine::QueryVector::Create(schema.vectors[ordinal], values);
    PERIGEE_CHECK(query.ok(), query.status().ToString());
    const std::vector<Hit> expected = Scan(segment, plain, ordinal, *query);
    for (const bool exact : {true, false}) {
      const engine::SearchRequest request = {.schema = &schema.vectors[ordinal],
                                             .ordinal = ordinal,
                                             .query = values,
                                             .k = 1 + seed % 12,
                                             .exact = exact,
                                             .ef = 1 + seed % 30};
      const auto result = engine::SearchSegment(*snapshot.views()[0], request);
      PERIGEE_CHECK(result.ok(), result.status().ToString());
      PERIGEE_CHECK(result->exact || !exact);
      CheckHits(result->hits, expected, *result, request.k);
    }
  }
}

// The calls of a collection: points by id, all of them in order, counts.
void CheckCalls(const std::shared_ptr<const engine::CollectionSnapshot>& snapshot,
                const SealedSegment& segment, const PlainRows& plain, bool payloads_valid) {
  const engine::CollectionReader reader(snapshot);
  std::vector<std::string_view> live;
  GetRequest get = {
      .ids = {}, .with_payload = {}, .with_vectors = {.kind = VectorSelector::Kind::kAll}};
  for (uint32_t row = 0; row < segment.row_count(); ++row) {
    if (segment.DeadLsn(row) == engine::kNeverDead) {
      live.push_back(plain.ids->At(row));
      get.ids.push_back(*PointId::Decode(live.back()));
    }
  }
  const auto count = reader.Count({});
  PERIGEE_CHECK(count.ok() && count->count == live.size(), count.status().ToString());
  PERIGEE_CHECK(reader.Count({.filter = Filter{IsEmptyCondition{.path = "a[].b"}}}).ok());
  if (live.empty()) {
    return;
  }
  get.ids.resize(std::min<size_t>(get.ids.size(), 100));
  const auto points = reader.Get(get);
  PERIGEE_CHECK(points.ok() || (!payloads_valid && absl::IsDataLoss(points.status())),
                points.status().ToString());
  PERIGEE_CHECK(!points.ok() || points->points.size() == get.ids.size());
  std::sort(live.begin(), live.end());
  const auto page = reader.Scroll({.limit = 100});
  PERIGEE_CHECK(page.ok() || (!payloads_valid && absl::IsDataLoss(page.status())),
                page.status().ToString());
  for (size_t i = 0; page.ok() && i < page->points.size(); ++i) {
    PERIGEE_CHECK(page->points[i].id.Encode() == live[i], "place ", i);
  }
}

void CheckDerived(const SealedSegment& segment, const BothReaders& both,
                  const inspect::FindingList& list) {
  const auto expected = [&](inspect::SectionKind kind, uint16_t ordinal, std::string_view name) {
    if (!both.Has(kind, ordinal)) {
      return DerivedState::kAbsent;
    }
    return AnyFinding(list, name) ? DerivedState::kDamaged : DerivedState::kReady;
  };
  PERIGEE_CHECK(segment.id_order_state() == expected(inspect::SectionKind::kIdOrder, 0, "id_order"),
                TextOf(list));
  for (uint16_t ordinal = 0; ordinal < segment.schema().vectors.size(); ++ordinal) {
    if (segment.row_count() == 0 && AnyFinding(list, absl::StrCat("vectors[", ordinal, "]"))) {
      continue;  // a graph that nothing refers to, and the second decoder did not look at
    }
    PERIGEE_CHECK(segment.index_state(ordinal) == expected(inspect::SectionKind::kHnsw, ordinal,
                                                           absl::StrCat("hnsw[", ordinal, "]")),
                  "hnsw[", ordinal, "] ", TextOf(list));
  }
}

void RunOpenedSegment(const Choices& choices, std::shared_ptr<SealedSegment> segment,
                      const BothReaders& both) {
  const PlainRows plain(both, segment->row_count());
  const bool payloads_valid = CheckRows(*segment, plain);
  for (uint32_t row = 0; row < segment->row_count(); ++row) {
    if ((row * 5 + choices.seed) % 7 == 0 && choices.seed % 2 == 1) {
      PERIGEE_CHECK(segment->MarkDead(row, 1 + row));
    }
  }
  const engine::SegmentList segments = {
      .sealed = {segment}, .frozen = {}, .growing = nullptr, .missing = {}};
  const auto snapshot = engine::CollectionSnapshot::Make(
      {.collection = segment->uuid(), .schema = SegmentFuzzSchema(), .seq = ~uint64_t{0} >> 1U},
      segments);
  CheckSearches(*snapshot, *segment, plain, choices.seed);
  CheckCalls(snapshot, *segment, plain, payloads_valid);
}

void RunSegment(const Choices& choices, const std::string& image) {
  storage::SimulatedFileSystem disk;
  disk.SetContents(kPath, image);
  auto reader = SegmentReader::Open(disk, kPath, {});
  const std::string& path = RealFile(image);
  inspect::FindingList frame_list;
  inspect::FileFindings frame_findings(frame_list, "image");
  const auto file = inspect::SegmentFile::Open(path, frame_findings);
  if (!reader.ok() || !file.has_value()) {
    if (file.has_value()) {
      file->CheckGaps(frame_findings);  // zeros behind the directory, which an open looks at
    }
    CheckSameVerdict(reader.status(), frame_list);
    return;
  }
  const BothReaders both(**reader, *file);
  both.CheckFrame();
  both.CheckSections(choices.seed);
  both.CheckVerification(disk);
  CheckEncoding(**reader, image);
  inspect::FindingList list;
  inspect::FileFindings findings(list, "image");
  const inspect::Schema schema = SegmentFuzzSchemaForInspect();
  inspect::VerifySegment(path, {.schema = &schema}, {}, findings);
  auto again = SegmentReader::Open(disk, kPath, {});
  PERIGEE_CHECK(again.ok(), again.status().ToString());
  auto segment = SealedSegment::Open(*std::move(again),
                                     {.schema = SegmentFuzzSchema(),
                                      .stamped_lsn = choices.stamped ? uint64_t{9} : uint64_t{0},
                                      .dead_rows = {}});
  PERIGEE_CHECK(segment.ok() || VerdictOf(segment.status()) == Verdict::kDamaged,
                segment.status().ToString());
  const bool opens = std::all_of(
      list.findings().begin(), list.findings().end(),
      [&](const inspect::Finding& finding) { return NotChecked(finding, file->rows()); });
  PERIGEE_CHECK(segment.ok() == opens, segment.status().ToString(), " but ", TextOf(list));
  if (segment.ok()) {
    CheckDerived(**segment, both, list);
    RunOpenedSegment(choices, *segment, both);
  }
}

}  // namespace

void RunInput(std::string_view input) {
  const Choices choices = ReadChoices(input);
  const std::string image = ExpandImage(input.substr(std::min(input.size(), kChoiceBytes)));
  if (choices.deletion_file) {
    RunDeletionFile(choices, image);
  } else {
    RunSegment(choices, image);
  }
}

std::string MutateInput(std::string_view input, size_t size_max, ByteMutator& mutator) {
  std::string choices(input.substr(0, kChoiceBytes));
  choices.resize(kChoiceBytes);
  if (mutator.Chance(20)) {
    mutator.MutateInside(choices, 1, 2);
    choices[0] = static_cast<char>(choices[0] ^ (mutator.Chance(20) ? 2 : 0));
  }
  std::string image = ExpandImage(input.substr(std::min(input.size(), kChoiceBytes)));
  const bool deletion_file = (static_cast<uint8_t>(choices[0]) & 1U) != 0;
  for (uint64_t changes = 1 + mutator.Below(3); changes > 0; --changes) {
    deletion_file ? MutateDeletionFile(image, mutator) : MutateSegment(image, mutator);
  }
  if (mutator.Chance(95)) {
    deletion_file ? RepairDeletionFile(image) : RepairSegment(image);
  }
  if (mutator.Chance(10) && !image.empty()) {  // damage that no checksum covers up
    mutator.MutateInside(image, mutator.Below(image.size()), 1 + mutator.Below(8));
  }
  std::string mutated = choices + PackImage(image);
  return mutated.size() <= size_max ? mutated : std::string(input);
}

}  // namespace perigee::tests
