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

/// A source section with `rows` elements of `element_bytes` bytes.
absl::StatusOr<storage::AlignedBuffer> ReadRows(const storage::SegmentReader& reader,
                                                SectionKind kind, size_t ordinal,
                                                size_t element_bytes) {
  PERIGEE_ASSIGN_OR_RETURN(const SectionEntry* section, Require(reader, kind, ordinal));
  // Rows have 32 bits and elements 18, so the product does not overflow.
  if (section->length != reader.row_count() * element_bytes) {
    return Damaged(reader, *section,
                   absl::StrCat("has ", section->length, " bytes where ", reader.row_count(),
                                " rows of ", element_bytes, " bytes belong"));
  }
  return reader.ReadSection(*section);
}

}  // namespace

SealedSegment::SealedSegment() = default;
SealedSegment::~SealedSegment() = default;

absl::StatusOr<std::shared_ptr<SealedSegment>> SealedSegment::Open(
    std::unique_ptr<storage::SegmentReader> reader, const SealedSegmentOptions& options) {
  if (reader->row_count() > storage::kSegmentRowsMax) {
    return Damaged(*reader, absl::StrCat("has ", reader->row_count(), " rows"));
  }
  std::shared_ptr<SealedSegment> segment(new SealedSegment());
  segment->schema_ = options.schema;
  segment->uuid_ = reader->header().segment_uuid;
  segment->name_ = segment->uuid_.ToString();
  segment->file_bytes_ = reader->summary().file_bytes;
  segment->stamped_lsn_ = options.stamped_lsn;
  segment->row_count_ = static_cast<uint32_t>(reader->row_count());
  PERIGEE_RETURN_IF_ERROR(segment->LoadIds(*reader));
  PERIGEE_RETURN_IF_ERROR(segment->LoadLsns(*reader));
  PERIGEE_RETURN_IF_ERROR(segment->LoadPayloads(*reader));
  segment->vectors_.resize(options.schema->vectors.size());
  for (size_t ordinal = 0; ordinal < segment->vectors_.size(); ++ordinal) {
    PERIGEE_RETURN_IF_ERROR(segment->LoadVectors(*reader, ordinal));
  }
  PERIGEE_RETURN_IF_ERROR(segment->LoadIdOrder(*reader));
  for (size_t ordinal = 0; ordinal < segment->vectors_.size(); ++ordinal) {
    segment->LoadGraph(*reader, ordinal);
  }
  segment->deletions_ = std::make_unique<DeletionMarks>(segment->row_count_);
  for (const storage::DeadRow& dead : options.dead_rows) {
    if (dead.row >= segment->row_count_ || dead.lsn == kNeverDead) {
      return Damaged(*reader, absl::StrCat("the deletion file names row ", dead.row, " of ",
                                           segment->row_count_));
    }
    segment->deletions_->MarkDead(dead.row, dead.lsn);
  }
  for (const std::string& problem : segment->problems_) {
    Log(LogLevel::kWarning, "segment.derived_section_damaged", problem);
  }
  segment->reader_ = std::move(reader);
  return segment;
}

absl::Status SealedSegment::LoadIds(const storage::SegmentReader& reader) {
  PERIGEE_ASSIGN_OR_RETURN(const SectionEntry* section, Require(reader, SectionKind::kIds, 0));
  PERIGEE_ASSIGN_OR_RETURN(id_bytes_, reader.ReadSection(*section));
  PERIGEE_ASSIGN_OR_RETURN(ids_, storage::RowBlobs::Open(id_bytes_.bytes(), row_count_));
  for (uint32_t row = 0; row < row_count_; ++row) {
    if (!ValidateEncodedPointId(ids_.TextAt(row)).ok()) {
      return Damaged(reader, *section, absl::StrCat("has no valid id in row ", row));
    }
  }
  return absl::OkStatus();
}

absl::Status SealedSegment::LoadLsns(const storage::SegmentReader& reader) {
  if (reader.Find(SectionKind::kLsns) == nullptr) {
    // Only the file of a bulk load has no LSNs, and its header says so by an empty range.
    return reader.header().max_lsn == 0 ? absl::OkStatus() : Damaged(reader, "has no section lsns");
  }
  PERIGEE_ASSIGN_OR_RETURN(lsn_bytes_, ReadRows(reader, SectionKind::kLsns, 0, sizeof(uint64_t)));
  return absl::OkStatus();
}

absl::Status SealedSegment::LoadPayloads(const storage::SegmentReader& reader) {
  PERIGEE_ASSIGN_OR_RETURN(const SectionEntry* section, Require(reader, SectionKind::kPayload, 0));
  PERIGEE_ASSIGN_OR_RETURN(payload_bytes_, reader.ReadSection(*section));
  PERIGEE_ASSIGN_OR_RETURN(payloads_, storage::RowBlobs::Open(payload_bytes_.bytes(), row_count_));
  return absl::OkStatus();
}

absl::Status SealedSegment::LoadVectors(const storage::SegmentReader& reader, size_t ordinal) {
  const VectorSchema& schema = schema_->vectors[ordinal];
  SealedVectors& vectors = vectors_[ordinal];
  const size_t bytes = StoredVectorBytes(schema);
  PERIGEE_ASSIGN_OR_RETURN(vectors.values, ReadRows(reader, SectionKind::kVectors, ordinal, bytes));
  PERIGEE_ASSIGN_OR_RETURN(vectors.norms,
                           ReadRows(reader, SectionKind::kNorms, ordinal, sizeof(double)));
  PERIGEE_ASSIGN_OR_RETURN(const SectionEntry* presence,
                           Require(reader, SectionKind::kPresence, ordinal));
  const uint64_t words = (uint64_t{row_count_} + 63) / 64;
  if (presence->length != words * sizeof(uint64_t)) {
    return Damaged(reader, *presence, absl::StrCat("has ", presence->length, " bytes"));
  }
  PERIGEE_ASSIGN_OR_RETURN(vectors.presence, reader.ReadSection(*presence));
  for (uint64_t i = 0; i < words; ++i) {
    uint64_t word = 0;
    std::memcpy(&word, vectors.presence.data() + i * sizeof(word), sizeof(word));
    const uint64_t rows = std::min<uint64_t>(64, row_count_ - i * 64);
    if (rows < 64 && (word >> rows) != 0) {
      return Damaged(reader, *presence, "has bits after the last row");
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

absl::Status SealedSegment::LoadIdOrder(const storage::SegmentReader& reader) {
  const auto by_id = [this](uint32_t a, uint32_t b) { return EncodedId(a) < EncodedId(b); };
  const auto ascends_strictly = [&by_id](std::span<const uint32_t> order) {
    return std::adjacent_find(order.begin(), order.end(), [&by_id](uint32_t a, uint32_t b) {
             return !by_id(a, b);
           }) == order.end();
  };
  if (reader.Find(SectionKind::kIdOrder) != nullptr) {
    absl::StatusOr<storage::AlignedBuffer> section =
        ReadRows(reader, SectionKind::kIdOrder, 0, sizeof(uint32_t));
    absl::Status status = section.status();
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
      status = Damaged(reader, "section id_order does not list the rows in the order of their ids");
    }
    id_order_state_ = DerivedState::kDamaged;
    problems_.push_back(absl::StrCat(status.message(), "; the order was sorted anew"));
  }
  id_order_sorted_.resize(row_count_);
  std::iota(id_order_sorted_.begin(), id_order_sorted_.end(), 0U);
  std::sort(id_order_sorted_.begin(), id_order_sorted_.end(), by_id);
  if (!ascends_strictly(id_order_sorted_)) {
    return Damaged(reader, "holds an id twice");
  }
  id_order_ = id_order_sorted_;
  return absl::OkStatus();
}

void SealedSegment::LoadGraph(const storage::SegmentReader& reader, size_t ordinal) {
  const SectionEntry* section = reader.Find(SectionKind::kHnsw, static_cast<uint16_t>(ordinal));
  if (section == nullptr) {
    return;
  }
  SealedVectors& vectors = vectors_[ordinal];
  absl::StatusOr<storage::AlignedBuffer> bytes = reader.ReadSection(*section);
  absl::Status status = bytes.status();
  if (bytes.ok()) {
    vectors.graph = *std::move(bytes);
    absl::StatusOr<std::unique_ptr<HnswIndex>> index =
        HnswIndex::Open(vectors.graph.bytes(), vectors.column, schema_->vectors[ordinal]);
    if (index.ok()) {
      vectors.index = *std::move(index);
      vectors.index_state = DerivedState::kReady;
      return;
    }
    vectors.graph = {};
    status = WithContext(index.status(), absl::StrCat(Absl(reader.path()), ": ", section->name()));
  }
  vectors.index_state = DerivedState::kDamaged;
  problems_.push_back(absl::StrCat(status.message(), "; its vectors are compared one by one"));
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
  uint64_t bytes = id_bytes_.size() + lsn_bytes_.size() + payload_bytes_.size() +
                   id_order_bytes_.size() + id_order_sorted_.size() * sizeof(uint32_t) +
                   deletions_->memory_bytes();
  for (const SealedVectors& vectors : vectors_) {
    bytes += vectors.values.size() + vectors.norms.size() + vectors.presence.size() +
             vectors.graph.size();
  }
  return bytes;
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
