// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/memory_rows.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/collection/deletion_marks.h"
#include "engine/distance/distance_kernels.h"
#include "engine/distance/float16.h"
#include "storage/foundation/check.h"

namespace perigee::engine {
namespace {

/// Chunks of vectors are about this large: small enough for a collection of a few points, large
/// enough that the table of chunks stays small.
constexpr size_t kVectorChunkBytes = size_t{256} << 10U;
constexpr uint32_t kRowsPerChunkLog2 = 10;
/// Blocks of the arena double from the first size to the second.
constexpr size_t kArenaBlockBytesMin = size_t{16} << 10U;
constexpr size_t kArenaBlockBytesMax = size_t{1} << 20U;

/// Bytes with stable addresses, freed together.
class ByteArena {
 public:
  const std::byte* Copy(const void* bytes, size_t count) {
    if (count == 0) {
      return nullptr;
    }
    if (count > left_) {
      const size_t block = std::max(next_block_, count);
      next_block_ = std::min(next_block_ * 2, kArenaBlockBytesMax);
      blocks_.push_back(std::make_unique_for_overwrite<std::byte[]>(block));
      free_ = blocks_.back().get();
      left_ = block;
    }
    std::byte* copy = free_;
    std::memcpy(copy, bytes, count);
    free_ += count;
    left_ -= count;
    return copy;
  }

 private:
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  std::byte* free_ = nullptr;
  size_t left_ = 0;
  size_t next_block_ = kArenaBlockBytesMin;
};

struct RowRecord {
  const std::byte* encoded_id = nullptr;
  const std::byte* payload = nullptr;
  uint64_t lsn = 0;
  uint32_t encoded_id_bytes = 0;
  uint32_t payload_bytes = 0;
};

uint32_t VectorRowsPerChunkLog2(size_t row_bytes) {
  uint32_t log2 = 0;
  while (log2 < kRowsPerChunkLog2 && (row_bytes << (log2 + 1)) <= kVectorChunkBytes) {
    ++log2;
  }
  return log2;
}

double StoredNorm(const std::byte* values, const VectorSchema& schema) {
  std::vector<float> copy(schema.dimension);
  if (schema.element == VectorElement::kFloat32) {
    std::memcpy(copy.data(), values, schema.dimension * sizeof(float));
  } else {
    for (uint32_t i = 0; i < schema.dimension; ++i) {
      uint16_t half = 0;
      std::memcpy(&half, values + i * sizeof(half), sizeof(half));
      copy[i] = Float16ToFloat(half);
    }
  }
  return VectorNorm(copy.data(), copy.size());
}

}  // namespace

struct MemoryRows::VectorStorage {
  VectorStorage(const VectorSchema& schema, uint32_t rows_max)
      : values({.capacity_rows = rows_max,
                .width = StoredVectorBytes(schema),
                .rows_per_chunk_log2 = VectorRowsPerChunkLog2(StoredVectorBytes(schema))}),
        norms({.capacity_rows = rows_max, .rows_per_chunk_log2 = kRowsPerChunkLog2}) {}

  ChunkedArray<std::byte> values;
  ChunkedArray<double> norms;
};

struct MemoryRows::Columns {
  explicit Columns(uint32_t rows_max)
      : records({.capacity_rows = rows_max, .rows_per_chunk_log2 = kRowsPerChunkLog2}),
        presence({.capacity_rows = rows_max, .rows_per_chunk_log2 = kRowsPerChunkLog2}) {}

  ByteArena arena;
  ChunkedArray<RowRecord> records;
  ChunkedArray<uint8_t> presence;
  std::vector<std::unique_ptr<VectorStorage>> vectors;
};

static_assert(limits::kNamedVectorsMax <= 8, "presence is one byte per row");

MemoryRows::MemoryRows(std::shared_ptr<const CollectionSchema> schema, uint32_t rows_max)
    : schema_(std::move(schema)),
      rows_max_(rows_max),
      columns_(std::make_unique<Columns>(rows_max)) {
  for (const VectorSchema& vector : schema_->vectors) {
    columns_->vectors.push_back(std::make_unique<VectorStorage>(vector, rows_max));
  }
}

MemoryRows::~MemoryRows() = default;

uint32_t MemoryRows::Append(const RowImage& image, uint64_t lsn) {
  const uint32_t row = row_count_.load(std::memory_order_relaxed);
  PERIGEE_CHECK(row < rows_max_, "rows ", row);
  PERIGEE_CHECK(image.presence_bits < (1U << columns_->vectors.size()), image.presence_bits);

  RowRecord& record = *columns_->records.Append();
  record.encoded_id = columns_->arena.Copy(image.encoded_id.data(), image.encoded_id.size());
  record.encoded_id_bytes = static_cast<uint32_t>(image.encoded_id.size());
  record.payload = columns_->arena.Copy(image.payload.data(), image.payload.size());
  record.payload_bytes = static_cast<uint32_t>(image.payload.size());
  record.lsn = lsn;
  *columns_->presence.Append() = static_cast<uint8_t>(image.presence_bits);

  uint64_t bytes =
      sizeof(RowRecord) + sizeof(uint8_t) + image.encoded_id.size() + image.payload.size();
  for (size_t ordinal = 0; ordinal < columns_->vectors.size(); ++ordinal) {
    const bool present = (image.presence_bits >> ordinal & 1U) != 0;
    bytes += StoreVector(*columns_->vectors[ordinal], schema_->vectors[ordinal],
                         present ? image.vectors[ordinal] : std::span<const std::byte>());
  }
  memory_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  // Released last: who sees the count sees the whole row.
  row_count_.store(row + 1, std::memory_order_release);
  return row;
}

uint64_t MemoryRows::StoreVector(VectorStorage& storage, const VectorSchema& schema,
                                 std::span<const std::byte> bytes) {
  std::byte* values = storage.values.Append();
  double& norm = *storage.norms.Append();
  if (!bytes.empty()) {
    PERIGEE_CHECK(bytes.size() == storage.values.row_bytes(), bytes.size());
    std::memcpy(values, bytes.data(), bytes.size());
    norm = StoredNorm(values, schema);
  }
  return storage.values.row_bytes() + sizeof(norm);
}

VectorColumn MemoryRows::Vectors(size_t ordinal, uint32_t row_count) const {
  const VectorSchema& schema = schema_->vectors[ordinal];
  const VectorStorage& storage = *columns_->vectors[ordinal];
  return VectorColumn({.element = schema.element,
                       .dimension = schema.dimension,
                       .row_count = row_count,
                       .rows = storage.values.View(),
                       .norms = storage.norms.View(),
                       .presence_bytes = columns_->presence.View(),
                       .presence_mask = static_cast<uint8_t>(1U << ordinal)});
}

std::string_view MemoryRows::EncodedId(uint32_t row) const {
  const RowRecord& record = *columns_->records.At(row);
  return {reinterpret_cast<const char*>(record.encoded_id), record.encoded_id_bytes};
}

uint64_t MemoryRows::Lsn(uint32_t row) const { return columns_->records.At(row)->lsn; }

uint64_t MemoryRows::DeadLsn(uint32_t /*row*/) const { return kNeverDead; }

std::span<const std::byte> MemoryRows::EncodedPayload(uint32_t row) const {
  const RowRecord& record = *columns_->records.At(row);
  return {record.payload, record.payload_bytes};
}

uint32_t MemoryRows::PresenceBits(uint32_t row) const { return *columns_->presence.At(row); }

std::span<const std::byte> MemoryRows::VectorBytes(uint32_t row, size_t ordinal) const {
  const VectorStorage& storage = *columns_->vectors[ordinal];
  return {storage.values.At(row), storage.values.row_bytes()};
}

double MemoryRows::Norm(uint32_t row, size_t ordinal) const {
  return *columns_->vectors[ordinal]->norms.At(row);
}

}  // namespace perigee::engine
