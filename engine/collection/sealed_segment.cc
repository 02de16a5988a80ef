// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/sealed_segment.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/collection/wal_operation.h"
#include "engine/index/hnsw/hnsw_index.h"
#include "perigee/model/limits.h"
#include "perigee/model/point_id.h"
#include "storage/foundation/check.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/log.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::engine {
namespace {

using storage::SectionEntry;
using storage::SectionKind;

absl::Status Damaged(const storage::SegmentReader& reader, std::string_view what) {
  return ErrorWithReason(
      ErrorReason::kDamaged,
      absl::StrCat(reader.path(), ": ", Absl(what),
                   "; restore the segment from a backup or ask for a partial answer"));
}

absl::Status Damaged(const storage::SegmentReader& reader, const SectionEntry& section,
                     std::string_view what) {
  return Damaged(reader, absl::StrCat("section ", section.name(), " ", Absl(what)));
}

absl::StatusOr<const SectionEntry*> Require(const storage::SegmentReader& reader, SectionKind kind,
                                            size_t ordinal) {
  const auto number = static_cast<uint16_t>(ordinal);
  const SectionEntry* section = reader.Find(kind, number);
  if (section == nullptr) {
    return Damaged(reader, absl::StrCat("has no section ", storage::SectionName(kind, number)));
  }
  return section;
}

absl::Status CheckRows(const storage::SegmentReader& reader, const SectionEntry& section,
                       size_t element_bytes) {
  // Rows have 32 bits and elements 18, so the product does not overflow.
  if (section.length != reader.row_count() * element_bytes) {
    return Damaged(reader, section,
                   absl::StrCat("has ", section.length, " bytes where ", reader.row_count(),
                                " rows of ", element_bytes, " bytes belong"));
  }
  return absl::OkStatus();
}

uint64_t PresenceBytes(uint64_t rows) { return (rows + 63) / 64 * sizeof(uint64_t); }

}  // namespace

SealedSegment::SealedSegment() = default;
SealedSegment::~SealedSegment() = default;

absl::StatusOr<std::shared_ptr<SealedSegment>> SealedSegment::Open(
    std::unique_ptr<storage::SegmentReader> reader, const SealedSegmentOptions& options) {
  PERIGEE_ASSIGN_OR_RETURN(std::shared_ptr<SealedSegment> segment,
                           Prepare(std::move(reader), options));
  PERIGEE_RETURN_IF_ERROR(segment->LoadIds(nullptr));
  PERIGEE_RETURN_IF_ERROR(segment->LoadPayloads(nullptr));
  for (size_t ordinal = 0; ordinal < segment->vectors_.size(); ++ordinal) {
    PERIGEE_RETURN_IF_ERROR(segment->LoadVectors(ordinal, nullptr));
  }
  for (size_t ordinal = 0; ordinal < segment->vectors_.size(); ++ordinal) {
    segment->LoadGraph(ordinal, nullptr);
  }
  return segment;
}

absl::StatusOr<std::shared_ptr<SealedSegment>> SealedSegment::Prepare(
    std::unique_ptr<storage::SegmentReader> reader, const SealedSegmentOptions& options) {
  if (reader->row_count() > storage::kSegmentRowsMax) {
    return Damaged(*reader, absl::StrCat("has ", reader->row_count(), " rows"));
  }
  std::shared_ptr<SealedSegment> segment(new SealedSegment());
  segment->reader_ = std::move(reader);
  segment->schema_ = options.schema;
  segment->uuid_ = segment->reader_->header().segment_uuid;
  segment->name_ = segment->uuid_.ToString();
  segment->file_bytes_ = segment->reader_->summary().file_bytes;
  segment->stamped_lsn_ = options.stamped_lsn;
  segment->row_count_ = static_cast<uint32_t>(segment->reader_->row_count());
  segment->vectors_ = std::vector<SealedVectors>(options.schema->vectors.size());
  PERIGEE_RETURN_IF_ERROR(segment->CheckDirectory());
  for (size_t ordinal = 0; ordinal < segment->vectors_.size(); ++ordinal) {
    if (segment->reader_->Find(SectionKind::kHnsw, static_cast<uint16_t>(ordinal)) != nullptr) {
      segment->vectors_[ordinal].index_state = DerivedState::kLoading;
    }
  }
  segment->deletions_ = std::make_unique<DeletionMarks>(segment->row_count_);
  for (const storage::DeadRow& dead : options.dead_rows) {
    if (dead.row >= segment->row_count_ || dead.lsn == kNeverDead) {
      return Damaged(*segment->reader_, absl::StrCat("the deletion file names row ", dead.row,
                                                     " of ", segment->row_count_));
    }
    segment->deletions_->MarkDead(dead.row, dead.lsn);
  }
  return segment;
}

// That the sections are there and have the sizes that the schema and the row count ask for.
absl::Status SealedSegment::CheckDirectory() const {
  const storage::SegmentReader& reader = *reader_;
  PERIGEE_RETURN_IF_ERROR(Require(reader, SectionKind::kIds, 0).status());
  PERIGEE_RETURN_IF_ERROR(Require(reader, SectionKind::kPayload, 0).status());
  if (const SectionEntry* lsns = reader.Find(SectionKind::kLsns); lsns != nullptr) {
    PERIGEE_RETURN_IF_ERROR(CheckRows(reader, *lsns, sizeof(uint64_t)));
  } else if (reader.header().max_lsn != 0) {
    // Only the file of a bulk load has no LSNs, and its header says so by an empty range.
    return Damaged(reader, "has no section lsns");
  }
  for (size_t ordinal = 0; ordinal < vectors_.size(); ++ordinal) {
    PERIGEE_ASSIGN_OR_RETURN(const SectionEntry* values,
                             Require(reader, SectionKind::kVectors, ordinal));
    PERIGEE_RETURN_IF_ERROR(
        CheckRows(reader, *values, StoredVectorBytes(schema_->vectors[ordinal])));
    PERIGEE_ASSIGN_OR_RETURN(const SectionEntry* norms,
                             Require(reader, SectionKind::kNorms, ordinal));
    PERIGEE_RETURN_IF_ERROR(CheckRows(reader, *norms, sizeof(double)));
    PERIGEE_ASSIGN_OR_RETURN(const SectionEntry* presence,
                             Require(reader, SectionKind::kPresence, ordinal));
    if (presence->length != PresenceBytes(row_count_)) {
      return Damaged(reader, *presence, absl::StrCat("has ", presence->length, " bytes"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<storage::AlignedBuffer> SealedSegment::Read(const SectionEntry& section,
                                                           const std::atomic<bool>* stop) {
  absl::StatusOr<storage::AlignedBuffer> buffer = reader_->ReadSection(section, stop);
  if (buffer.ok()) {
    section_bytes_.fetch_add(buffer->size(), std::memory_order_relaxed);
  }
  return buffer;
}

absl::StatusOr<storage::AlignedBuffer> SealedSegment::ReadRows(SectionKind kind, size_t ordinal,
                                                               size_t element_bytes,
                                                               const std::atomic<bool>* stop) {
  PERIGEE_ASSIGN_OR_RETURN(const SectionEntry* section, Require(*reader_, kind, ordinal));
  PERIGEE_RETURN_IF_ERROR(CheckRows(*reader_, *section, element_bytes));
  return Read(*section, stop);
}

void SealedSegment::AddProblem(std::string problem) {
  Log(LogLevel::kWarning, "segment.derived_section_damaged", problem);
  const absl::MutexLock lock(&problems_mutex_);
  problems_.push_back(std::move(problem));
}

absl::Status SealedSegment::LoadIds(const std::atomic<bool>* stop) {
  PERIGEE_ASSIGN_OR_RETURN(const SectionEntry* section, Require(*reader_, SectionKind::kIds, 0));
  PERIGEE_ASSIGN_OR_RETURN(id_bytes_, Read(*section, stop));
  PERIGEE_ASSIGN_OR_RETURN(ids_, storage::RowBlobs::Open(id_bytes_.bytes(), row_count_));
  for (uint32_t row = 0; row < row_count_; ++row) {
    if (!ValidateEncodedPointId(ids_.TextAt(row)).ok()) {
      return Damaged(*reader_, *section, absl::StrCat("has no valid id in row ", row));
    }
  }
  PERIGEE_RETURN_IF_ERROR(LoadLsns(stop));
  return LoadIdOrder(stop);
}

absl::Status SealedSegment::LoadLsns(const std::atomic<bool>* stop) {
  if (reader_->Find(SectionKind::kLsns) != nullptr) {
    PERIGEE_ASSIGN_OR_RETURN(lsn_bytes_, ReadRows(SectionKind::kLsns, 0, sizeof(uint64_t), stop));
  }
  return absl::OkStatus();
}

absl::Status SealedSegment::LoadPayloads(const std::atomic<bool>* stop) {
  PERIGEE_ASSIGN_OR_RETURN(const SectionEntry* section,
                           Require(*reader_, SectionKind::kPayload, 0));
  PERIGEE_ASSIGN_OR_RETURN(payload_bytes_, Read(*section, stop));
  PERIGEE_ASSIGN_OR_RETURN(payloads_, storage::RowBlobs::Open(payload_bytes_.bytes(), row_count_));
  return absl::OkStatus();
}

absl::Status SealedSegment::LoadVectors(size_t ordinal, const std::atomic<bool>* stop) {
  const VectorSchema& schema = schema_->vectors[ordinal];
  SealedVectors& vectors = vectors_[ordinal];
  const size_t bytes = StoredVectorBytes(schema);
  PERIGEE_ASSIGN_OR_RETURN(vectors.values, ReadRows(SectionKind::kVectors, ordinal, bytes, stop));
  PERIGEE_ASSIGN_OR_RETURN(vectors.norms,
                           ReadRows(SectionKind::kNorms, ordinal, sizeof(double), stop));
  PERIGEE_ASSIGN_OR_RETURN(const SectionEntry* presence,
                           Require(*reader_, SectionKind::kPresence, ordinal));
  PERIGEE_ASSIGN_OR_RETURN(vectors.presence, Read(*presence, stop));
  const uint64_t words = vectors.presence.size() / sizeof(uint64_t);
  for (uint64_t i = 0; i < words; ++i) {
    uint64_t word = 0;
    std::memcpy(&word, vectors.presence.data() + i * sizeof(word), sizeof(word));
    const uint64_t rows = std::min<uint64_t>(64, row_count_ - i * 64);
    if (rows < 64 && (word >> rows) != 0) {
      return Damaged(*reader_, *presence, "has bits after the last row");
    }
    vectors.count += static_cast<uint64_t>(std::popcount(word));
  }
  vectors.column = VectorColumn(
      {.element = schema.element,
       .dimension = schema.dimension,
       .row_count = row_count_,
       .rows = ChunkedRows<std::byte>::Contiguous(vectors.values.data(), bytes),
       .norms =
           ChunkedRows<double>::Contiguous(reinterpret_cast<const double*>(vectors.norms.data())),
       // A column that every row has needs no look at the bitmap.
       .presence_bitmap = vectors.count == row_count_ ? nullptr : vectors.presence.data(),
       .presence_bytes = {}});
  return absl::OkStatus();
}

absl::Status SealedSegment::LoadIdOrder(const std::atomic<bool>* stop) {
  const auto by_id = [this](uint32_t a, uint32_t b) { return EncodedId(a) < EncodedId(b); };
  const auto ascends_strictly = [&by_id](std::span<const uint32_t> order) {
    return std::adjacent_find(order.begin(), order.end(), [&by_id](uint32_t a, uint32_t b) {
             return !by_id(a, b);
           }) == order.end();
  };
  DerivedState state = DerivedState::kAbsent;
  if (reader_->Find(SectionKind::kIdOrder) != nullptr) {
    absl::StatusOr<storage::AlignedBuffer> section =
        ReadRows(SectionKind::kIdOrder, 0, sizeof(uint32_t), stop);
    absl::Status status = section.status();
    if (absl::IsCancelled(status)) {
      return status;
    }
    if (section.ok()) {
      id_order_bytes_ = *std::move(section);
      const std::span<const uint32_t> order(
          reinterpret_cast<const uint32_t*>(id_order_bytes_.data()), row_count_);
      // Rows in range whose ids ascend strictly are all different, so they are all rows.
      if (std::all_of(order.begin(), order.end(),
                      [this](uint32_t row) { return row < row_count_; }) &&
          ascends_strictly(order)) {
        id_order_ = order;
        id_order_state_ = DerivedState::kReady;
        return absl::OkStatus();
      }
      id_order_bytes_ = {};
      status =
          Damaged(*reader_, "section id_order does not list the rows in the order of their ids");
    }
    state = DerivedState::kDamaged;
    AddProblem(absl::StrCat(status.message(), "; the order was sorted anew"));
  }
  id_order_sorted_.resize(row_count_);
  std::iota(id_order_sorted_.begin(), id_order_sorted_.end(), 0U);
  std::sort(id_order_sorted_.begin(), id_order_sorted_.end(), by_id);
  if (!ascends_strictly(id_order_sorted_)) {
    return Damaged(*reader_, "holds an id twice");
  }
  section_bytes_.fetch_add(row_count_ * sizeof(uint32_t), std::memory_order_relaxed);
  id_order_ = id_order_sorted_;
  id_order_state_ = state;
  return absl::OkStatus();
}

void SealedSegment::LoadGraph(size_t ordinal, const std::atomic<bool>* stop) {
  const SectionEntry* section = reader_->Find(SectionKind::kHnsw, static_cast<uint16_t>(ordinal));
  if (section == nullptr) {
    return;
  }
  SealedVectors& vectors = vectors_[ordinal];
  absl::StatusOr<storage::AlignedBuffer> bytes = Read(*section, stop);
  absl::Status status = bytes.status();
  if (absl::IsCancelled(status)) {
    return;
  }
  if (bytes.ok()) {
    vectors.graph = *std::move(bytes);
    absl::StatusOr<std::unique_ptr<HnswIndex>> index =
        HnswIndex::Open(vectors.graph.bytes(), vectors.column, schema_->vectors[ordinal]);
    if (index.ok()) {
      vectors.index = *std::move(index);
      vectors.usable_index.store(vectors.index.get(), std::memory_order_release);
      vectors.index_state = DerivedState::kReady;
      return;
    }
    section_bytes_.fetch_sub(vectors.graph.size(), std::memory_order_relaxed);
    vectors.graph = {};
    status =
        WithContext(index.status(), absl::StrCat(Absl(reader_->path()), ": ", section->name()));
  }
  vectors.index_state = DerivedState::kDamaged;
  AddProblem(absl::StrCat(status.message(), "; its vectors are compared one by one"));
}

std::optional<uint32_t> SealedSegment::FindRow(std::string_view encoded_id) const {
  const auto found =
      std::lower_bound(id_order_.begin(), id_order_.end(), encoded_id,
                       [this](uint32_t row, std::string_view id) { return EncodedId(row) < id; });
  if (found == id_order_.end() || EncodedId(*found) != encoded_id) {
    return std::nullopt;
  }
  return *found;
}

std::optional<uint32_t> SealedSegment::FindLive(std::string_view encoded_id) const {
  const std::optional<uint32_t> row = FindRow(encoded_id);
  return row.has_value() && DeadLsn(*row) == kNeverDead ? row : std::nullopt;
}

uint64_t SealedSegment::memory_bytes() const {
  return section_bytes_.load(std::memory_order_relaxed) + deletions_->memory_bytes();
}

std::string_view SealedSegment::EncodedId(uint32_t row) const { return ids_.TextAt(row); }

uint64_t SealedSegment::Lsn(uint32_t row) const {
  if (lsn_bytes_.empty()) {
    return stamped_lsn_;
  }
  uint64_t lsn = 0;
  std::memcpy(&lsn, lsn_bytes_.data() + size_t{row} * sizeof(lsn), sizeof(lsn));
  return lsn;
}

std::span<const std::byte> SealedSegment::EncodedPayload(uint32_t row) const {
  return payloads_.At(row);
}

uint32_t SealedSegment::PresenceBits(uint32_t row) const {
  uint32_t bits = 0;
  for (size_t ordinal = 0; ordinal < vectors_.size(); ++ordinal) {
    bits |= static_cast<uint32_t>(vectors_[ordinal].column.Present(row)) << ordinal;
  }
  return bits;
}

std::span<const std::byte> SealedSegment::VectorBytes(uint32_t row, size_t ordinal) const {
  const VectorColumn& column = vectors_[ordinal].column;
  return {column.RowBytes(row), column.row_data_bytes()};
}

double SealedSegment::Norm(uint32_t row, size_t ordinal) const {
  return vectors_[ordinal].column.Norm(row);
}

}  // namespace perigee::engine
