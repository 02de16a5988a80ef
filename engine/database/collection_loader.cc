// SPDX-License-Identifier: Apache-2.0
#include "engine/database/collection_loader.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/memory_boundary.h"
#include "storage/foundation/status_macros.h"

namespace perigee::engine {
namespace {

constexpr size_t kIds = 0;
constexpr size_t kPayload = 1;
constexpr size_t kVectors = 2;
constexpr size_t kIndexes = 3;
static_assert(kIdsLoaded == 1U << kIds && kPayloadLoaded == 1U << kPayload &&
              kVectorsLoaded == 1U << kVectors && kIndexesLoaded == 1U << kIndexes);

bool IsDamage(const absl::Status& status) {
  return absl::IsDataLoss(status) || absl::IsNotFound(status);
}

// The live rows of a segment in the order of their ids.
class LiveRows {
 public:
  explicit LiveRows(const SealedSegment& segment) : segment_(&segment) { SkipDead(); }

  bool done() const { return position_ == segment_->id_order().size(); }
  std::string_view id() const { return segment_->EncodedId(segment_->id_order()[position_]); }
  const SealedSegment& segment() const { return *segment_; }
  void Next() {
    ++position_;
    SkipDead();
  }

 private:
  void SkipDead() {
    while (!done() && segment_->DeadLsn(segment_->id_order()[position_]) != kNeverDead) {
      ++position_;
    }
  }

  const SealedSegment* segment_;
  size_t position_ = 0;
};

struct SharedId {
  const SealedSegment* one = nullptr;
  const SealedSegment* other = nullptr;
};

// Two segments with a live row of one id, if there are any.
std::optional<SharedId> FindSharedId(const std::vector<std::shared_ptr<SealedSegment>>& segments) {
  if (segments.size() < 2) {
    return std::nullopt;  // a segment's own ids are unique, its loading has seen to that
  }
  // All live rows in the order of their ids: two rows with one id stand side by side.
  std::vector<LiveRows> heap;
  for (const std::shared_ptr<SealedSegment>& segment : segments) {
    if (LiveRows rows(*segment); !rows.done()) {
      heap.push_back(rows);
    }
  }
  const auto later = [](const LiveRows& a, const LiveRows& b) { return a.id() > b.id(); };
  std::make_heap(heap.begin(), heap.end(), later);
  const SealedSegment* previous = nullptr;
  std::string_view previous_id;
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    LiveRows& rows = heap.back();
    if (previous != nullptr && rows.id() == previous_id) {
      return SharedId{previous, &rows.segment()};
    }
    previous = &rows.segment();
    previous_id = rows.id();
    rows.Next();
    if (rows.done()) {
      heap.pop_back();
    } else {
      std::push_heap(heap.begin(), heap.end(), later);
    }
  }
  return std::nullopt;
}

}  // namespace

CollectionLoader::CollectionLoader(Options options) : options_(std::move(options)) {}
CollectionLoader::~CollectionLoader() { Stop(); }

void CollectionLoader::Add(const std::shared_ptr<CollectionCore>& collection) {
  auto work = std::make_unique<Work>();
  work->collection = collection;
  for (std::shared_ptr<SealedSegment>& segment : collection->state().sealed()) {
    work->segments.push_back({.segment = std::move(segment)});
  }
  if (!work->segments.empty()) {
    collection->load().Begin();
    works_.push_back(std::move(work));
  }
}

// Parts in their order, all collections in each: writes and looks for ids come first everywhere.
void CollectionLoader::Plan() {
  for (size_t part = 0; part < kParts; ++part) {
    for (const std::unique_ptr<Work>& work : works_) {
      const size_t vectors = work->collection->schema().vectors.size();
      const size_t ordinals = part == kVectors || part == kIndexes ? vectors : 1;
      for (size_t segment = 0; segment < work->segments.size(); ++segment) {
        for (size_t ordinal = 0; ordinal < ordinals; ++ordinal) {
          jobs_.push_back(
              {.work = work.get(), .segment = segment, .part = part, .ordinal = ordinal});
          ++work->jobs_left[part];
        }
      }
    }
  }
}

absl::Status CollectionLoader::LoadNow() {
  strict_ = true;
  Plan();
  for (const Job& job : jobs_) {
    PERIGEE_RETURN_IF_ERROR(RunJob(job));
  }
  works_.clear();
  return absl::OkStatus();
}

void CollectionLoader::Start(uint32_t threads) {
  Plan();
  const size_t count = std::min<size_t>(threads, jobs_.size());
  threads_.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    threads_.emplace_back([this] { Run(); });
  }
}

void CollectionLoader::Stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (std::thread& thread : threads_) {
    thread.join();
  }
  threads_.clear();
  jobs_.clear();
  works_.clear();
}

void CollectionLoader::Run() {
  while (true) {
    Job job;
    {
      const absl::MutexLock lock(&mutex_);
      if (stopping_ || next_job_ == jobs_.size()) {
        return;
      }
      job = jobs_[next_job_++];
      // A graph is checked against the vectors, and behind the last one all ids are compared. Those
      // jobs were all taken before this one, so somebody is at work on them.
      const auto ready = [this, &job]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return stopping_ || job.part != kIndexes ||
               (job.work->jobs_left[kIds] == 0 && job.work->jobs_left[kVectors] == 0);
      };
      mutex_.Await(absl::Condition(&ready));
      if (stopping_) {
        return;
      }
    }
    RunJob(job).IgnoreError();  // errors are for LoadNow; here they have become missing segments
  }
}

absl::Status CollectionLoader::RunJob(const Job& job) {
  Work& work = *job.work;
  Work::Segment& segment = work.segments[job.segment];
  bool skip = work.collection->stop_requested().load();
  {
    const absl::MutexLock lock(&mutex_);
    skip = skip || !segment.failure.ok();
  }
  absl::Status loaded = skip ? absl::OkStatus() : Load(job);
  if (strict_ && !loaded.ok() && !IsDamage(loaded)) {
    return loaded;
  }
  if (job.part == kIndexes && !loaded.ok()) {
    // Memory ran out. The vectors are compared one by one; the next rewrite has an index again.
    const absl::MutexLock lock(&callback_mutex_);
    options_.warn(absl::StrCat("collection '", work.collection->name(), "': index of segment ",
                               segment.segment->name(), " left out: ", loaded.message()));
    loaded = absl::OkStatus();
  }
  bool last = false;
  {
    const absl::MutexLock lock(&mutex_);
    segment.failure.Update(loaded);
    last = --work.jobs_left[job.part] == 0;
  }
  if (!last) {
    return absl::OkStatus();
  }
  const absl::Status finished = FinishPart(work, job.part);
  const absl::MutexLock lock(&mutex_);
  if (--work.parts_left == 0) {
    // Nobody is at work here any more; segments that are rewritten are to go.
    work.segments.clear();
    work.collection.reset();
  }
  return finished;
}

absl::Status CollectionLoader::Load(const Job& job) {
  SealedSegment& segment = *job.work->segments[job.segment].segment;
  const std::atomic<bool>* stop = &job.work->collection->stop_requested();
  // Behind an open no caller is there to be told that memory ran out.
  return WithinMemory([&]() -> absl::Status {
    switch (job.part) {
      case kIds:
        return segment.LoadIds(stop);
      case kPayload:
        return segment.LoadPayloads(stop);
      case kVectors:
        return segment.LoadVectors(job.ordinal, stop);
      default:
        segment.LoadGraph(job.ordinal, stop);
        return absl::OkStatus();
    }
  });
}

absl::Status CollectionLoader::FinishPart(Work& work, size_t part) {
  CollectionCore& collection = *work.collection;
  if (part == kIndexes || !CanaryActive("finish-before-settle")) {
    PERIGEE_RETURN_IF_ERROR(SettleFailures(work));
  }
  if (part == kIndexes) {
    PERIGEE_RETURN_IF_ERROR(CheckIds(work));
  }
  if (collection.stop_requested().load()) {
    return absl::OkStatus();  // nobody waits any more, and a part may be half read
  }
  TellProblems(work);
  collection.load().Finish(1U << part);
  if (options_.on_progress) {
    const absl::MutexLock lock(&callback_mutex_);
    options_.on_progress();
  }
  return absl::OkStatus();
}

absl::Status CollectionLoader::SettleFailures(Work& work) {
  CollectionCore& collection = *work.collection;
  for (Work::Segment& segment : work.segments) {
    absl::Status failure;
    {
      const absl::MutexLock lock(&mutex_);
      if (segment.failure.ok() || segment.settled || absl::IsCancelled(segment.failure)) {
        continue;
      }
      segment.settled = true;
      failure = segment.failure;
    }
    const std::string message(failure.message());
    const absl::Status why =
        IsDamage(failure) ? ErrorWithReason(ErrorReason::kDamaged, message) : failure;
    if (collection.state().MarkMissing(*segment.segment, why, collection.stop_requested())) {
      const absl::MutexLock lock(&callback_mutex_);
      options_.warn(absl::StrCat("collection '", collection.name(), "': segment ",
                                 segment.segment->name(), " cannot be read: ", message));
    }
  }
  return absl::OkStatus();
}

absl::Status CollectionLoader::CheckIds(Work& work) {
  CollectionCore& collection = *work.collection;
  std::vector<std::shared_ptr<SealedSegment>> segments;
  for (const Work::Segment& segment : work.segments) {
    const absl::MutexLock lock(&mutex_);
    if (segment.failure.ok()) {
      segments.push_back(segment.segment);
    }
  }
  if (collection.stop_requested().load()) {
    return absl::OkStatus();
  }
  const std::optional<SharedId> shared = FindSharedId(segments);
  if (!shared.has_value()) {
    return absl::OkStatus();
  }
  const absl::Status broken = ErrorWithReason(
      ErrorReason::kDamaged,
      absl::StrCat("collection '", collection.name(), "': one id is alive in segment ",
                   shared->one->name(), " and in segment ", shared->other->name(),
                   "; run perigee-inspect verify"));
  if (strict_) {
    return broken;
  }
  for (Work::Segment& segment : work.segments) {
    const absl::MutexLock lock(&mutex_);
    if (segment.segment.get() == shared->other) {
      segment.failure = broken;
    }
  }
  return SettleFailures(work);
}

void CollectionLoader::TellProblems(Work& work) {
  const absl::MutexLock lock(&callback_mutex_);
  for (Work::Segment& segment : work.segments) {
    const std::vector<std::string> problems = segment.segment->problems();
    for (; segment.problems_told < problems.size(); ++segment.problems_told) {
      options_.warn(absl::StrCat("collection '", work.collection->name(),
                                 "': ", problems[segment.problems_told]));
    }
  }
}

}  // namespace perigee::engine
