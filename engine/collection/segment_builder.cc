// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/segment_builder.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/collection/deletion_marks.h"
#include "engine/collection/growing_segment.h"
#include "engine/collection/sealed_segment.h"
#include "engine/collection/wal_operation.h"
#include "engine/index/hnsw/hnswlib_builder.h"
#include "perigee/model/point_id.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/check.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"
#include "storage/segment/segment_reader.h"
#include "storage/segment/segment_writer.h"

namespace perigee::engine {
namespace {

using storage::SectionKind;

/// Rows between two looks at the cancellation and two reports of progress.
constexpr uint32_t kRowsPerStep = 4096;

struct KeptRow {
  const RowSource* source = nullptr;
  uint32_t row = 0;
};

/// One vector of all kept rows, where the sources have them: nothing is copied but the norms.
struct GatheredVectors {
  std::vector<const std::byte*> rows;
  std::vector<double> norms;
  std::vector<uint64_t> presence;
  std::vector<std::byte> zeros;  // stands for the vector of rows that lack it
  uint64_t count = 0;
};

class SegmentBuild {
 public:
  explicit SegmentBuild(const SegmentBuildOptions& options)
      : options_(options), header_(options.header) {}

  absl::StatusOr<BuiltSegment> Run(std::span<const RowSource* const> sources);

 private:
  uint32_t row_count() const { return static_cast<uint32_t>(kept_.size()); }
  std::string_view EncodedId(uint32_t row) const {
    return kept_[row].source->EncodedId(kept_[row].row);
  }

  absl::Status Keep(std::span<const RowSource* const> sources);
  absl::Status SortIds();
  absl::Status SetLsnRange();
  absl::Status WriteSource(storage::SegmentWriter& writer);
  absl::Status WriteBlobs(storage::SegmentWriter& writer, SectionKind kind,
                          absl::FunctionRef<std::span<const std::byte>(const KeptRow&)> blob);
  absl::Status WriteLsns(storage::SegmentWriter& writer);
  absl::Status WriteVectors(storage::SegmentWriter& writer, size_t ordinal);
  absl::Status WriteGraphs(storage::SegmentWriter& writer);
  absl::Status WriteGraph(storage::SegmentWriter& writer, size_t ordinal, uint64_t done_before);
  GatheredVectors Gather(size_t ordinal) const;
  uint64_t CountVectors(size_t ordinal) const;
  absl::Status Step(uint32_t row);
  void Report(SegmentBuildStage stage, uint64_t done, uint64_t total) const;

  const SegmentBuildOptions& options_;
  storage::SegmentHeader header_;
  std::vector<KeptRow> kept_;
  std::vector<uint32_t> id_order_;
  uint64_t rows_dropped_ = 0;
  uint64_t steps_done_ = 0;  // rows written, counted once per source section
  uint64_t steps_total_ = 0;
};

absl::StatusOr<BuiltSegment> SegmentBuild::Run(std::span<const RowSource* const> sources) {
  PERIGEE_RETURN_IF_ERROR(Keep(sources));
  BuiltSegment built{.row_count = row_count(), .rows_dropped = rows_dropped_};
  if (kept_.empty()) {
    return built;
  }
  PERIGEE_RETURN_IF_ERROR(SortIds());
  PERIGEE_RETURN_IF_ERROR(SetLsnRange());
  built.min_lsn = header_.min_lsn;
  built.max_lsn = header_.max_lsn;

  PERIGEE_ASSIGN_OR_RETURN(
      const std::unique_ptr<storage::SegmentWriter> writer,
      storage::SegmentWriter::Create(*options_.file_system, options_.path, header_));
  PERIGEE_RETURN_IF_ERROR(WriteSource(*writer));
  PERIGEE_RETURN_IF_ERROR(writer->WriteSection({.kind = SectionKind::kIdOrder,
                                                .element_count = row_count(),
                                                .element_bytes = sizeof(uint32_t)},
                                               std::as_bytes(std::span(id_order_))));
  PERIGEE_RETURN_IF_ERROR(WriteGraphs(*writer));
  PERIGEE_ASSIGN_OR_RETURN(built.summary, writer->Finish(row_count()));

  PERIGEE_RETURN_IF_ERROR(options_.cancellation.Check());
  Report(SegmentBuildStage::kVerifying, 0, row_count());
  PERIGEE_RETURN_IF_ERROR(
      storage::VerifySegmentFile(*options_.file_system, options_.path, header_, built.summary));
  Report(SegmentBuildStage::kVerifying, row_count(), row_count());
  return built;
}

absl::Status SegmentBuild::Keep(std::span<const RowSource* const> sources) {
  for (const RowSource* source : sources) {
    const uint32_t rows = source->row_count();
    for (uint32_t row = 0; row < rows; ++row) {
      if (row % kRowsPerStep == 0) {
        PERIGEE_RETURN_IF_ERROR(options_.cancellation.Check());
      }
      if (source->DeadLsn(row) <= options_.horizon_lsn) {
        ++rows_dropped_;
        continue;
      }
      if (kept_.size() == storage::kSegmentRowsMax) {
        return ErrorWithReason(ErrorReason::kLimit,
                               absl::StrCat("a segment holds at most ", storage::kSegmentRowsMax,
                                            " rows; build several"));
      }
      kept_.push_back({.source = source, .row = row});
    }
  }
  // ids, LSNs and payloads, and one section of values per vector
  steps_total_ = kept_.size() * (3 + options_.schema->vectors.size());
  return absl::OkStatus();
}

absl::Status SegmentBuild::SortIds() {
  std::vector<std::string_view> ids(kept_.size());
  for (uint32_t row = 0; row < row_count(); ++row) {
    ids[row] = EncodedId(row);
  }
  id_order_.resize(kept_.size());
  std::iota(id_order_.begin(), id_order_.end(), 0U);
  std::sort(id_order_.begin(), id_order_.end(),
            [&ids](uint32_t a, uint32_t b) { return ids[a] < ids[b]; });
  const auto twice =
      std::adjacent_find(id_order_.begin(), id_order_.end(),
                         [&ids](uint32_t a, uint32_t b) { return ids[a] == ids[b]; });
  if (twice != id_order_.end()) {
    const absl::StatusOr<PointId> id = PointId::Decode(ids[*twice]);
    return absl::InternalError(absl::StrCat("point '", id.ok() ? id->ToString() : "?",
                                            "' has two rows that are alive at LSN ",
                                            options_.horizon_lsn));
  }
  return absl::OkStatus();
}

absl::Status SegmentBuild::SetLsnRange() {
  header_.min_lsn = std::numeric_limits<uint64_t>::max();
  header_.max_lsn = 0;
  for (const KeptRow& kept : kept_) {
    const uint64_t lsn = kept.source->Lsn(kept.row);
    header_.min_lsn = std::min(header_.min_lsn, lsn);
    header_.max_lsn = std::max(header_.max_lsn, lsn);
  }
  if (header_.min_lsn == 0 && header_.max_lsn != 0) {
    return absl::InternalError("rows with and without an LSN cannot share a segment");
  }
  return absl::OkStatus();
}

absl::Status SegmentBuild::WriteSource(storage::SegmentWriter& writer) {
  PERIGEE_RETURN_IF_ERROR(WriteBlobs(writer, SectionKind::kIds, [](const KeptRow& kept) {
    return storage::AsBytes(kept.source->EncodedId(kept.row));
  }));
  PERIGEE_RETURN_IF_ERROR(WriteLsns(writer));
  PERIGEE_RETURN_IF_ERROR(WriteBlobs(writer, SectionKind::kPayload, [](const KeptRow& kept) {
    return kept.source->EncodedPayload(kept.row);
  }));
  for (size_t ordinal = 0; ordinal < options_.schema->vectors.size(); ++ordinal) {
    PERIGEE_RETURN_IF_ERROR(WriteVectors(writer, ordinal));
  }
  return absl::OkStatus();
}

absl::Status SegmentBuild::WriteBlobs(
    storage::SegmentWriter& writer, SectionKind kind,
    absl::FunctionRef<std::span<const std::byte>(const KeptRow&)> blob) {
  PERIGEE_RETURN_IF_ERROR(
      writer.BeginSection({.kind = kind, .element_count = row_count(), .element_bytes = 0}));
  storage::ByteWriter offsets;
  offsets.Reserve((kept_.size() + 1) * sizeof(uint64_t));
  uint64_t offset = 0;
  offsets.U64(offset);
  for (const KeptRow& kept : kept_) {
    offset += blob(kept).size();
    offsets.U64(offset);
  }
  PERIGEE_RETURN_IF_ERROR(writer.Append(offsets.bytes()));
  for (uint32_t row = 0; row < row_count(); ++row) {
    PERIGEE_RETURN_IF_ERROR(Step(row));
    PERIGEE_RETURN_IF_ERROR(writer.Append(blob(kept_[row])));
  }
  return writer.EndSection();
}

absl::Status SegmentBuild::WriteLsns(storage::SegmentWriter& writer) {
  if (header_.max_lsn == 0) {
    return absl::OkStatus();  // a bulk load: the manifest entry stamps all rows (N17)
  }
  storage::ByteWriter lsns;
  lsns.Reserve(kept_.size() * sizeof(uint64_t));
  for (uint32_t row = 0; row < row_count(); ++row) {
    PERIGEE_RETURN_IF_ERROR(Step(row));
    lsns.U64(kept_[row].source->Lsn(kept_[row].row));
  }
  return writer.WriteSection(
      {.kind = SectionKind::kLsns, .element_count = row_count(), .element_bytes = sizeof(uint64_t)},
      lsns.bytes());
}

uint64_t SegmentBuild::CountVectors(size_t ordinal) const {
  return static_cast<uint64_t>(
      std::count_if(kept_.begin(), kept_.end(), [ordinal](const KeptRow& kept) {
        return (kept.source->PresenceBits(kept.row) >> ordinal & 1U) != 0;
      }));
}

GatheredVectors SegmentBuild::Gather(size_t ordinal) const {
  GatheredVectors gathered;
  gathered.rows.reserve(kept_.size());
  gathered.norms.reserve(kept_.size());
  gathered.presence.resize((kept_.size() + 63) / 64);
  gathered.zeros.resize(StoredVectorBytes(options_.schema->vectors[ordinal]));
  for (uint32_t row = 0; row < row_count(); ++row) {
    const KeptRow& kept = kept_[row];
    if ((kept.source->PresenceBits(kept.row) >> ordinal & 1U) != 0) {
      gathered.rows.push_back(kept.source->VectorBytes(kept.row, ordinal).data());
      gathered.norms.push_back(kept.source->Norm(kept.row, ordinal));
      gathered.presence[row / 64] |= uint64_t{1} << (row % 64);
      ++gathered.count;
    } else {
      gathered.rows.push_back(gathered.zeros.data());
      gathered.norms.push_back(0);
    }
  }
  return gathered;
}

absl::Status SegmentBuild::WriteVectors(storage::SegmentWriter& writer, size_t ordinal) {
  const GatheredVectors gathered = Gather(ordinal);
  const size_t bytes = gathered.zeros.size();
  const auto number = static_cast<uint16_t>(ordinal);
  PERIGEE_RETURN_IF_ERROR(
      writer.BeginSection({.kind = SectionKind::kVectors,
                           .ordinal = number,
                           .element_count = row_count(),
                           .element_bytes = static_cast<uint32_t>(bytes),
                           .checksum_page_bytes = storage::kChecksumPageBytesRandom}));
  for (uint32_t row = 0; row < row_count(); ++row) {
    PERIGEE_RETURN_IF_ERROR(Step(row));
    PERIGEE_RETURN_IF_ERROR(writer.Append({gathered.rows[row], bytes}));
  }
  PERIGEE_RETURN_IF_ERROR(writer.EndSection());
  PERIGEE_RETURN_IF_ERROR(writer.WriteSection({.kind = SectionKind::kNorms,
                                               .ordinal = number,
                                               .element_count = row_count(),
                                               .element_bytes = sizeof(double)},
                                              std::as_bytes(std::span(gathered.norms))));
  return writer.WriteSection({.kind = SectionKind::kPresence,
                              .ordinal = number,
                              .element_count = row_count(),
                              .element_bytes = 0},
                             std::as_bytes(std::span(gathered.presence)));
}

absl::Status SegmentBuild::WriteGraphs(storage::SegmentWriter& writer) {
  uint64_t total = 0;
  std::vector<uint64_t> counts;
  for (size_t ordinal = 0; ordinal < options_.schema->vectors.size(); ++ordinal) {
    const uint64_t count = CountVectors(ordinal);
    counts.push_back(count >= std::max(options_.index_rows_min, 1U) ? count : 0);
    total += counts.back();
  }
  uint64_t done = 0;
  for (size_t ordinal = 0; ordinal < counts.size(); ++ordinal) {
    if (counts[ordinal] == 0) {
      continue;
    }
    const GatheredVectors gathered = Gather(ordinal);
    const VectorSchema& schema = options_.schema->vectors[ordinal];
    const VectorColumn column(
        {.element = schema.element,
         .dimension = schema.dimension,
         .row_count = row_count(),
         // One row per chunk: the rows stay where their sources have them.
         .rows = ChunkedRows<std::byte>::Chunked(gathered.rows.data(), 0, gathered.zeros.size()),
         .norms = ChunkedRows<double>::Contiguous(gathered.norms.data()),
         .presence_bitmap = reinterpret_cast<const std::byte*>(gathered.presence.data()),
         .presence_bytes = {}});
    const auto report = [this, done, total](uint32_t rows_done) {
      Report(SegmentBuildStage::kIndexing, done + rows_done, total);
    };
    const absl::FunctionRef<void(uint32_t)> on_progress = report;
    PERIGEE_ASSIGN_OR_RETURN(
        const std::vector<std::byte> graph,
        BuildHnswSection({.column = &column,
                          .schema = &schema,
                          .encoded_id = [this](uint32_t row) { return EncodedId(row); },
                          .cancellation = options_.cancellation,
                          .on_progress = &on_progress}));
    PERIGEE_RETURN_IF_ERROR(writer.WriteSection({.kind = SectionKind::kHnsw,
                                                 .ordinal = static_cast<uint16_t>(ordinal),
                                                 .element_count = graph.size(),
                                                 .element_bytes = 1},
                                                graph));
    done += counts[ordinal];
    Report(SegmentBuildStage::kIndexing, done, total);
  }
  return absl::OkStatus();
}

absl::Status SegmentBuild::Step(uint32_t row) {
  ++steps_done_;
  if (row % kRowsPerStep != 0) {
    return absl::OkStatus();
  }
  Report(SegmentBuildStage::kWriting, steps_done_ * kept_.size() / steps_total_, kept_.size());
  return options_.cancellation.Check();
}

void SegmentBuild::Report(SegmentBuildStage stage, uint64_t done, uint64_t total) const {
  if (options_.on_progress) {
    options_.on_progress({.stage = stage, .done = done, .total = total});
  }
}

template <typename Source>
void CarryDeathsOf(const Source& source, uint64_t horizon_lsn, SealedSegment& target) {
  source.deletions().ForEachDead(
      horizon_lsn, kNeverDead - 1, [&source, &target](uint32_t row, uint64_t dead_lsn) {
        const std::optional<uint32_t> copy = target.FindRow(source.EncodedId(row));
        // A source may also hold versions that were dropped; theirs is not this row.
        if (copy.has_value() && target.Lsn(*copy) == source.Lsn(row)) {
          target.MarkDead(*copy, dead_lsn);
        }
      });
}

}  // namespace

absl::StatusOr<BuiltSegment> BuildSegment(std::span<const RowSource* const> sources,
                                          const SegmentBuildOptions& options) {
  PERIGEE_CHECK(options.file_system != nullptr && options.schema != nullptr);
  return SegmentBuild(options).Run(sources);
}

void CarryDeaths(const GrowingSegment& source, uint64_t horizon_lsn, SealedSegment& target) {
  CarryDeathsOf(source, horizon_lsn, target);
}

void CarryDeaths(const SealedSegment& source, uint64_t horizon_lsn, SealedSegment& target) {
  if (CanaryActive("drop-tombstone-in-compaction")) {
    return;
  }
  CarryDeathsOf(source, horizon_lsn, target);
}

}  // namespace perigee::engine
