// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/sealed_segment.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/collection/memory_rows.h"
#include "engine/collection/segment_builder.h"
#include "perigee/model/limits.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/error_reason.h"
#include "tests/engine/collection/segment_fixture.h"
#include "tests/support/test_seed.h"

namespace perigee::engine {
namespace {

using storage::SectionKind;

constexpr const char* kPath = "/segment";

Point PointOfLargestPayload() {
  Point point{.id = PointId(std::string(limits::kPointIdBytesMax, 'i')),
              .vectors = {{"", {1, 2, 3, 4, 5, 6, 7, 8}}}};
  for (int i = 0; i < 3; ++i) {
    point.payload.emplace_back(absl::StrCat("text", i),
                               std::string(limits::kPayloadStringBytesMax - 16, 'x'));
  }
  return point;
}

/// Random points, an id of one byte, the longest id, a point without payload and a large one.
std::vector<Point> EveryShape(uint64_t count) {
  const uint64_t seed = tests::TestSeed(7);
  CAPTURE(seed);
  Random random(seed);
  std::vector<Point> points;
  for (uint64_t i = 0; i < count; ++i) {
    points.push_back(RandomPoint(random, IdOf(i)));
  }
  points.push_back({.id = "a", .vectors = {{"title", {0.5F, 0, -65504.0F, 65504.0F, 0x1p-24F}}}});
  points.push_back({.id = uint64_t{0xFFFF'FFFF'FFFF'FFFF},
                    .vectors = {{"image", std::vector<float>(70, -0.0F)}}});
  points.push_back(PointOfLargestPayload());
  return points;
}

/// Point i has LSN 100 + i.
void Build(storage::FileSystem& disk, const std::vector<Point>& points) {
  const auto schema = MixedSchema();
  MemoryRows rows(schema, static_cast<uint32_t>(points.size()));
  for (size_t i = 0; i < points.size(); ++i) {
    rows.Append(StoredRow(points[i], *schema).image(), 100 + i);
  }
  const std::vector<const RowSource*> sources = {&rows};
  const auto built = BuildSegment(sources, BuildOptions(disk, kPath, *schema));
  REQUIRE_MESSAGE(built.ok(), built.status().ToString());
  REQUIRE(built->row_count == points.size());
}

storage::SectionEntry SectionOf(storage::FileSystem& disk, SectionKind kind, uint16_t ordinal) {
  auto reader = storage::SegmentReader::Open(disk, kPath, {});
  REQUIRE(reader.ok());
  const storage::SectionEntry* section = (*reader)->Find(kind, ordinal);
  REQUIRE(section != nullptr);
  return *section;
}

std::string SectionBytes(storage::FileSystem& disk, SectionKind kind, uint16_t ordinal) {
  auto reader = storage::SegmentReader::Open(disk, kPath, {});
  REQUIRE(reader.ok());
  const auto bytes = (*reader)->ReadSection(*(*reader)->Find(kind, ordinal));
  REQUIRE(bytes.ok());
  return std::string(storage::AsText(bytes->bytes()));
}

/// Opens a copy of the segment in which one section has other bytes, with right checksums.
absl::StatusOr<std::shared_ptr<SealedSegment>> OpenWith(storage::FileSystem& disk, SectionKind kind,
                                                        uint16_t ordinal,
                                                        const std::optional<std::string>& bytes) {
  static int copies = 0;
  const std::string path = absl::StrCat("/copy-", ++copies);
  const storage::SectionEntry section = SectionOf(disk, kind, ordinal);
  ReplaceSection(disk, kPath, path,
                 {.kind = kind,
                  .ordinal = ordinal,
                  .element_count = section.element_count,
                  .element_bytes = section.element_bytes,
                  .checksum_page_bytes = section.checksum_page_bytes},
                 bytes);
  return OpenSegment(disk, path, MixedSchema());
}

void CheckPoints(const SealedSegment& segment, const std::vector<Point>& points) {
  REQUIRE(segment.row_count() == points.size());
  for (uint32_t row = 0; row < segment.row_count(); ++row) {
    REQUIRE(PointOfRow(segment, row, segment.schema()) == points[row]);
    REQUIRE(segment.Lsn(row) == 100 + row);
    REQUIRE(segment.FindRow(points[row].id.Encode()) == row);
    REQUIRE(segment.FindLive(points[row].id.Encode()) == row);
  }
  CHECK(segment.FindRow(PointId("missing").Encode()) == std::nullopt);
  CHECK(segment.FindRow(PointId(uint64_t{9'999'999}).Encode()) == std::nullopt);
  CHECK(segment.FindRow("") == std::nullopt);
}

TEST_SUITE("sealed_segment") {
  TEST_CASE("points of every shape come back bit for bit") {
    storage::SimulatedFileSystem disk;
    const std::vector<Point> points = EveryShape(200);
    Build(disk, points);
    const auto segment = OpenSegment(disk, kPath, MixedSchema());
    REQUIRE_MESSAGE(segment.ok(), segment.status().ToString());
    CheckPoints(**segment, points);
    CHECK((*segment)->problems().empty());
    CHECK((*segment)->id_order_state() == DerivedState::kReady);
    const CollectionSchema& schema = (*segment)->schema();
    for (size_t ordinal = 0; ordinal < schema.vectors.size(); ++ordinal) {
      CHECK((*segment)->index_state(ordinal) == DerivedState::kReady);
      REQUIRE((*segment)->Index(ordinal) != nullptr);
      CHECK((*segment)->Index(ordinal)->indexed_count() == (*segment)->vector_count(ordinal));
      CHECK((*segment)->vector_count(ordinal) ==
            static_cast<uint64_t>(std::count_if(points.begin(), points.end(), [&](const Point& p) {
              return p.vectors.contains(schema.vectors[ordinal].name);
            })));
    }
    CHECK((*segment)->memory_bytes() > limits::kPayloadStringBytesMax);
    CHECK((*segment)->file_bytes() == FileBytes(disk, kPath).size());
    CHECK((*segment)->name() == (*segment)->uuid().ToString());
    CHECK(std::is_sorted((*segment)->id_order().begin(), (*segment)->id_order().end(),
                         [&](uint32_t a, uint32_t b) {
                           return (*segment)->EncodedId(a) < (*segment)->EncodedId(b);
                         }));
  }

  TEST_CASE("marks from the deletion file and from now on") {
    storage::SimulatedFileSystem disk;
    const std::vector<Point> points = EveryShape(10);
    Build(disk, points);
    auto reader = storage::SegmentReader::Open(disk, kPath, {});
    REQUIRE(reader.ok());
    const std::vector<storage::DeadRow> dead = {{.row = 2, .lsn = 200}, {.row = 5, .lsn = 300}};
    const auto segment =
        SealedSegment::Open(*std::move(reader), {.schema = MixedSchema(), .dead_rows = dead});
    REQUIRE(segment.ok());
    CHECK((*segment)->deletions().dead_count() == 2);
    CHECK((*segment)->DeadLsn(2) == 200);
    CHECK((*segment)->FindRow(points[2].id.Encode()) == 2);
    CHECK((*segment)->FindLive(points[2].id.Encode()) == std::nullopt);
    CHECK((*segment)->MarkDead(3, 400));
    CHECK_FALSE((*segment)->MarkDead(2, 400));
    CHECK((*segment)->DeadLsn(2) == 200);
    CHECK((*segment)->FindLive(points[3].id.Encode()) == std::nullopt);

    reader = storage::SegmentReader::Open(disk, kPath, {});
    REQUIRE(reader.ok());
    const std::vector<storage::DeadRow> outside = {{.row = 13, .lsn = 1}};
    CHECK(SealedSegment::Open(*std::move(reader), {.schema = MixedSchema(), .dead_rows = outside})
              .status()
              .code() == absl::StatusCode::kDataLoss);
  }

  TEST_CASE("rows of a bulk load have the stamped LSN") {
    storage::SimulatedFileSystem disk;
    const auto schema = MixedSchema();
    MemoryRows rows(schema, 1);
    rows.Append(StoredRow(PointOfLargestPayload(), *schema).image(), 0);
    const std::vector<const RowSource*> sources = {&rows};
    REQUIRE(BuildSegment(sources, BuildOptions(disk, kPath, *schema)).ok());
    auto segment = OpenSegment(disk, kPath, schema, 42);
    REQUIRE(segment.ok());
    CHECK((*segment)->Lsn(0) == 42);
    segment = OpenSegment(disk, kPath, schema);
    REQUIRE(segment.ok());
    (*segment)->StampLsn(43);
    CHECK((*segment)->Lsn(0) == 43);
    CHECK((*segment)->stamped_lsn() == 43);
  }

  TEST_CASE("a flipped bit in a derived section opens without it and answers the same") {
    storage::SimulatedFileSystem disk;
    const std::vector<Point> points = EveryShape(200);
    Build(disk, points);
    const storage::SectionEntry order = SectionOf(disk, SectionKind::kIdOrder, 0);
    FlipByte(disk, kPath, order.offset + order.length / 2);
    auto segment = OpenSegment(disk, kPath, MixedSchema());
    REQUIRE(segment.ok());
    CHECK((*segment)->id_order_state() == DerivedState::kDamaged);
    CHECK((*segment)->problems().size() == 1);
    CheckPoints(**segment, points);

    for (uint16_t ordinal = 0; ordinal < 3; ++ordinal) {
      const storage::SectionEntry graph = SectionOf(disk, SectionKind::kHnsw, ordinal);
      FlipByte(disk, kPath, graph.offset + graph.length - 1);
      segment = OpenSegment(disk, kPath, MixedSchema());
      REQUIRE(segment.ok());
      CHECK((*segment)->index_state(ordinal) == DerivedState::kDamaged);
      CHECK((*segment)->Index(ordinal) == nullptr);
      CHECK((*segment)->problems().size() == 2U + ordinal);
      CheckPoints(**segment, points);
    }
  }

  TEST_CASE("a flipped bit in a source section refuses to open") {
    const std::vector<std::pair<SectionKind, uint16_t>> sections = {
        {SectionKind::kIds, 0},     {SectionKind::kLsns, 0},     {SectionKind::kPayload, 0},
        {SectionKind::kVectors, 0}, {SectionKind::kVectors, 1},  {SectionKind::kNorms, 2},
        {SectionKind::kNorms, 0},   {SectionKind::kPresence, 1}, {SectionKind::kPresence, 2}};
    storage::SimulatedFileSystem disk;
    Build(disk, EveryShape(40));
    for (const auto& [kind, ordinal] : sections) {
      const storage::SectionEntry section = SectionOf(disk, kind, ordinal);
      CAPTURE(section.name());
      for (const uint64_t offset : {uint64_t{0}, section.length / 2, section.length - 1}) {
        FlipByte(disk, kPath, section.offset + offset);
        const auto segment = OpenSegment(disk, kPath, MixedSchema());
        CHECK(segment.status().code() == absl::StatusCode::kDataLoss);
        CHECK(GetErrorReason(segment.status()) == ErrorReason::kDamaged);
        FlipByte(disk, kPath, section.offset + offset);  // back
      }
    }
    CHECK(OpenSegment(disk, kPath, MixedSchema()).ok());
  }

  TEST_CASE("an id order that is not one is sorted anew, whatever is wrong with it") {
    storage::SimulatedFileSystem disk;
    const std::vector<Point> points = EveryShape(40);
    Build(disk, points);
    const std::string good = SectionBytes(disk, SectionKind::kIdOrder, 0);
    std::string swapped = good;
    std::swap_ranges(swapped.begin(), swapped.begin() + 4, swapped.begin() + 4);
    std::string twice = good;
    std::copy(good.begin(), good.begin() + 4, twice.begin() + 4);
    std::string outside = good;
    outside[3] = '\x7F';
    for (const std::string& bytes : {swapped, twice, outside}) {
      const auto segment = OpenWith(disk, SectionKind::kIdOrder, 0, bytes);
      REQUIRE(segment.ok());
      CHECK((*segment)->id_order_state() == DerivedState::kDamaged);
      CheckPoints(**segment, points);
    }
    const auto absent = OpenWith(disk, SectionKind::kIdOrder, 0, std::nullopt);
    REQUIRE(absent.ok());
    CHECK((*absent)->id_order_state() == DerivedState::kAbsent);
    CheckPoints(**absent, points);
  }

  TEST_CASE("a graph that does not fit is left out") {
    storage::SimulatedFileSystem disk;
    const std::vector<Point> points = EveryShape(100);
    Build(disk, points);
    // The graph of another vector: valid in itself, but not of this column.
    std::string graph = SectionBytes(disk, SectionKind::kHnsw, 0);
    graph.back() = '\x7E';
    const auto segment = OpenWith(disk, SectionKind::kHnsw, 0, graph);
    REQUIRE(segment.ok());
    CHECK((*segment)->index_state(0) == DerivedState::kDamaged);
    CheckPoints(**segment, points);
    const auto absent = OpenWith(disk, SectionKind::kHnsw, 0, std::nullopt);
    REQUIRE(absent.ok());
    CHECK((*absent)->index_state(0) == DerivedState::kAbsent);
    CHECK((*absent)->problems().empty());
  }

  TEST_CASE("source sections that contradict the rules refuse to open, whatever their checksums") {
    storage::SimulatedFileSystem disk;
    std::vector<Point> points = EveryShape(40);
    Build(disk, points);
    const auto refused = [&disk](SectionKind kind, uint16_t ordinal,
                                 const std::optional<std::string>& bytes) {
      return OpenWith(disk, kind, ordinal, bytes).status().code() == absl::StatusCode::kDataLoss;
    };
    for (const auto& [kind, ordinal] :
         std::vector<std::pair<SectionKind, uint16_t>>{{SectionKind::kIds, 0},
                                                       {SectionKind::kLsns, 0},
                                                       {SectionKind::kPayload, 0},
                                                       {SectionKind::kVectors, 2},
                                                       {SectionKind::kNorms, 1},
                                                       {SectionKind::kPresence, 0}}) {
      CHECK(refused(kind, ordinal, std::nullopt));
    }
    std::string presence = SectionBytes(disk, SectionKind::kPresence, 0);
    presence.back() = '\x80';
    CHECK(refused(SectionKind::kPresence, 0, presence));
    std::string ids = SectionBytes(disk, SectionKind::kIds, 0);
    const size_t first_id = (points.size() + 1) * sizeof(uint64_t);
    ids[first_id] = '\x02';  // neither an integer nor a string
    CHECK(refused(SectionKind::kIds, 0, ids));
    std::string offsets = SectionBytes(disk, SectionKind::kPayload, 0);
    offsets[8 + 7] = '\x7F';
    CHECK(refused(SectionKind::kPayload, 0, offsets));
    // Row 2 gets the id of row 0: both are integers, so the bytes have the same length.
    ids = SectionBytes(disk, SectionKind::kIds, 0);
    storage::ByteReader reader(storage::AsBytes(ids).subspan(2 * sizeof(uint64_t)));
    const uint64_t second = reader.U64();
    std::copy_n(ids.begin() + static_cast<ptrdiff_t>(first_id), 9,
                ids.begin() + static_cast<ptrdiff_t>(first_id + second));
    CHECK(refused(SectionKind::kIds, 0, ids));
  }

  TEST_CASE("a segment of another schema refuses to open") {
    storage::SimulatedFileSystem disk;
    Build(disk, EveryShape(3));
    CollectionSchema other = *MixedSchema();
    other.vectors[2].dimension = 71;
    CHECK(
        OpenSegment(disk, kPath, std::make_shared<const CollectionSchema>(other)).status().code() ==
        absl::StatusCode::kDataLoss);
    other = *MixedSchema();
    other.vectors.push_back({.name = "more", .dimension = 2});
    CHECK(
        OpenSegment(disk, kPath, std::make_shared<const CollectionSchema>(other)).status().code() ==
        absl::StatusCode::kDataLoss);
  }
}

}  // namespace
}  // namespace perigee::engine
