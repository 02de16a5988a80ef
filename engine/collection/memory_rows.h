// SPDX-License-Identifier: Apache-2.0
//
// MemoryRows: rows in memory, appended and never moved: ids and payloads in an arena, vectors in
// chunks, norms beside them. A growing segment keeps its rows in one; a bulk load fills one per
// segment that it builds, with LSN 0.
//
// Invariants:
//  1. A row is complete before row_count() covers it, and is never changed or moved afterwards.
//  2. A vector that a row lacks takes its place as zeros.
//  3. Memory grows with the rows that exist, not with the capacity.
//
// Thread-safety: one thread appends; any number of threads read rows below a row_count() they saw.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "engine/collection/row_source.h"
#include "engine/collection/wal_operation.h"
#include "engine/vectors/chunked_array.h"
#include "engine/vectors/vector_column.h"
#include "perigee/model/collection_schema.h"

namespace perigee::engine {

class MemoryRows final : public RowSource {
 public:
  /// For at most `rows_max` rows of `schema`.
  MemoryRows(std::shared_ptr<const CollectionSchema> schema, uint32_t rows_max);
  ~MemoryRows() override;
  MemoryRows(const MemoryRows&) = delete;
  MemoryRows& operator=(const MemoryRows&) = delete;

  /// Copies the row and returns its number. Requires: row_count() < row_capacity(); the image fits
  /// the schema (CheckRowsAgainstSchema).
  uint32_t Append(const RowImage& image, uint64_t lsn);

  uint32_t row_capacity() const { return rows_max_; }
  /// Bytes that the rows fill; the chunks they are in are somewhat larger.
  uint64_t memory_bytes() const { return memory_bytes_.load(std::memory_order_relaxed); }
  const CollectionSchema& schema() const { return *schema_; }
  /// The vectors of `ordinal` in rows below `row_count`. Requires: row_count <= row_count().
  VectorColumn Vectors(size_t ordinal, uint32_t row_count) const;

  uint32_t row_count() const override { return row_count_.load(std::memory_order_acquire); }
  std::string_view EncodedId(uint32_t row) const override;
  uint64_t Lsn(uint32_t row) const override;
  /// Always kNeverDead: who owns the rows keeps the marks.
  uint64_t DeadLsn(uint32_t row) const override;
  std::span<const std::byte> EncodedPayload(uint32_t row) const override;
  uint32_t PresenceBits(uint32_t row) const override;
  std::span<const std::byte> VectorBytes(uint32_t row, size_t ordinal) const override;
  double Norm(uint32_t row, size_t ordinal) const override;

 private:
  struct Columns;
  struct VectorStorage;

  uint64_t StoreVector(VectorStorage& storage, const VectorSchema& schema,
                       std::span<const std::byte> bytes);

  const std::shared_ptr<const CollectionSchema> schema_;
  const uint32_t rows_max_;
  std::unique_ptr<Columns> columns_;
  std::atomic<uint32_t> row_count_{0};
  std::atomic<uint64_t> memory_bytes_{0};
};

}  // namespace perigee::engine
