// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/growing_segment.h"

#include <algorithm>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"
#include "perigee/model/limits.h"
#include "storage/foundation/check.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::engine {
namespace {

constexpr uint32_t kTableSlotsMin = 1024;
constexpr uint32_t kRowsPerChunkLog2 = 10;

uint32_t Capacity(const GrowingSegmentOptions& options) {
  constexpr uint32_t kBatch = limits::kWriteBatchPointsMax;
  // Row + 1 is stored in 32 bits.
  PERIGEE_CHECK(options.rows_max > 0 && options.rows_max < 0x8000'0000U, options.rows_max);
  return options.rows_max + kBatch;
}

size_t HashOf(std::string_view encoded_id) {
  return absl::Hash<absl::string_view>()(Absl(encoded_id));
}

}  // namespace

/// Open addressing with linear probing. A slot holds row + 1 of the newest version of an id; it
/// goes once from 0 to an id and after that changes only to newer versions of the same id, so a
/// reader that walks past it meanwhile stays on its probe sequence.
struct GrowingSegment::IdTable {
  explicit IdTable(uint32_t slot_count)
      : mask(slot_count - 1), slots(std::make_unique<std::atomic<uint32_t>[]>(slot_count)) {}

  uint64_t bytes() const { return (uint64_t{mask} + 1) * sizeof(slots[0]); }

  /// The slot of that id, or the empty one where it belongs.
  std::atomic<uint32_t>& Slot(std::string_view encoded_id, const MemoryRows& rows) const {
    for (size_t i = HashOf(encoded_id);; ++i) {
      std::atomic<uint32_t>& slot = slots[i & mask];
      const uint32_t newest = slot.load(std::memory_order_acquire);
      if (newest == 0 || rows.EncodedId(newest - 1) == encoded_id) {
        return slot;
      }
    }
  }

  const uint32_t mask;
  const std::unique_ptr<std::atomic<uint32_t>[]> slots;
};

std::shared_ptr<GrowingSegment> GrowingSegment::Create(
    std::shared_ptr<const CollectionSchema> schema, const GrowingSegmentOptions& options) {
  return std::shared_ptr<GrowingSegment>(new GrowingSegment(std::move(schema), options));
}

GrowingSegment::GrowingSegment(std::shared_ptr<const CollectionSchema> schema,
                               const GrowingSegmentOptions& options)
    : options_(options),
      rows_(std::move(schema), Capacity(options)),
      deletions_(Capacity(options)),
      older_version_(
          {.capacity_rows = Capacity(options), .rows_per_chunk_log2 = kRowsPerChunkLog2}) {
  tables_.push_back(std::make_unique<IdTable>(kTableSlotsMin));
  table_.store(tables_.back().get(), std::memory_order_release);
}

GrowingSegment::~GrowingSegment() = default;

uint32_t GrowingSegment::Append(const RowImage& image, uint64_t lsn) {
  PERIGEE_CHECK(lsn >= max_lsn_, "lsn ", lsn, " after ", max_lsn_);
  const uint32_t row = rows_.Append(image, lsn);
  LinkVersion(row);
  min_lsn_ = row == 0 ? lsn : min_lsn_;
  max_lsn_ = lsn;
  return row;
}

void GrowingSegment::LinkVersion(uint32_t row) {
  std::atomic<uint32_t>& slot = tables_.back()->Slot(rows_.EncodedId(row), rows_);
  const uint32_t older = slot.load(std::memory_order_relaxed);
  *older_version_.Append() = older;
  // Released after row and link are complete: readers reach both through the slot.
  slot.store(row + 1, std::memory_order_release);
  if (older == 0 && ++ids_ > tables_.back()->mask / 2) {
    GrowTable();
  }
}

void GrowingSegment::GrowTable() {
  const IdTable& old = *tables_.back();
  auto larger = std::make_unique<IdTable>((old.mask + 1) * 2);
  for (uint32_t i = 0; i <= old.mask; ++i) {
    const uint32_t newest = old.slots[i].load(std::memory_order_relaxed);
    if (newest != 0) {
      larger->Slot(rows_.EncodedId(newest - 1), rows_).store(newest, std::memory_order_relaxed);
    }
  }
  tables_.push_back(std::move(larger));
  // A reader still in an old table finds there everything that its snapshot can see, because its
  // rows were linked before the snapshot was published, and old tables keep what they had.
  table_.store(tables_.back().get(), std::memory_order_release);
}

std::optional<uint32_t> GrowingSegment::FindRow(std::string_view encoded_id, uint32_t row_count,
                                                uint64_t seq) const {
  const IdTable& table = *table_.load(std::memory_order_acquire);
  uint32_t version = table.Slot(encoded_id, rows_).load(std::memory_order_acquire);
  // Versions newer than the snapshot come first; all versions before the first older one are dead.
  while (version != 0 && version > row_count) {
    version = *older_version_.At(version - 1);
  }
  if (version == 0 || !deletions_.LiveAt(version - 1, seq)) {
    return std::nullopt;
  }
  return version - 1;
}

std::optional<uint32_t> GrowingSegment::FindLive(std::string_view encoded_id) const {
  return FindRow(encoded_id, row_count(), kNeverDead - 1);
}

bool GrowingSegment::full() const {
  return rows_.row_count() >= options_.rows_max || memory_bytes() >= options_.bytes_max;
}

uint64_t GrowingSegment::memory_bytes() const {
  const uint64_t rows = rows_.row_count();
  // Linking a row takes its entry and about two slots.
  return rows_.memory_bytes() + rows * 3 * sizeof(uint32_t) + deletions_.dead_count() * 8;
}

}  // namespace perigee::engine
