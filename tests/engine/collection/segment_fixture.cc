// SPDX-License-Identifier: Apache-2.0
#include "tests/engine/collection/segment_fixture.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/distance/float16.h"
#include "engine/payload/payload_codec.h"
#include "storage/encoding/byte_codec.h"

namespace perigee::engine {
namespace {

storage::Uuid FixedUuid(uint8_t last) {
  std::array<std::byte, storage::Uuid::kBytes> bytes{};
  bytes.front() = std::byte{0x51};
  bytes.back() = std::byte{last};
  return storage::Uuid(bytes);
}

void AppendBytes(std::vector<std::byte>& bytes, const void* value, size_t count) {
  const auto* first = static_cast<const std::byte*>(value);
  bytes.insert(bytes.end(), first, first + count);
}

std::vector<float> RandomVector(Random& random, uint32_t dimension) {
  // Small integers and halves: exact in f16, and with many equal distances.
  std::vector<float> values(dimension);
  for (float& value : values) {
    value = static_cast<float>(Below(random, 17)) / 2.0F - 4.0F;
  }
  values[Below(random, dimension)] = 1.0F;
  return values;
}

}  // namespace

std::shared_ptr<const CollectionSchema> MixedSchema() {
  CollectionSchema schema;
  schema.vectors.push_back({.name = "", .dimension = 8});
  schema.vectors.push_back({.name = "title",
                            .dimension = 5,
                            .metric = DistanceMetric::kL2,
                            .element = VectorElement::kFloat16});
  schema.vectors.push_back({.name = "image", .dimension = 70, .metric = DistanceMetric::kDot});
  return std::make_shared<const CollectionSchema>(std::move(schema));
}

uint64_t Below(Random& random, uint64_t bound) {
  return std::uniform_int_distribution<uint64_t>(0, bound - 1)(random);
}

Point RandomPoint(Random& random, const PointId& id) {
  Point point{.id = id};
  const uint64_t shape = Below(random, 8);
  if (shape != 0) {
    point.vectors[""] = RandomVector(random, 8);
  }
  if (shape == 0 || Below(random, 3) == 0) {
    point.vectors["title"] = RandomVector(random, 5);
  }
  if (Below(random, 2) == 0) {
    point.vectors["image"] = RandomVector(random, 70);
  }
  if (Below(random, 6) == 0) {
    return point;  // without payload
  }
  static constexpr std::array<const char*, 3> kLanguages = {"en", "de", "fr"};
  point.payload.emplace_back("lang", kLanguages[Below(random, kLanguages.size())]);
  point.payload.emplace_back("year", static_cast<int64_t>(2000 + Below(random, 25)));
  if (Below(random, 2) == 0) {
    point.payload.emplace_back("tags", PayloadArray{"a", static_cast<int64_t>(Below(random, 3))});
  }
  return point;
}

PointId IdOf(uint64_t number) {
  return number % 2 == 0 ? PointId(number) : PointId(absl::StrCat("chunk-", number));
}

StoredRow::StoredRow(const Point& point, const CollectionSchema& schema)
    : encoded_id_(point.id.Encode()),
      payload_(EncodePayload(point.payload)),
      vectors_(schema.vectors.size()) {
  for (size_t ordinal = 0; ordinal < schema.vectors.size(); ++ordinal) {
    const auto found = point.vectors.find(schema.vectors[ordinal].name);
    if (found == point.vectors.end()) {
      continue;
    }
    presence_bits_ |= 1U << ordinal;
    for (const float value : found->second) {
      if (schema.vectors[ordinal].element == VectorElement::kFloat16) {
        const uint16_t half = FloatToFloat16(value);
        AppendBytes(vectors_[ordinal], &half, sizeof(half));
      } else {
        AppendBytes(vectors_[ordinal], &value, sizeof(value));
      }
    }
  }
}

RowImage StoredRow::image() const {
  RowImage image{.encoded_id = encoded_id_,
                 .presence_bits = presence_bits_,
                 .vectors = {},
                 .payload = storage::AsBytes(payload_)};
  for (size_t ordinal = 0; ordinal < vectors_.size(); ++ordinal) {
    image.vectors[ordinal] = vectors_[ordinal];
  }
  return image;
}

Point PointOfRow(const RowSource& source, uint32_t row, const CollectionSchema& schema) {
  Point point;
  const absl::StatusOr<PointId> id = PointId::Decode(source.EncodedId(row));
  REQUIRE(id.ok());
  point.id = *id;
  absl::StatusOr<Payload> payload = DecodePayload(source.EncodedPayload(row));
  REQUIRE(payload.ok());
  point.payload = *std::move(payload);
  for (size_t ordinal = 0; ordinal < schema.vectors.size(); ++ordinal) {
    const VectorSchema& vector = schema.vectors[ordinal];
    if ((source.PresenceBits(row) >> ordinal & 1U) == 0) {
      continue;
    }
    const std::span<const std::byte> bytes = source.VectorBytes(row, ordinal);
    REQUIRE(bytes.size() == StoredVectorBytes(vector));
    std::vector<float>& values = point.vectors[vector.name];
    for (uint32_t i = 0; i < vector.dimension; ++i) {
      if (vector.element == VectorElement::kFloat16) {
        uint16_t half = 0;
        std::memcpy(&half, bytes.data() + i * sizeof(half), sizeof(half));
        values.push_back(Float16ToFloat(half));
      } else {
        float value = 0;
        std::memcpy(&value, bytes.data() + i * sizeof(value), sizeof(value));
        values.push_back(value);
      }
    }
  }
  return point;
}

SegmentBuildOptions BuildOptions(storage::FileSystem& disk, const std::string& path,
                                 const CollectionSchema& schema) {
  SegmentBuildOptions options{.file_system = &disk, .path = path, .schema = &schema};
  options.header.section_alignment = storage::kSectionAlignmentMin;
  options.header.database_uuid = FixedUuid(1);
  options.header.segment_uuid = FixedUuid(2);
  options.header.collection_uuid = FixedUuid(3);
  options.header.tenant_uuid = FixedUuid(4);
  options.index_rows_min = 30;
  return options;
}

absl::StatusOr<std::shared_ptr<SealedSegment>> OpenSegment(
    storage::FileSystem& disk, const std::string& path,
    std::shared_ptr<const CollectionSchema> schema, uint64_t stamped_lsn) {
  absl::StatusOr<std::unique_ptr<storage::SegmentReader>> reader =
      storage::SegmentReader::Open(disk, path, {});
  if (!reader.ok()) {
    return reader.status();
  }
  return SealedSegment::Open(
      *std::move(reader),
      {.schema = std::move(schema), .stamped_lsn = stamped_lsn, .dead_rows = {}});
}

std::string FileBytes(storage::FileSystem& disk, const std::string& path) {
  auto file = disk.Open(path, {.mode = storage::OpenMode::kReadOnly});
  REQUIRE(file.ok());
  const absl::StatusOr<uint64_t> size = (*file)->Size();
  REQUIRE(size.ok());
  std::string bytes(*size, '\0');
  const absl::StatusOr<size_t> read =
      (*file)->Read(0, std::as_writable_bytes(std::span(bytes.data(), bytes.size())));
  REQUIRE(read.ok());
  REQUIRE(*read == bytes.size());
  return bytes;
}

void FlipByte(storage::FileSystem& disk, const std::string& path, uint64_t offset) {
  auto file = disk.Open(path, {.mode = storage::OpenMode::kReadWrite});
  REQUIRE(file.ok());
  std::array<std::byte, 1> byte{};
  REQUIRE((*file)->Read(offset, byte).ok());
  byte[0] ^= std::byte{0x40};
  REQUIRE((*file)->Write(offset, byte).ok());
  REQUIRE((*file)->Sync().ok());
}

void ReplaceSection(storage::FileSystem& disk, const std::string& from, const std::string& to,
                    const storage::SectionSpec& replaced, const std::optional<std::string>& bytes) {
  auto reader = storage::SegmentReader::Open(disk, from, {});
  REQUIRE(reader.ok());
  auto writer = storage::SegmentWriter::Create(disk, to, (*reader)->header());
  REQUIRE(writer.ok());
  for (const storage::SectionEntry& section : (*reader)->sections()) {
    if (section.kind == replaced.kind && section.ordinal == replaced.ordinal) {
      if (bytes.has_value()) {
        REQUIRE((*writer)->WriteSection(replaced, storage::AsBytes(*bytes)).ok());
      }
      continue;
    }
    const auto content = (*reader)->ReadSection(section);
    REQUIRE(content.ok());
    REQUIRE((*writer)
                ->WriteSection({.kind = section.kind,
                                .ordinal = section.ordinal,
                                .element_count = section.element_count,
                                .element_bytes = section.element_bytes,
                                .checksum_page_bytes = section.checksum_page_bytes},
                               content->bytes())
                .ok());
  }
  REQUIRE((*writer)->Finish((*reader)->row_count()).ok());
}

TestCollection::TestCollection(uint32_t index_rows_min) : index_rows_min_(index_rows_min) {
  segments_.growing = NewGrowing();
}

std::shared_ptr<GrowingSegment> TestCollection::NewGrowing() const {
  return GrowingSegment::Create(schema_, {.rows_max = 10'000});
}

void TestCollection::Upsert(const std::vector<Point>& points) {
  ++seq_;
  for (const Point& point : points) {
    REQUIRE(Validate(point, *schema_).ok());
    const StoredRow row(point, *schema_);
    const bool existed = model_.contains(point.id.Encode());
    REQUIRE(segments_.MarkDead(row.image().encoded_id, seq_) == existed);
    segments_.growing->Append(row.image(), seq_);
    model_[point.id.Encode()] = {.point = point, .version = seq_};
  }
}

void TestCollection::Delete(const std::vector<PointId>& ids) {
  ++seq_;
  for (const PointId& id : ids) {
    const bool existed = model_.erase(id.Encode()) != 0;
    REQUIRE(segments_.Contains(id.Encode()) == existed);
    REQUIRE(segments_.MarkDead(id.Encode(), seq_) == existed);
  }
}

std::shared_ptr<SealedSegment> TestCollection::Build(const std::vector<const RowSource*>& sources,
                                                     uint64_t horizon, uint64_t stamped_lsn) {
  const std::string path = absl::StrCat("/segment-", ++files_);
  SegmentBuildOptions options = BuildOptions(disk_, path, *schema_);
  options.header.segment_uuid = storage::Uuid::Random();
  options.horizon_lsn = horizon;
  options.index_rows_min = index_rows_min_;
  const absl::StatusOr<BuiltSegment> built = BuildSegment(sources, options);
  REQUIRE_MESSAGE(built.ok(), built.status().ToString());
  if (built->row_count == 0) {
    return nullptr;
  }
  auto segment = OpenSegment(disk_, path, schema_, stamped_lsn);
  REQUIRE_MESSAGE(segment.ok(), segment.status().ToString());
  REQUIRE((*segment)->problems().empty());
  return *segment;
}

void TestCollection::Freeze() {
  segments_.frozen.push_back(std::exchange(segments_.growing, NewGrowing()));
}

void TestCollection::Seal() {
  Freeze();
  for (const std::shared_ptr<GrowingSegment>& frozen : std::exchange(segments_.frozen, {})) {
    if (std::shared_ptr<SealedSegment> sealed = Build({frozen.get()}, seq_, 0)) {
      segments_.sealed.push_back(std::move(sealed));
    }
  }
}

void TestCollection::Compact() {
  std::vector<const RowSource*> sources;
  for (const std::shared_ptr<SealedSegment>& sealed : segments_.sealed) {
    sources.push_back(sealed.get());
  }
  std::shared_ptr<SealedSegment> merged = Build(sources, seq_, 0);
  segments_.sealed.clear();
  if (merged != nullptr) {
    segments_.sealed.push_back(std::move(merged));
  }
}

void TestCollection::Attach(const std::vector<Point>& points) {
  ++seq_;
  MemoryRows rows(schema_, static_cast<uint32_t>(points.size()));
  for (const Point& point : points) {
    rows.Append(StoredRow(point, *schema_).image(), 0);
    segments_.MarkDead(point.id.Encode(), seq_);
    model_[point.id.Encode()] = {.point = point, .version = seq_};
  }
  segments_.sealed.push_back(Build({&rows}, 0, seq_));
}

std::shared_ptr<const CollectionSnapshot> TestCollection::Snapshot() const {
  return CollectionSnapshot::Make(
      {.collection = uuid_, .schema = schema_, .seq = seq_, .epoch = epoch()}, segments_);
}

}  // namespace perigee::engine
