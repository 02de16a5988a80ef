// SPDX-License-Identifier: Apache-2.0
#include "engine/database/bulk_load.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "engine/collection/collection_writer.h"
#include "engine/collection/segment_publisher.h"
#include "engine/database/catalog_operation.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"

namespace perigee::engine {
namespace {

constexpr uint32_t kChunkRows = 65'536;
// Two threads build two graphs of half the size, but every query then searches both; below this
// many rows per segment that is a bad bargain.
constexpr uint64_t kParallelSegmentRowsMin = 20'000;
// N19: one to eight million rows are what a segment should have.
constexpr uint64_t kSegmentRowsDefaultMax = 1'000'000;
constexpr uint64_t kProgressRows = 4'096;
constexpr absl::Duration kProgressPause = absl::Milliseconds(200);

}  // namespace

// Rows [begin, end) of a chunk.
class BulkLoad::RowRange final : public RowSource {
 public:
  RowRange(const MemoryRows& rows, uint32_t begin, uint32_t end)
      : rows_(rows), begin_(begin), end_(end) {}

  uint32_t row_count() const override { return end_ - begin_; }
  std::string_view EncodedId(uint32_t row) const override { return rows_.EncodedId(begin_ + row); }
  uint64_t Lsn(uint32_t row) const override { return rows_.Lsn(begin_ + row); }
  uint64_t DeadLsn(uint32_t row) const override { return rows_.DeadLsn(begin_ + row); }
  std::span<const std::byte> EncodedPayload(uint32_t row) const override {
    return rows_.EncodedPayload(begin_ + row);
  }
  uint32_t PresenceBits(uint32_t row) const override { return rows_.PresenceBits(begin_ + row); }
  std::span<const std::byte> VectorBytes(uint32_t row, size_t ordinal) const override {
    return rows_.VectorBytes(begin_ + row, ordinal);
  }
  double Norm(uint32_t row, size_t ordinal) const override {
    return rows_.Norm(begin_ + row, ordinal);
  }

 private:
  const MemoryRows& rows_;
  const uint32_t begin_;
  const uint32_t end_;
};

// One segment to build.
struct BulkLoad::Task {
  std::vector<std::unique_ptr<RowRange>> ranges;
  uint64_t rows = 0;
  std::atomic<uint64_t> indexed_rows = 0;
  std::atomic<bool> verifying = false;
  absl::Status status = absl::CancelledError("the load was given up before this segment");
  NamedSegment named;
};

BulkLoad::BulkLoad(std::shared_ptr<CollectionCore> collection, BulkLoadOptions options)
    : collection_(std::move(collection)), options_(std::move(options)) {}

BulkLoad::~BulkLoad() = default;

absl::Status BulkLoad::Add(const Point& point) {
  if (spent_) {
    return absl::FailedPreconditionError("this loader has published or failed; start another");
  }
  const CollectionSchema& schema = collection_->schema();
  PERIGEE_RETURN_IF_ERROR(Validate(point, schema));
  std::string encoded_id = point.id.Encode();
  if (ids_.contains(encoded_id)) {
    return absl::AlreadyExistsError(
        absl::StrCat("point ", point.id.ToString(), " was added to this load before"));
  }
  const StoredPoint stored(point, schema);
  if (options_.memory_bytes_max != 0 &&
      memory_bytes() + stored.bytes() > options_.memory_bytes_max) {
    return ErrorWithReason(
        ErrorReason::kOverloaded,
        absl::StrCat("the load holds ", rows_, " rows in ", memory_bytes(),
                     " bytes; memory_bytes_max is ", options_.memory_bytes_max,
                     ". Publish what there is and go on with another load, or raise the limit"));
  }
  if (chunks_.empty() || chunks_.back()->row_count() == kChunkRows) {
    chunks_.push_back(std::make_unique<MemoryRows>(collection_->identity().schema, kChunkRows));
  }
  chunks_.back()->Append(stored.Image(), 0);
  id_bytes_ += encoded_id.size() + sizeof(std::string);
  ids_.insert(std::move(encoded_id));
  if (++rows_ % kProgressRows == 0) {
    ReportProgress(BulkLoadStage::kReading, {});
  }
  return absl::OkStatus();
}

uint64_t BulkLoad::memory_bytes() const {
  uint64_t bytes = id_bytes_;
  for (const std::unique_ptr<MemoryRows>& chunk : chunks_) {
    bytes += chunk->memory_bytes();
  }
  return bytes;
}

uint32_t BulkLoad::build_threads() const {
  return options_.build_threads != 0 ? options_.build_threads
                                     : std::max(1U, std::thread::hardware_concurrency());
}

std::vector<std::unique_ptr<BulkLoad::Task>> BulkLoad::PlanTasks() const {
  uint64_t segments = 1;
  if (options_.segment_rows_max != 0) {
    segments = (rows_ + options_.segment_rows_max - 1) / options_.segment_rows_max;
  } else {
    segments = std::clamp<uint64_t>(rows_ / kParallelSegmentRowsMin, 1, build_threads());
    segments = std::max(segments, (rows_ + kSegmentRowsDefaultMax - 1) / kSegmentRowsDefaultMax);
  }
  segments = std::max<uint64_t>(segments, 1);
  std::vector<std::unique_ptr<Task>> tasks;
  uint64_t begin = 0;
  for (uint64_t i = 0; i < segments; ++i) {
    const uint64_t end = rows_ * (i + 1) / segments;
    auto task = std::make_unique<Task>();
    task->rows = end - begin;
    while (begin < end) {
      const uint64_t chunk = begin / kChunkRows;
      const uint64_t stop = std::min(end, (chunk + 1) * kChunkRows);
      task->ranges.push_back(
          std::make_unique<RowRange>(*chunks_[chunk], static_cast<uint32_t>(begin % kChunkRows),
                                     static_cast<uint32_t>(stop - chunk * kChunkRows)));
      begin = stop;
    }
    tasks.push_back(std::move(task));
  }
  return tasks;
}

absl::StatusOr<BulkLoadReport> BulkLoad::Publish() {
  if (spent_) {
    return absl::FailedPreconditionError("this loader has published or failed; start another");
  }
  spent_ = true;
  CollectionEnvironment& environment = collection_->environment();
  PERIGEE_ASSIGN_OR_RETURN(const WorkPermit permit, environment.state.BeginWork());
  PERIGEE_RETURN_IF_ERROR(collection_->WaitLoaded(kIdsLoaded));
  PERIGEE_RETURN_IF_ERROR(collection_->CheckWritable());
  PERIGEE_RETURN_IF_ERROR(environment.check_space());
  BulkLoadReport report{.rows = rows_, .epoch = environment.state.epoch()};
  if (rows_ == 0) {
    report.seq = environment.visible_lsn.load();
    return report;
  }
  std::vector<std::unique_ptr<Task>> tasks = PlanTasks();
  if (tasks.size() > kAttachSegmentsMax) {
    return ErrorWithReason(ErrorReason::kLimit,
                           absl::StrCat("the load makes ", tasks.size(), " segments of at most ",
                                        options_.segment_rows_max, " rows; the limit is ",
                                        kAttachSegmentsMax, ". Raise segment_rows_max"));
  }
  PERIGEE_RETURN_IF_ERROR(BuildAll(tasks));
  ReportProgress(BulkLoadStage::kPublishing, tasks);
  PERIGEE_RETURN_IF_ERROR(AttachAll(tasks, report));
  ReportProgress(BulkLoadStage::kDone, tasks);
  return report;
}

absl::Status BulkLoad::BuildAll(std::vector<std::unique_ptr<Task>>& tasks) {
  const auto count = static_cast<uint32_t>(std::min<size_t>(build_threads(), tasks.size()));
  threads_running_ = count;
  std::vector<std::thread> threads;
  threads.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    threads.emplace_back([this, &tasks] { RunTasks(tasks); });
  }
  absl::Time next_report = absl::Now();
  while (threads_running_.load() > 0) {
    absl::SleepFor(absl::Milliseconds(1));
    if (absl::Now() >= next_report) {
      const bool verifying = std::all_of(tasks.begin(), tasks.end(),
                                         [](const auto& task) { return task->verifying.load(); });
      ReportProgress(verifying ? BulkLoadStage::kVerifying : BulkLoadStage::kBuilding, tasks);
      next_report = absl::Now() + kProgressPause;
    }
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (const std::unique_ptr<Task>& task : tasks) {
    if (!task->status.ok() && task->status.code() != absl::StatusCode::kCancelled) {
      Discard(tasks);
      return task->status;
    }
  }
  for (const std::unique_ptr<Task>& task : tasks) {
    if (!task->status.ok()) {
      Discard(tasks);
      // A cancelled build means that the collection was dropped or the database is closing.
      PERIGEE_RETURN_IF_ERROR(collection_->CheckUsable());
      return task->status;
    }
  }
  return absl::OkStatus();
}

void BulkLoad::RunTasks(std::vector<std::unique_ptr<Task>>& tasks) {
  for (size_t i = next_task_.fetch_add(1); i < tasks.size(); i = next_task_.fetch_add(1)) {
    Task& task = *tasks[i];
    std::vector<const RowSource*> sources;
    for (const std::unique_ptr<RowRange>& range : task.ranges) {
      sources.push_back(range.get());
    }
    absl::StatusOr<NamedSegment> named = BuildNamedSegment(
        collection_->environment(), collection_->identity(), sources,
        {.on_progress =
             [&task](const SegmentBuildProgress& progress) {
               if (progress.stage == SegmentBuildStage::kIndexing && progress.total > 0) {
                 task.indexed_rows.store(task.rows * progress.done / progress.total);
               }
               task.verifying.store(progress.stage == SegmentBuildStage::kVerifying);
             },
         .cancellation = Cancellation::OnFlag(&collection_->stop_requested())});
    task.status = named.status();
    if (!named.ok()) {
      next_task_.store(tasks.size());  // the others need not begin
      break;
    }
    task.named = *std::move(named);
    task.indexed_rows.store(task.rows);
    task.verifying.store(true);
  }
  threads_running_.fetch_sub(1);
}

absl::Status BulkLoad::AttachAll(std::vector<std::unique_ptr<Task>>& tasks,
                                 BulkLoadReport& report) {
  CollectionEnvironment& environment = collection_->environment();
  std::vector<NamedSegment> segments;
  for (const std::unique_ptr<Task>& task : tasks) {
    report.bytes += task->named.entry.file_bytes;
    segments.push_back(task->named);
  }
  report.segments = segments.size();
  if (CanaryActive("bulk-edit-before-attach-record")) {
    for (const NamedSegment& segment : segments) {
      SegmentChange early;
      early.collection = collection_;
      early.added = segment.segment;
      early.added_entry = segment.entry;
      const uint64_t lsn = environment.visible_lsn.load();
      early.added_entry.stamped_lsn = lsn;
      early.added_entry.min_lsn = lsn;
      early.added_entry.max_lsn = lsn;
      environment.publisher->Publish(early).IgnoreError();
    }
  }
  AttachOperation operation(collection_, std::move(segments));
  const absl::StatusOr<uint64_t> lsn = environment.queue->Commit(operation);
  if (!lsn.ok()) {
    if (environment.state.storage_error().ok()) {
      Discard(tasks);
    }
    return lsn.status();
  }
  report.seq = *lsn;
  // The rows are durable and visible through the log from here on; should the edit fail, the
  // database says so itself and the next open repeats it.
  SegmentChange change;
  change.collection = collection_;
  environment.publisher->Publish(change).IgnoreError();
  return absl::OkStatus();
}

void BulkLoad::Discard(const std::vector<std::unique_ptr<Task>>& tasks) const {
  for (const std::unique_ptr<Task>& task : tasks) {
    if (task->named.segment != nullptr) {
      RemoveUnpublished(collection_->environment(), task->named.entry.uuid);
    }
  }
}

void BulkLoad::ReportProgress(BulkLoadStage stage,
                              const std::vector<std::unique_ptr<Task>>& tasks) {
  if (!options_.on_progress) {
    return;
  }
  BulkLoadProgress progress;
  progress.stage = stage;
  progress.rows_added = rows_;
  progress.rows_total = stage == BulkLoadStage::kReading ? 0 : rows_;
  for (const std::unique_ptr<Task>& task : tasks) {
    progress.rows_indexed += task->indexed_rows.load();
  }
  options_.on_progress(progress);
}

}  // namespace perigee::engine
