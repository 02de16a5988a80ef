// SPDX-License-Identifier: Apache-2.0
//
// perigee_segment_seeds DIRECTORY: writes the inputs from which the segment target starts: segments
// as the engine builds them, some that only a later version or damage would make, deletion files.
#include <array>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/collection/memory_rows.h"
#include "engine/collection/segment_builder.h"
#include "engine/distance/float16.h"
#include "engine/payload/payload_codec.h"
#include "perigee/model/point.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/check.h"
#include "storage/segment/deletion_file.h"
#include "storage/segment/segment_writer.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/segment_image.h"
#include "tests/fuzz/segment_schema.h"
#include "tests/fuzz/sparse_image.h"
#include "tests/support/simulated_file_system.h"

namespace perigee::tests {
namespace {

using storage::AsBytes;
using storage::SectionKind;

storage::Uuid FilledUuid(uint8_t value) {
  std::array<std::byte, storage::Uuid::kBytes> bytes{};
  bytes.fill(std::byte{value});
  return storage::Uuid(bytes);
}

storage::SegmentHeader Header(uint32_t alignment) {
  storage::SegmentHeader header;
  header.section_alignment = alignment;
  header.database_uuid = FilledUuid(0xDB);
  header.segment_uuid = FilledUuid(0x55);
  header.collection_uuid = FilledUuid(0xC0);
  header.tenant_uuid = FilledUuid(0x7E);
  return header;
}

std::string FileBytes(storage::FileSystem& disk, const std::string& path) {
  const auto file = disk.Open(path, {.mode = storage::OpenMode::kReadOnly});
  PERIGEE_CHECK(file.ok(), file.status().ToString());
  std::string bytes(*(*file)->Size(), '\0');
  PERIGEE_CHECK(*(*file)->Read(0, std::as_writable_bytes(std::span(bytes.data(), bytes.size()))) ==
                bytes.size());
  return bytes;
}

struct Shape {
  uint32_t rows = 1;
  uint64_t first_lsn = 1;  ///< 0: rows of a bulk load
  uint32_t index_rows_min = 1'000'000;
  uint32_t alignment = 4096;
  bool both_vectors = true;
};

// Small whole numbers, most of them different; every third row lacks the second vector.
class SeedRow {
 public:
  SeedRow(uint32_t row, bool both_vectors)
      : id_(row % 3 == 1 ? PointId(absl::StrCat("row-", row)) : PointId(uint64_t{row})) {
    encoded_id_ = id_.Encode();
    if (row % 4 != 2) {
      payload_ = engine::EncodePayload(
          {{"a", static_cast<int64_t>(row)}, {"tags", PayloadArray{"x", true}}});
    }
    for (uint32_t i = 0; i < 2; ++i) {
      const float value = static_cast<float>((row * 7 + i * 3) % 23) - 4.0F;
      std::memcpy(plain_.data() + i * sizeof(value), &value, sizeof(value));
    }
    for (uint32_t i = 0; i < 3; ++i) {
      const uint16_t half = engine::FloatToFloat16(1.0F + static_cast<float>((row * 5 + i) % 11));
      std::memcpy(halves_.data() + i * sizeof(half), &half, sizeof(half));
    }
    image_.encoded_id = encoded_id_;
    image_.payload = AsBytes(payload_);
    image_.presence_bits = both_vectors && row % 3 != 2 ? 3 : 1;
    image_.vectors[0] = plain_;
    if (image_.presence_bits == 3) {
      image_.vectors[1] = halves_;
    }
  }
  SeedRow(const SeedRow&) = delete;
  SeedRow& operator=(const SeedRow&) = delete;

  const engine::RowImage& image() const { return image_; }

 private:
  PointId id_;
  std::string encoded_id_;
  std::string payload_;
  std::array<std::byte, 8> plain_{};
  std::array<std::byte, 6> halves_{};
  engine::RowImage image_;
};

std::string Segment(const Shape& shape) {
  engine::MemoryRows rows(SegmentFuzzSchema(), shape.rows);
  for (uint32_t row = 0; row < shape.rows; ++row) {
    const SeedRow seed(row, shape.both_vectors);
    rows.Append(seed.image(), shape.first_lsn == 0 ? 0 : shape.first_lsn + row);
  }
  storage::SimulatedFileSystem disk;
  const engine::RowSource* sources[] = {&rows};
  engine::SegmentBuildOptions options = {.file_system = &disk,
                                         .path = "/segment",
                                         .header = Header(shape.alignment),
                                         .schema = SegmentFuzzSchema().get()};
  options.index_rows_min = shape.index_rows_min;
  const auto built = engine::BuildSegment(sources, options);
  PERIGEE_CHECK(built.ok(), built.status().ToString());
  return FileBytes(disk, "/segment");
}

// No row and no section but one that may be ignored.
std::string EmptySegment() {
  storage::SimulatedFileSystem disk;
  const auto writer = storage::SegmentWriter::Create(disk, "/segment", Header(4096));
  PERIGEE_CHECK(writer.ok(), writer.status().ToString());
  const storage::SectionSpec spec = {.kind = static_cast<SectionKind>(40),
                                     .flags = storage::kSectionIgnorable};
  PERIGEE_CHECK((*writer)->WriteSection(spec, AsBytes("of a later version")).ok());
  PERIGEE_CHECK((*writer)->Finish(0).ok());
  return FileBytes(disk, "/segment");
}

std::string Deletions(uint32_t dead, uint32_t rows) {
  storage::DeletionFile file = {.database_uuid = FilledUuid(0xDB),
                                .segment_uuid = FilledUuid(0x55),
                                .deletion_uuid = FilledUuid(0xDE),
                                .generation = 3,
                                .complete_lsn = 90,
                                .segment_rows = rows};
  for (uint32_t i = 0; i < dead; ++i) {
    file.dead_rows.push_back({.row = i * (rows / dead), .lsn = 1 + i % 90});
  }
  return storage::EncodeDeletionFile(file).value();
}

void Write(const std::string& path, char choices, const std::string& image) {
  std::ofstream(path, std::ios::binary)
      << choices << std::string("\x05\0\0", 3) << PackImage(image);
}

// The n-th entry of the directory of `image`, for changes to its fields.
size_t EntryOffset(const std::string& image, size_t n) {
  return ByteMutator::Get(image, image.size() - 4096 + 32, 8) + n * 64;
}

void WriteAll(const std::string& directory) {
  const auto path = [&](const char* name) { return directory + "/" + name; };
  Write(path("one_row"), 0, Segment({.rows = 1}));
  Write(path("three_rows_bulk"), 2, Segment({.rows = 3, .first_lsn = 0}));
  Write(path("five_rows_one_vector"), 0, Segment({.rows = 5, .both_vectors = false}));
  Write(path("six_rows_alignment_8192"), 0, Segment({.rows = 6, .alignment = 8192}));
  Write(path("nine_rows_two_graphs"), 0, Segment({.rows = 9, .index_rows_min = 2}));
  Write(path("seventy_rows_graph"), 0, Segment({.rows = 70, .index_rows_min = 60}));
  Write(path("seventy_rows_two_graphs"), 0, Segment({.rows = 70, .index_rows_min = 2}));
  Write(path("no_rows"), 0, EmptySegment());
  Write(path("deaths_none"), 1, Deletions(0, 50));
  Write(path("deaths_three"), 1, Deletions(3, 50));
  Write(path("deaths_sixty"), 1, Deletions(60, 60));
  std::string image = Segment({.rows = 4});
  image[5000 + 3] = 'x';  // behind the ids
  Write(path("padding_in_use"), 0, image);
  image = Segment({.rows = 4});
  image[4096] = 'x';  // the first offset of the ids
  Write(path("ids_page_damaged"), 0, image);
  RepairSegment(image);
  Write(path("ids_offset_wrong"), 0, image);
  image = Segment({.rows = 9, .index_rows_min = 2});
  const size_t order = ByteMutator::Get(image, EntryOffset(image, 9) + 8, 8);
  ByteMutator::Put(image, order, 4, 0xFFFF);
  Write(path("derived_page_damaged"), 0, image);
  RepairSegment(image);
  Write(path("derived_content_wrong"), 0, image);
}

}  // namespace

// Asked for by the mutations, none of which is used here.
size_t MutatePlainBytes(uint8_t* /*data*/, size_t size, size_t /*size_max*/) { return size; }

}  // namespace perigee::tests

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: perigee_segment_seeds DIRECTORY\n";
    return 64;
  }
  perigee::tests::WriteAll(argv[1]);
  return 0;
}
