// SPDX-License-Identifier: Apache-2.0
//
// SealedSegment: an immutable file of rows with its indexes, and the marks of the rows that died
// since it was built. Its sections are resident and verified once they are loaded, part by part.
//
// Invariants:
//  1. Ids are unique within the file.
//  2. Damage in ids, LSNs, vectors, norms, presence or payload refuses to open with kDataLoss and
//     names the section; damage in derived sections (id order, graph) opens without them: the order
//     is sorted anew in memory, vectors without a graph are compared exactly (D16).
//  3. The file of a bulk load has no LSNs; the manifest's stamped LSN is the version of its rows.
//  4. What belongs to a part is touched only after that part was loaded (load_progress.h); counts,
//     deaths, sizes and states may be asked for at any time.
//
// Thread-safety: MarkDead comes from one thread at a time; each Load from one thread, once;
// everything else may be called from every thread at any time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
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
  kLoading,  ///< not read yet; answers come without it
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
  /// Checks what the file's directory says and takes the deaths; every part is still to be loaded.
  static absl::StatusOr<std::shared_ptr<SealedSegment>> Prepare(
      std::unique_ptr<storage::SegmentReader> reader, const SealedSegmentOptions& options);
  /// Each reads and checks a part, from one thread each, at the same time if need be; LoadGraph
  /// after LoadVectors of the same ordinal. kCancelled when `*stop` turned true meanwhile; `stop`
  /// may be null. LoadGraph notes damage in problems() and leaves the graph out.
  absl::Status LoadIds(const std::atomic<bool>* stop);
  absl::Status LoadPayloads(const std::atomic<bool>* stop);
  absl::Status LoadVectors(size_t ordinal, const std::atomic<bool>* stop);
  void LoadGraph(size_t ordinal, const std::atomic<bool>* stop);
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
  const VectorIndex* Index(size_t ordinal) const {
    return vectors_[ordinal].usable_index.load(std::memory_order_acquire);
  }

  DerivedState id_order_state() const { return id_order_state_.load(); }
  DerivedState index_state(size_t ordinal) const { return vectors_[ordinal].index_state.load(); }
  /// Why derived sections are missing, one line each; empty when all is well.
  std::vector<std::string> problems() const {
    const absl::MutexLock lock(&problems_mutex_);
    return problems_;
  }
  /// Rows that have the vector, dead ones included.
  uint64_t vector_count(size_t ordinal) const { return vectors_[ordinal].count; }

  const CollectionSchema& schema() const { return *schema_; }
  /// The file has features that allow this version to read it, not to rewrite it (F6).
  bool read_only() const { return reader_->read_only(); }
  /// The file is damaged and the sections in memory are not: it is to be written anew.
  void MarkForRewrite() { rewrite_wanted_.store(true); }
  bool rewrite_wanted() const { return rewrite_wanted_.load(); }
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
    std::atomic<const VectorIndex*> usable_index = nullptr;
    std::atomic<DerivedState> index_state = DerivedState::kAbsent;
    uint64_t count = 0;
  };

  SealedSegment();
  absl::Status CheckDirectory() const;
  absl::Status LoadLsns(const std::atomic<bool>* stop);
  absl::Status LoadIdOrder(const std::atomic<bool>* stop);
  /// The whole section, counted as memory of the segment.
  absl::StatusOr<storage::AlignedBuffer> Read(const storage::SectionEntry& section,
                                              const std::atomic<bool>* stop);
  /// A source section with one element of `element_bytes` bytes per row.
  absl::StatusOr<storage::AlignedBuffer> ReadRows(storage::SectionKind kind, size_t ordinal,
                                                  size_t element_bytes,
                                                  const std::atomic<bool>* stop);
  void AddProblem(std::string problem);

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
  std::atomic<DerivedState> id_order_state_ = DerivedState::kLoading;
  std::atomic<bool> rewrite_wanted_ = false;
  std::atomic<uint64_t> section_bytes_ = 0;  // of sections in memory
  mutable absl::Mutex problems_mutex_;
  std::vector<std::string> problems_ ABSL_GUARDED_BY(problems_mutex_);
};

}  // namespace perigee::engine
