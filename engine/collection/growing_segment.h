// SPDX-License-Identifier: Apache-2.0
//
// GrowingSegment: the newest rows of a collection, in memory and backed by the log; searched
// exactly. When full it is frozen (nobody appends any more) and sealed into a file.
//
// Invariants:
//  1. A row never changes after Append, except that it may die once.
//  2. Versions of one id are linked from the newest to the oldest, so a reader finds the version
//  its
//     snapshot sees, whatever was written since.
//  3. Append never fails: while full() is false a whole write batch fits.
//
// Thread-safety: Append and MarkDead come from one thread at a time (the log writer); everything
// else may be called from every thread at any time. Readers take no lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/collection/deletion_marks.h"
#include "engine/collection/memory_rows.h"
#include "engine/collection/row_source.h"
#include "engine/collection/wal_operation.h"
#include "perigee/model/collection_schema.h"

namespace perigee::engine {

struct GrowingSegmentOptions {
  /// full() from here on; the last batch may go past it.
  uint64_t bytes_max = 64ULL << 20U;
  /// full() from here on; the last batch may go past it, so there is room for one more.
  uint32_t rows_max = 262'144;
};

class GrowingSegment final : public RowSource {
 public:
  static std::shared_ptr<GrowingSegment> Create(std::shared_ptr<const CollectionSchema> schema,
                                                const GrowingSegmentOptions& options);
  ~GrowingSegment() override;
  GrowingSegment(const GrowingSegment&) = delete;
  GrowingSegment& operator=(const GrowingSegment&) = delete;

  /// Copies the row and returns its number. It becomes visible with the next snapshot. The version
  /// of the id that was live before must have been marked dead, here or elsewhere. Requires: at
  /// most one write batch since full() was false; the image fits the schema; lsn is not smaller
  /// than any before.
  uint32_t Append(const RowImage& image, uint64_t lsn);
  /// Ends a row; false if it was dead already.
  bool MarkDead(uint32_t row, uint64_t lsn) { return deletions_.MarkDead(row, lsn); }
  /// The row of that id that nothing has ended, as the writing thread sees it.
  std::optional<uint32_t> FindLive(std::string_view encoded_id) const;
  /// Time to freeze it.
  bool full() const;

  /// The row of that id that a snapshot of the first `row_count` rows at `seq` sees.
  std::optional<uint32_t> FindRow(std::string_view encoded_id, uint32_t row_count,
                                  uint64_t seq) const;
  const DeletionMarks& deletions() const { return deletions_; }
  const MemoryRows& rows() const { return rows_; }
  const CollectionSchema& schema() const { return rows_.schema(); }
  uint64_t memory_bytes() const;
  /// LSN of the first and of the last row; 0 while empty. For the writing thread, or once frozen.
  uint64_t min_lsn() const { return min_lsn_; }
  uint64_t max_lsn() const { return max_lsn_; }

  uint32_t row_count() const override { return rows_.row_count(); }
  std::string_view EncodedId(uint32_t row) const override { return rows_.EncodedId(row); }
  uint64_t Lsn(uint32_t row) const override { return rows_.Lsn(row); }
  uint64_t DeadLsn(uint32_t row) const override { return deletions_.DeadLsn(row); }
  std::span<const std::byte> EncodedPayload(uint32_t row) const override {
    return rows_.EncodedPayload(row);
  }
  uint32_t PresenceBits(uint32_t row) const override { return rows_.PresenceBits(row); }
  std::span<const std::byte> VectorBytes(uint32_t row, size_t ordinal) const override {
    return rows_.VectorBytes(row, ordinal);
  }
  double Norm(uint32_t row, size_t ordinal) const override { return rows_.Norm(row, ordinal); }

 private:
  /// One generation of the id table; older ones stay for the readers that hold them.
  struct IdTable;

  GrowingSegment(std::shared_ptr<const CollectionSchema> schema,
                 const GrowingSegmentOptions& options);
  void LinkVersion(uint32_t row);
  void GrowTable();

  const GrowingSegmentOptions options_;
  MemoryRows rows_;
  DeletionMarks deletions_;
  /// Row + 1 of the version of the same id before this row; 0 for none.
  ChunkedArray<uint32_t> older_version_;
  std::atomic<const IdTable*> table_{nullptr};
  std::vector<std::unique_ptr<IdTable>> tables_;  // writer only; back() is the current one
  uint32_t ids_ = 0;                              // writer only
  uint64_t min_lsn_ = 0;
  uint64_t max_lsn_ = 0;
};

}  // namespace perigee::engine
