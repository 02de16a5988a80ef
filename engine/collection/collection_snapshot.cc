// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/collection_snapshot.h"

#include <algorithm>
#include <utility>

#include "storage/foundation/canary.h"
#include "storage/foundation/check.h"

namespace perigee::engine {
bool SegmentList::Contains(std::string_view encoded_id) const {
  const auto has = [encoded_id](const auto& segment) {
    return segment->FindLive(encoded_id).has_value();
  };
  return (growing != nullptr && has(growing)) || std::any_of(frozen.begin(), frozen.end(), has) ||
         std::any_of(sealed.begin(), sealed.end(), has);
}

bool SegmentList::MarkDead(std::string_view encoded_id, uint64_t lsn) {
  const auto mark = [encoded_id, lsn](const auto& segment) {
    const std::optional<uint32_t> row = segment->FindLive(encoded_id);
    return row.has_value() && segment->MarkDead(*row, lsn);
  };
  if (CanaryActive("tombstone-newest-only")) {
    return growing != nullptr && mark(growing);
  }
  return (growing != nullptr && mark(growing)) || std::any_of(frozen.begin(), frozen.end(), mark) ||
         std::any_of(sealed.begin(), sealed.end(), mark);
}

class CollectionSnapshot::SealedView final : public SegmentView {
 public:
  SealedView(std::shared_ptr<const SealedSegment> segment, uint64_t seq)
      : segment_(std::move(segment)),
        seq_(seq),
        live_count_(segment_->row_count() - segment_->deletions().dead_count()) {}

  const std::string& name() const override { return segment_->name(); }
  uint32_t row_count() const override { return segment_->row_count(); }
  bool RowLive(uint32_t row) const override { return segment_->deletions().LiveAt(row, seq_); }
  uint64_t live_count() const override { return live_count_; }
  std::string_view EncodedId(uint32_t row) const override { return segment_->EncodedId(row); }
  uint64_t Lsn(uint32_t row) const override { return segment_->Lsn(row); }
  std::span<const std::byte> EncodedPayload(uint32_t row) const override {
    return segment_->EncodedPayload(row);
  }
  uint32_t PresenceBits(uint32_t row) const override { return segment_->PresenceBits(row); }
  const VectorColumn& Vectors(size_t ordinal) const override { return segment_->Vectors(ordinal); }
  const VectorIndex* Index(size_t ordinal) const override { return segment_->Index(ordinal); }

  std::optional<uint32_t> FindRow(std::string_view encoded_id) const {
    const std::optional<uint32_t> row = segment_->FindRow(encoded_id);
    return row.has_value() && RowLive(*row) ? row : std::nullopt;
  }

  void ScanInIdOrder(std::string_view after, absl::FunctionRef<bool(uint32_t)> take) const {
    const std::span<const uint32_t> order = segment_->id_order();
    auto next =
        std::upper_bound(order.begin(), order.end(), after,
                         [this](std::string_view id, uint32_t row) { return id < EncodedId(row); });
    for (; next != order.end(); ++next) {
      if (RowLive(*next) && !take(*next)) {
        return;
      }
    }
  }

 private:
  const std::shared_ptr<const SealedSegment> segment_;
  const uint64_t seq_;
  const uint64_t live_count_;
};

class CollectionSnapshot::GrowingView final : public SegmentView {
 public:
  GrowingView(std::shared_ptr<const GrowingSegment> segment, uint64_t seq)
      : segment_(std::move(segment)),
        seq_(seq),
        row_count_(segment_->row_count()),
        live_count_(row_count_ - segment_->deletions().dead_count()) {
    for (size_t ordinal = 0; ordinal < segment_->schema().vectors.size(); ++ordinal) {
      vectors_.push_back(segment_->rows().Vectors(ordinal, row_count_));
    }
  }

  const std::string& name() const override { return name_; }
  uint32_t row_count() const override { return row_count_; }
  bool RowLive(uint32_t row) const override { return segment_->deletions().LiveAt(row, seq_); }
  uint64_t live_count() const override { return live_count_; }
  std::string_view EncodedId(uint32_t row) const override { return segment_->EncodedId(row); }
  uint64_t Lsn(uint32_t row) const override { return segment_->Lsn(row); }
  std::span<const std::byte> EncodedPayload(uint32_t row) const override {
    return segment_->EncodedPayload(row);
  }
  uint32_t PresenceBits(uint32_t row) const override { return segment_->PresenceBits(row); }
  const VectorColumn& Vectors(size_t ordinal) const override { return vectors_[ordinal]; }
  const VectorIndex* Index(size_t /*ordinal*/) const override { return nullptr; }

  std::optional<uint32_t> FindRow(std::string_view encoded_id) const {
    return segment_->FindRow(encoded_id, row_count_, seq_);
  }

  void ScanInIdOrder(std::string_view after, absl::FunctionRef<bool(uint32_t)> take) const {
    // Rows are in the order of their writes. A heap gives them in order without sorting those that
    // a page does not reach.
    const auto later = [](const IdOfRow& a, const IdOfRow& b) { return a.id > b.id; };
    std::vector<IdOfRow> heap;
    for (uint32_t row = 0; row < row_count_; ++row) {
      if (RowLive(row) && EncodedId(row) > after) {
        heap.push_back({EncodedId(row), row});
      }
    }
    std::make_heap(heap.begin(), heap.end(), later);
    while (!heap.empty() && take(heap.front().row)) {
      std::pop_heap(heap.begin(), heap.end(), later);
      heap.pop_back();
    }
  }

 private:
  struct IdOfRow {
    std::string_view id;
    uint32_t row;
  };

  const std::string name_ = "growing";
  const std::shared_ptr<const GrowingSegment> segment_;
  const uint64_t seq_;
  const uint32_t row_count_;
  const uint64_t live_count_;
  std::vector<VectorColumn> vectors_;
};

CollectionSnapshot::CollectionSnapshot(SnapshotIdentity identity)
    : identity_(std::move(identity)) {}

CollectionSnapshot::~CollectionSnapshot() = default;

std::shared_ptr<const CollectionSnapshot> CollectionSnapshot::Make(SnapshotIdentity identity,
                                                                   const SegmentList& segments) {
  std::shared_ptr<CollectionSnapshot> snapshot(new CollectionSnapshot(std::move(identity)));
  const uint64_t seq = snapshot->seq();
  snapshot->missing_ = segments.missing;
  for (const std::shared_ptr<SealedSegment>& sealed : segments.sealed) {
    snapshot->sealed_views_.push_back(std::make_unique<SealedView>(sealed, seq));
  }
  for (const std::shared_ptr<GrowingSegment>& frozen : segments.frozen) {
    snapshot->growing_views_.push_back(std::make_unique<GrowingView>(frozen, seq));
  }
  if (segments.growing != nullptr) {
    snapshot->growing_views_.push_back(std::make_unique<GrowingView>(segments.growing, seq));
  }
  for (const std::unique_ptr<SealedView>& view : snapshot->sealed_views_) {
    snapshot->views_.push_back(view.get());
  }
  for (const std::unique_ptr<GrowingView>& view : snapshot->growing_views_) {
    snapshot->views_.push_back(view.get());
  }
  for (const SegmentView* view : snapshot->views_) {
    snapshot->live_count_ += view->live_count();
  }
  return snapshot;
}

std::optional<RowPlace> CollectionSnapshot::FindRow(std::string_view encoded_id) const {
  // The newest rows first: they are the ones asked for most, and a hash finds them.
  for (auto view = growing_views_.rbegin(); view != growing_views_.rend(); ++view) {
    if (const std::optional<uint32_t> row = (*view)->FindRow(encoded_id); row.has_value()) {
      return RowPlace{.view = view->get(), .row = *row};
    }
  }
  for (const std::unique_ptr<SealedView>& view : sealed_views_) {
    if (const std::optional<uint32_t> row = view->FindRow(encoded_id); row.has_value()) {
      return RowPlace{.view = view.get(), .row = *row};
    }
  }
  return std::nullopt;
}

void CollectionSnapshot::ScanInIdOrder(size_t position, std::string_view after,
                                       absl::FunctionRef<bool(uint32_t row)> take) const {
  PERIGEE_CHECK(position < views_.size(), position);
  if (position < sealed_views_.size()) {
    sealed_views_[position]->ScanInIdOrder(after, take);
  } else {
    growing_views_[position - sealed_views_.size()]->ScanInIdOrder(after, take);
  }
}

}  // namespace perigee::engine
