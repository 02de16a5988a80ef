// SPDX-License-Identifier: Apache-2.0
//
// SealedSegment: an immutable file of rows with its indexes, all sections resident and verified,
// and the marks of the rows that died since it was built.
//
// Invariants:
//  1. Ids are unique within the file.
//  2. Damage in ids, LSNs, vectors, norms, presence or payload refuses to open with kDataLoss and
//     names the section; damage in derived sections (id order, graph) opens without them: the order
//     is sorted anew in memory, vectors without a graph are compared exactly (D16).
//  3. The file of a bulk load has no LSNs; the manifest's stamped LSN is the version of its rows.
//
// Thread-safety: MarkDead comes from one thread at a time; everything else may be called from every
// thread at any time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/collection/deletion_marks.h"
#include "engine/collection/row_source.h"
#include "engine/index/vector_index.h"
#include "engine/vectors/vector_column.h"
#include "perigee/model/collection_schema.h"
#include "storage/encoding/uuid.h"
#include "storage/io/aligned_buffer.h"
#include "storage/segment/deletion_file.h"
#include "storage/segment/row_blobs.h"
#include "storage/segment/segment_reader.h"

namespace perigee::engine {

/// How a derived section of an open segment stands.
enum class DerivedState {
  kReady,    ///< read and verified
  kAbsent,   ///< the file has none: too few rows to need one, or built without
  kDamaged,  ///< unreadable or inconsistent; answers come without it
};

struct SealedSegmentOptions {
  std::shared_ptr<const CollectionSchema> schema;
  /// Version of all rows of a bulk-loaded segment; 0: the file has the LSN of each row.
  uint64_t stamped_lsn = 0;
  /// Dead rows of the newest deletion file; empty when there is none.
  std::span<const storage::DeadRow> dead_rows;
};

class SealedSegment final : public RowSource {
 public:
  /// Reads and checks everything. The reader is kept for the life of the segment.
  static absl::StatusOr<std::shared_ptr<SealedSegment>> Open(
      std::unique_ptr<storage::SegmentReader> reader, const SealedSegmentOptions& options);
  ~SealedSegment() override;
  SealedSegment(const SealedSegment&) = delete;
  SealedSegment& operator=(const SealedSegment&) = delete;

  const storage::Uuid& uuid() const { return uuid_; }
  /// The uuid as text.
  const std::string& name() const { return name_; }

  /// The row of that id, dead or alive.
  std::optional<uint32_t> FindRow(std::string_view encoded_id) const;
  /// The row of that id if nothing has ended it, as the writing thread sees it.
  std::optional<uint32_t> FindLive(std::string_view encoded_id) const;
  /// Ends a row; false if it was dead already.
  bool MarkDead(uint32_t row, uint64_t lsn) { return deletions_->MarkDead(row, lsn); }
  const DeletionMarks& deletions() const { return *deletions_; }
  /// LSN of all rows of a bulk-loaded segment; 0: rows carry their own.
  uint64_t stamped_lsn() const { return stamped_lsn_; }
  /// Says when the rows of a bulk-loaded segment were written, once the log has decided it.
  /// Requires: no snapshot has the segment yet.
  void StampLsn(uint64_t lsn) { stamped_lsn_ = lsn; }

  /// Rows in the order of their encoded ids.
  std::span<const uint32_t> id_order() const { return id_order_; }
  const VectorColumn& Vectors(size_t ordinal) const { return vectors_[ordinal].column; }
  /// The graph of that vector, or nullptr: its rows are compared exactly.
  const VectorIndex* Index(size_t ordinal) const { return vectors_[ordinal].index.get(); }

  DerivedState id_order_state() const { return id_order_state_; }
  DerivedState index_state(size_t ordinal) const { return vectors_[ordinal].index_state; }
  /// Why derived sections are missing, one line each; empty when all is well.
  const std::vector<std::string>& problems() const { return problems_; }
  /// Rows that have the vector, dead ones included.
  uint64_t vector_count(size_t ordinal) const { return vectors_[ordinal].count; }

  const CollectionSchema& schema() const { return *schema_; }
  /// The file has features that allow this version to read it, not to rewrite it (F6).
  bool read_only() const { return reader_->read_only(); }
  uint64_t memory_bytes() const;
  uint64_t file_bytes() const { return file_bytes_; }

  uint32_t row_count() const override { return row_count_; }
  std::string_view EncodedId(uint32_t row) const override;
  uint64_t Lsn(uint32_t row) const override;
  uint64_t DeadLsn(uint32_t row) const override { return deletions_->DeadLsn(row); }
  std::span<const std::byte> EncodedPayload(uint32_t row) const override;
  uint32_t PresenceBits(uint32_t row) const override;
  std::span<const std::byte> VectorBytes(uint32_t row, size_t ordinal) const override;
  double Norm(uint32_t row, size_t ordinal) const override;

 private:
  struct SealedVectors {
    storage::AlignedBuffer values;
    storage::AlignedBuffer norms;
    storage::AlignedBuffer presence;
    storage::AlignedBuffer graph;
    VectorColumn column;
    std::unique_ptr<VectorIndex> index;
    DerivedState index_state = DerivedState::kAbsent;
    uint64_t count = 0;
  };

  SealedSegment();
  absl::Status LoadIds(const storage::SegmentReader& reader);
  absl::Status LoadLsns(const storage::SegmentReader& reader);
  absl::Status LoadPayloads(const storage::SegmentReader& reader);
  absl::Status LoadVectors(const storage::SegmentReader& reader, size_t ordinal);
  absl::Status LoadIdOrder(const storage::SegmentReader& reader);
  void LoadGraph(const storage::SegmentReader& reader, size_t ordinal);

  std::unique_ptr<storage::SegmentReader> reader_;
  std::shared_ptr<const CollectionSchema> schema_;
  storage::Uuid uuid_;
  std::string name_;
  uint64_t file_bytes_ = 0;
  uint64_t stamped_lsn_ = 0;
  uint32_t row_count_ = 0;

  storage::AlignedBuffer id_bytes_;
  storage::AlignedBuffer lsn_bytes_;
  storage::AlignedBuffer payload_bytes_;
  storage::RowBlobs ids_;
  storage::RowBlobs payloads_;
  storage::AlignedBuffer id_order_bytes_;
  std::vector<uint32_t> id_order_sorted_;  // when the section is damaged
  std::span<const uint32_t> id_order_;
  std::vector<SealedVectors> vectors_;
  std::unique_ptr<DeletionMarks> deletions_;
  DerivedState id_order_state_ = DerivedState::kAbsent;
  std::vector<std::string> problems_;
};

}  // namespace perigee::engine
