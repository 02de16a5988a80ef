// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/group_commit_queue.h"

#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "storage/foundation/check.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/log.h"

namespace perigee::storage {
namespace {

// One caller in Commit; lives on its stack.
struct Waiter {
  CommitOperation* operation = nullptr;
  size_t record_bytes = 0;
  bool done = false;  // guarded by the queue's mutex, like the two below
  absl::Status status;
  uint64_t lsn = 0;
  absl::CondVar wake;
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
    return queue_.size();
  }

 private:
  // A group being put together; all vectors have one entry per operation.
  struct Batch {
    std::vector<Waiter*> waiters;
    std::vector<CommitOperation*> operations;
    size_t bytes = kGroupHeaderBytes;
  };

  void Run();
  bool WaitForWork();
  Waiter* Front();
  bool HasRoom(const Batch& batch, const Waiter& waiter) const;
  Batch Collect();
  void WriteBatch(const Batch& batch);
  void WriteDurableMark();
  absl::Status Append(const LogGroup& group);
  void Fail(const absl::Status& failure, const std::vector<Waiter*>& waiters);
  void PopFront() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Finish(Waiter& waiter, const absl::Status& status, uint64_t lsn)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  LogStore& log_;
  const GroupCommitOptions options_;
  std::thread thread_;

  mutable absl::Mutex mutex_;
  absl::CondVar work_;
  std::deque<Waiter*> queue_ ABSL_GUARDED_BY(mutex_);
  size_t queue_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);

  // Of the log writer's thread.
  bool mark_owed_ = false;  // records were written since the last mark
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
  const absl::MutexLock lock(&mutex_);
  if (!failure_.ok()) {
    return failure_;
  }
  if (stopping_) {
    return absl::FailedPreconditionError("the database is being closed");
  }
  if (queue_.size() >= options_.queue_operations_max ||
      (!queue_.empty() && queue_bytes_ + waiter.record_bytes > options_.queue_bytes_max)) {
    return ErrorWithReason(
        ErrorReason::kOverloaded,
        absl::StrCat("the write queue is full with ", queue_.size(), " operations and ",
                     queue_bytes_, " bytes of ", options_.queue_operations_max, " and ",
                     options_.queue_bytes_max, "; try again later"));
  }
  queue_.push_back(&waiter);
  queue_bytes_ += waiter.record_bytes;
  work_.Signal();
  while (!waiter.done) {
    waiter.wake.Wait(&mutex_);
  }
  if (!waiter.status.ok()) {
    return waiter.status;
  }
  return waiter.lsn;
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

void GroupCommitQueue::State::Run() {
  while (WaitForWork()) {
    const Batch batch = Collect();
    if (!batch.waiters.empty()) {
      WriteBatch(batch);
    }
  }
}

// Returns whether there is work; false when the thread must end. Writes the durable mark when no
// work came for a while.
bool GroupCommitQueue::State::WaitForWork() {
  while (true) {
    {
      const absl::MutexLock lock(&mutex_);
      bool timed_out = false;
      while (queue_.empty() && !stopping_ && !timed_out) {
        if (mark_owed_ && failure_.ok()) {
          timed_out = work_.WaitWithTimeout(&mutex_, options_.durable_mark_after);
        } else {
          work_.Wait(&mutex_);
        }
      }
      if (!queue_.empty()) {
        return true;
      }
      if (stopping_) {
        return false;
      }
    }
    WriteDurableMark();
  }
}

Waiter* GroupCommitQueue::State::Front() {
  const absl::MutexLock lock(&mutex_);
  return queue_.empty() ? nullptr : queue_.front();
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
  while (Waiter* waiter = Front()) {
    if (!HasRoom(batch, *waiter)) {
      break;
    }
    const absl::Status resolved = waiter->operation->Resolve(batch.operations);
    if (absl::IsAborted(resolved) && !batch.operations.empty()) {
      break;
    }
    const absl::MutexLock lock(&mutex_);
    PopFront();
    if (!resolved.ok()) {
      Finish(*waiter, resolved, 0);
      continue;
    }
    batch.waiters.push_back(waiter);
    batch.operations.push_back(waiter->operation);
    batch.bytes += waiter->record_bytes;
  }
  return batch;
}

void GroupCommitQueue::State::WriteBatch(const Batch& batch) {
  const LogPosition position = log_.end();
  LogGroupBuilder builder(options_.epoch, position);
  for (CommitOperation* operation : batch.operations) {
    builder.Add(operation->record_type(), operation->catalog_version(),
                operation->record_payload());
  }
  const LogGroup group = builder.Finish();
  const absl::Status appended = Append(group);
  if (absl::IsResourceExhausted(appended)) {
    // The disk is full and nothing was written: these writes are refused, later ones may succeed.
    const absl::MutexLock lock(&mutex_);
    for (Waiter* waiter : batch.waiters) {
      Finish(*waiter, appended, 0);
    }
    return;
  }
  if (!appended.ok()) {
    Fail(appended, batch.waiters);
    return;
  }
  mark_owed_ = true;
  uint64_t lsn = group.first_lsn();
  for (CommitOperation* operation : batch.operations) {
    operation->Apply(lsn++);
  }
  if (options_.on_group_applied) {
    options_.on_group_applied(group.last_lsn());
  }
  const absl::MutexLock lock(&mutex_);
  lsn = group.first_lsn();
  for (Waiter* waiter : batch.waiters) {
    Finish(*waiter, absl::OkStatus(), lsn++);
  }
}

void GroupCommitQueue::State::WriteDurableMark() {
  mark_owed_ = false;
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
  const absl::MutexLock lock(&mutex_);
  for (Waiter* waiter : waiters) {
    Finish(*waiter, failure, 0);
  }
  while (!queue_.empty()) {
    Waiter* waiter = queue_.front();
    PopFront();
    Finish(*waiter, failure, 0);
  }
}

void GroupCommitQueue::State::PopFront() {
  PERIGEE_CHECK(!queue_.empty());
  queue_bytes_ -= queue_.front()->record_bytes;
  queue_.pop_front();
}

void GroupCommitQueue::State::Finish(Waiter& waiter, const absl::Status& status, uint64_t lsn) {
  waiter.status = status;
  waiter.lsn = lsn;
  waiter.done = true;
  waiter.wake.Signal();
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
