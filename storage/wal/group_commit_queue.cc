// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/group_commit_queue.h"

#include <chrono>
#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/check.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/log.h"
#include "storage/foundation/status_macros.h"

namespace perigee::storage {
namespace {

using Clock = std::chrono::steady_clock;

// One caller in Commit; lives on its stack.
struct Waiter {
  CommitOperation* operation = nullptr;
  size_t record_bytes = 0;
  absl::Status status;
  uint64_t lsn = 0;
  // Its own, so that callers wake one by one and meet at no lock.
  absl::Notification done;
};

absl::Status ErrorOfOutcome(AppendOutcome outcome) {
  if (outcome == AppendOutcome::kFenced) {
    return ErrorWithReason(ErrorReason::kFenced, "another writer with a higher epoch took over");
  }
  return ErrorWithReason(ErrorReason::kUnknownOutcome,
                         "the log did not answer; the write may or may not have happened");
}

}  // namespace

class GroupCommitQueue::State {
 public:
  State(LogStore& log, GroupCommitOptions options) : log_(log), options_(std::move(options)) {
    PERIGEE_CHECK(options_.group_bytes_soft_max <= kGroupBytesMax);
    thread_ = std::thread([this] { Run(); });
  }
  ~State() { Stop(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  absl::StatusOr<uint64_t> Commit(CommitOperation& operation);
  void Stop();
  absl::Status health() const {
    const absl::MutexLock lock(&mutex_);
    return failure_;
  }
  size_t queued() const {
    const absl::MutexLock lock(&mutex_);
    return queued_;
  }

 private:
  // Who has the turn: writes groups, and is the log writer meanwhile.
  enum class Turn { kNobody, kCaller, kThread };

  // A group being put together; all vectors have one entry per operation.
  struct Batch {
    std::vector<Waiter*> waiters;
    std::vector<CommitOperation*> operations;
    size_t bytes = kGroupHeaderBytes;
  };

  absl::Status Enqueue(Waiter& waiter) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Run();
  absl::Duration MarkDueIn() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Rest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndTurn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // With the turn, and without the lock.
  void WriteGroup() noexcept;
  Waiter* Front();
  bool HasRoom(const Batch& batch, const Waiter& waiter) const;
  Batch Collect();
  void WriteBatch(const Batch& batch);
  void WriteDurableMark() noexcept;
  absl::Status Append(const LogGroup& group);
  void Fail(const absl::Status& failure, const std::vector<Waiter*>& waiters);
  static void Finish(Waiter& waiter, const absl::Status& status, uint64_t lsn);

  LogStore& log_;
  const GroupCommitOptions options_;
  std::thread thread_;

  mutable absl::Mutex mutex_;
  absl::CondVar work_;  // for thread_
  Turn turn_ ABSL_GUARDED_BY(mutex_) = Turn::kNobody;
  std::deque<Waiter*> queue_ ABSL_GUARDED_BY(mutex_);
  // Of queue_ and taken_ together.
  size_t queued_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t queued_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool mark_owed_ ABSL_GUARDED_BY(mutex_) = false;  // records were written since the last mark
  Clock::time_point last_write_ ABSL_GUARDED_BY(mutex_);
  bool thread_keeps_time_ ABSL_GUARDED_BY(mutex_) = false;  // it will look by itself
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);

  // Of whoever has the turn: taken from the queue, and not yet in a group.
  std::deque<Waiter*> taken_;
};

absl::StatusOr<uint64_t> GroupCommitQueue::State::Commit(CommitOperation& operation) {
  const size_t payload_bytes = operation.record_payload().size();
  if (payload_bytes > kRecordPayloadBytesMax) {
    return ErrorWithReason(
        ErrorReason::kLimit,
        absl::StrCat("a write of ", payload_bytes, " bytes exceeds the limit of ",
                     kRecordPayloadBytesMax, "; split it into smaller batches"));
  }
  Waiter waiter;
  waiter.operation = &operation;
  waiter.record_bytes = RecordBytes(payload_bytes);
  bool writes = false;
  {
    const absl::MutexLock lock(&mutex_);
    PERIGEE_RETURN_IF_ERROR(Enqueue(waiter));
    if (turn_ == Turn::kNobody) {
      turn_ = Turn::kCaller;
      writes = true;
    }
  }
  if (writes) {
    // The queue was empty, so this group begins with our own operation.
    WriteGroup();
    const absl::MutexLock lock(&mutex_);
    EndTurn();
  }
  waiter.done.WaitForNotification();
  if (!waiter.status.ok()) {
    return waiter.status;
  }
  return waiter.lsn;
}

absl::Status GroupCommitQueue::State::Enqueue(Waiter& waiter) {
  PERIGEE_RETURN_IF_ERROR(failure_);
  if (stopping_) {
    return absl::FailedPreconditionError("the database is being closed");
  }
  if (queued_ >= options_.queue_operations_max ||
      (queued_ > 0 && queued_bytes_ + waiter.record_bytes > options_.queue_bytes_max)) {
    return ErrorWithReason(
        ErrorReason::kOverloaded,
        absl::StrCat("the write queue is full with ", queued_, " operations and ", queued_bytes_,
                     " bytes of ", options_.queue_operations_max, " and ", options_.queue_bytes_max,
                     "; try again later"));
  }
  queue_.push_back(&waiter);
  ++queued_;
  queued_bytes_ += waiter.record_bytes;
  return absl::OkStatus();
}

void GroupCommitQueue::State::Stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
    work_.Signal();
  }
  if (thread_.joinable()) {
    thread_.join();
  }
}

// The thread that goes on writing when others wait, and writes the durable mark when nobody does.
void GroupCommitQueue::State::Run() {
  const absl::MutexLock lock(&mutex_);
  while (true) {
    if (turn_ == Turn::kThread) {
      mutex_.Unlock();
      WriteGroup();
      mutex_.Lock();
      EndTurn();
    } else if (turn_ == Turn::kNobody && stopping_) {
      return;
    } else if (turn_ == Turn::kNobody && MarkDueIn() <= absl::ZeroDuration()) {
      turn_ = Turn::kThread;
      mark_owed_ = false;
      mutex_.Unlock();
      WriteDurableMark();
      mutex_.Lock();
      EndTurn();
    } else {
      Rest();
    }
  }
}

absl::Duration GroupCommitQueue::State::MarkDueIn() const {
  if (!mark_owed_ || !failure_.ok()) {
    return absl::InfiniteDuration();
  }
  return options_.durable_mark_after - absl::FromChrono(Clock::now() - last_write_);
}

void GroupCommitQueue::State::Rest() {
  const absl::Duration due = turn_ == Turn::kNobody ? MarkDueIn() : absl::InfiniteDuration();
  thread_keeps_time_ = due != absl::InfiniteDuration();
  work_.WaitWithTimeout(&mutex_, due);
  thread_keeps_time_ = false;
}

// Whoever writes next is the thread, which can go on for as long as there is work; a caller goes
// back to its host after the group that holds its own operation.
void GroupCommitQueue::State::EndTurn() {
  if (!queue_.empty() || !taken_.empty()) {
    turn_ = Turn::kThread;
    work_.Signal();
    return;
  }
  turn_ = Turn::kNobody;
  // A thread that looks after the mark by itself need not be woken by every write.
  if (stopping_ || (mark_owed_ && !thread_keeps_time_)) {
    work_.Signal();
  }
}

void GroupCommitQueue::State::WriteGroup() noexcept {
  const Batch batch = Collect();
  if (!batch.waiters.empty()) {
    WriteBatch(batch);
  }
}

Waiter* GroupCommitQueue::State::Front() {
  if (taken_.empty()) {
    const absl::MutexLock lock(&mutex_);
    taken_.swap(queue_);
  }
  return taken_.empty() ? nullptr : taken_.front();
}

bool GroupCommitQueue::State::HasRoom(const Batch& batch, const Waiter& waiter) const {
  if (batch.operations.empty()) {
    return true;  // Commit refused what does not fit a group alone
  }
  return batch.operations.size() < options_.group_operations_max &&
         batch.bytes + waiter.record_bytes <= options_.group_bytes_soft_max;
}

// Resolves operations from the front of the queue until the group is full, the queue is empty or
// one has to see the effects of this group first.
GroupCommitQueue::State::Batch GroupCommitQueue::State::Collect() {
  Batch batch;
  size_t left = 0;
  size_t left_bytes = 0;
  while (Waiter* waiter = Front()) {
    if (!HasRoom(batch, *waiter)) {
      break;
    }
    const absl::Status resolved = waiter->operation->Resolve(batch.operations);
    if (absl::IsAborted(resolved) && !batch.operations.empty()) {
      break;
    }
    taken_.pop_front();
    ++left;
    left_bytes += waiter->record_bytes;
    if (!resolved.ok()) {
      Finish(*waiter, resolved, 0);
      continue;
    }
    batch.waiters.push_back(waiter);
    batch.operations.push_back(waiter->operation);
    batch.bytes += waiter->record_bytes;
  }
  const absl::MutexLock lock(&mutex_);
  queued_ -= left;
  queued_bytes_ -= left_bytes;
  return batch;
}

void GroupCommitQueue::State::WriteBatch(const Batch& batch) {
  LogGroupBuilder builder(options_.epoch, log_.end());
  for (CommitOperation* operation : batch.operations) {
    builder.Add(operation->record_type(), operation->catalog_version(),
                operation->record_payload());
  }
  const LogGroup group = builder.Finish();
  const auto apply = [this, &batch, &group] {
    uint64_t lsn = group.first_lsn();
    for (CommitOperation* operation : batch.operations) {
      operation->Apply(lsn++);
    }
    if (options_.on_group_applied) {
      options_.on_group_applied(group.last_lsn());
    }
  };
  if (CanaryActive("visible-before-durable")) {
    apply();
  }
  const absl::Status appended = Append(group);
  if (absl::IsResourceExhausted(appended)) {
    // The disk is full and nothing was written: these writes are refused, later ones may succeed.
    for (Waiter* waiter : batch.waiters) {
      Finish(*waiter, appended, 0);
    }
    return;
  }
  if (!appended.ok()) {
    Fail(appended, batch.waiters);
    return;
  }
  {
    const absl::MutexLock lock(&mutex_);
    mark_owed_ = true;
    last_write_ = Clock::now();
  }
  if (!CanaryActive("visible-before-durable")) {
    apply();
  }
  uint64_t lsn = group.first_lsn();
  for (Waiter* waiter : batch.waiters) {
    Finish(*waiter, absl::OkStatus(), lsn++);
  }
}

void GroupCommitQueue::State::WriteDurableMark() noexcept {
  LogGroupBuilder builder(options_.epoch, log_.end());
  const absl::Status appended = Append(builder.Finish(kGroupDurableMark));
  if (absl::IsResourceExhausted(appended)) {
    // A mark is not worth a failure: it narrows what a damaged disk could hide, no more.
    Log(LogLevel::kWarning, "wal.mark_skipped", appended.ToString());
  } else if (!appended.ok()) {
    Fail(appended, {});
  }
}

absl::Status GroupCommitQueue::State::Append(const LogGroup& group) {
  const absl::StatusOr<AppendOutcome> outcome = log_.Append(group);
  if (!outcome.ok()) {
    return outcome.status();
  }
  return *outcome == AppendOutcome::kDurable ? absl::OkStatus() : ErrorOfOutcome(*outcome);
}

void GroupCommitQueue::State::Fail(const absl::Status& failure,
                                   const std::vector<Waiter*>& waiters) {
  {
    // First, so that nobody who learns of the failure can still get a write in.
    const absl::MutexLock lock(&mutex_);
    failure_ = failure;
  }
  if (options_.on_failed) {
    options_.on_failed(failure);
  }
  {
    const absl::MutexLock lock(&mutex_);
    taken_.insert(taken_.end(), queue_.begin(), queue_.end());
    queue_.clear();
    queued_ = 0;
    queued_bytes_ = 0;
  }
  for (Waiter* waiter : waiters) {
    Finish(*waiter, failure, 0);
  }
  for (Waiter* waiter : std::exchange(taken_, {})) {
    Finish(*waiter, failure, 0);
  }
}

// The waiter may be gone on return.
void GroupCommitQueue::State::Finish(Waiter& waiter, const absl::Status& status, uint64_t lsn) {
  waiter.status = status;
  waiter.lsn = lsn;
  waiter.done.Notify();
}

GroupCommitQueue::GroupCommitQueue(LogStore& log, GroupCommitOptions options)
    : state_(std::make_unique<State>(log, std::move(options))) {}
GroupCommitQueue::~GroupCommitQueue() = default;

absl::StatusOr<uint64_t> GroupCommitQueue::Commit(CommitOperation& operation) {
  return state_->Commit(operation);
}
void GroupCommitQueue::Stop() { state_->Stop(); }
absl::Status GroupCommitQueue::health() const { return state_->health(); }
size_t GroupCommitQueue::queued() const { return state_->queued(); }

}  // namespace perigee::storage
