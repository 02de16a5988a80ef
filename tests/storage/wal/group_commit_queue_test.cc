// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/group_commit_queue.h"

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/error_reason.h"

namespace perigee::storage {
namespace {

// A log in memory that can be held in the middle of an append and told to fail.
class FakeLog final : public LogStore {
 public:
  LogPosition end() const override {
    const absl::MutexLock lock(&mutex_);
    return end_;
  }
  absl::StatusOr<AppendOutcome> Append(const LogGroup& group) override {
    const absl::MutexLock lock(&mutex_);
    ++appends_begun_;
    mutex_.Await(absl::Condition(this, &FakeLog::Released));
    if (!next_error_.ok()) {
      return std::exchange(next_error_, absl::OkStatus());
    }
    if (!mark_error_.ok() && group.flags() == kGroupDurableMark) {
      return std::exchange(mark_error_, absl::OkStatus());
    }
    if (next_outcome_ != AppendOutcome::kDurable) {
      return next_outcome_;
    }
    CHECK(group.slot() == end_.slot);
    CHECK(group.first_lsn() == end_.lsn);
    CHECK(group.previous_crc() == end_.previous_crc);
    end_ = group.next_position();
    groups_.push_back(group);
    return AppendOutcome::kDurable;
  }
  absl::StatusOr<LogGroup> Read(uint64_t slot) override {
    const absl::MutexLock lock(&mutex_);
    return groups_.at(slot);
  }
  absl::Status Fence(uint64_t) override { return absl::OkStatus(); }
  absl::Status Trim(uint64_t) override { return absl::OkStatus(); }

  void Hold() {
    const absl::MutexLock lock(&mutex_);
    held_ = true;
  }
  void Release() {
    const absl::MutexLock lock(&mutex_);
    held_ = false;
  }
  void FailNext(absl::Status error) {
    const absl::MutexLock lock(&mutex_);
    next_error_ = std::move(error);
  }
  void FailNextMark(absl::Status error) {
    const absl::MutexLock lock(&mutex_);
    mark_error_ = std::move(error);
  }
  void AnswerNext(AppendOutcome outcome) {
    const absl::MutexLock lock(&mutex_);
    next_outcome_ = outcome;
  }
  // Waits until so many appends have begun.
  void AwaitAppends(int count) {
    const absl::MutexLock lock(&mutex_);
    awaited_ = count;
    mutex_.Await(absl::Condition(this, &FakeLog::Reached));
  }
  std::vector<LogGroup> groups() const {
    const absl::MutexLock lock(&mutex_);
    return groups_;
  }

 private:
  bool Released() const { return !held_; }
  bool Reached() const { return appends_begun_ >= awaited_; }

  mutable absl::Mutex mutex_;
  LogPosition end_;
  std::vector<LogGroup> groups_;
  absl::Status next_error_;
  absl::Status mark_error_;
  AppendOutcome next_outcome_ = AppendOutcome::kDurable;
  bool held_ = false;
  int appends_begun_ = 0;
  int awaited_ = 0;
};

class TestOperation final : public CommitOperation {
 public:
  explicit TestOperation(std::string payload) : payload_(std::move(payload)) {}

  uint16_t record_type() const override { return 3; }
  std::span<const std::byte> record_payload() const override { return AsBytes(payload_); }
  uint32_t catalog_version() const override { return 8; }
  absl::Status Resolve(std::span<CommitOperation* const> earlier) override {
    ++resolve_calls;
    return resolve ? resolve(earlier) : absl::OkStatus();
  }
  void Apply(uint64_t lsn) override {
    applied_lsn = lsn;
    if (apply) {
      apply(lsn);
    }
  }

  std::function<absl::Status(std::span<CommitOperation* const>)> resolve;
  std::function<void(uint64_t)> apply;
  int resolve_calls = 0;
  uint64_t applied_lsn = 0;

 private:
  std::string payload_;
};

// Commits on a thread of its own.
class PendingCommit {
 public:
  PendingCommit(GroupCommitQueue& queue, TestOperation& operation)
      : thread_([this, &queue, &operation] { result_ = queue.Commit(operation); }) {}
  ~PendingCommit() { Join(); }
  const absl::StatusOr<uint64_t>& Join() {
    if (thread_.joinable()) {
      thread_.join();
    }
    return result_;
  }

 private:
  absl::StatusOr<uint64_t> result_ = absl::UnknownError("not done");
  std::thread thread_;
};

GroupCommitOptions Quiet() {
  GroupCommitOptions options;
  options.epoch = 4;
  options.durable_mark_after = absl::InfiniteDuration();
  return options;
}

// Commits `waiting` in this order while an append of `first` is held, so that they queue up. The
// order is that of the threads' starts as the queue sees them.
struct Crowd {
  Crowd(FakeLog& log, GroupCommitQueue& queue, TestOperation& first) : log_(log), queue_(queue) {
    log_.Hold();
    commits_.push_back(std::make_unique<PendingCommit>(queue_, first));
    log_.AwaitAppends(1);
  }
  void Add(TestOperation& operation) {
    const size_t before = queue_.queued();
    commits_.push_back(std::make_unique<PendingCommit>(queue_, operation));
    while (queue_.queued() == before) {
      std::this_thread::yield();
    }
  }
  void Go() {
    log_.Release();
    for (const auto& commit : commits_) {
      commit->Join();
    }
  }
  const absl::StatusOr<uint64_t>& Result(size_t position) { return commits_[position]->Join(); }

 private:
  FakeLog& log_;
  GroupCommitQueue& queue_;
  std::vector<std::unique_ptr<PendingCommit>> commits_;
};

TEST_CASE("one operation is written applied published and acknowledged in this order") {
  FakeLog log;
  std::vector<std::string> events;
  GroupCommitOptions options = Quiet();
  options.on_group_applied = [&events](uint64_t lsn) {
    events.push_back("publish " + std::to_string(lsn));
  };
  GroupCommitQueue queue(log, options);
  TestOperation operation("payload");
  operation.resolve = [&](auto earlier) {
    CHECK(earlier.empty());
    events.push_back("resolve after " + std::to_string(log.groups().size()));
    return absl::OkStatus();
  };
  operation.apply = [&](uint64_t lsn) {
    events.push_back("apply " + std::to_string(lsn) + " of " + std::to_string(log.groups().size()));
  };
  const auto lsn = queue.Commit(operation);
  REQUIRE(lsn.ok());
  CHECK(*lsn == 1);
  CHECK(events == std::vector<std::string>{"resolve after 0", "apply 1 of 1", "publish 1"});
  REQUIRE(log.groups().size() == 1);
  const LogGroup group = log.groups()[0];
  CHECK(group.epoch() == 4);
  const auto records = group.Records();
  REQUIRE(records.size() == 1);
  CHECK(records[0].type == 3);
  CHECK(records[0].catalog_version == 8);
  CHECK(AsText(records[0].payload) == "payload");
}

TEST_CASE("what queues up while a group is flushed becomes one group") {
  FakeLog log;
  std::vector<uint64_t> published;
  GroupCommitOptions options = Quiet();
  options.on_group_applied = [&published](uint64_t lsn) { published.push_back(lsn); };
  GroupCommitQueue queue(log, options);
  TestOperation first("a");
  TestOperation second("b");
  TestOperation third("c");
  Crowd crowd(log, queue, first);
  crowd.Add(second);
  crowd.Add(third);
  std::vector<CommitOperation*> seen;
  third.resolve = [&seen](auto earlier) {
    seen.assign(earlier.begin(), earlier.end());
    return absl::OkStatus();
  };
  crowd.Go();
  CHECK(*crowd.Result(0) == 1);
  CHECK(*crowd.Result(1) == 2);
  CHECK(*crowd.Result(2) == 3);
  CHECK(second.applied_lsn == 2);
  CHECK(third.applied_lsn == 3);
  CHECK(seen == std::vector<CommitOperation*>{&second});
  CHECK(published == std::vector<uint64_t>{1, 3});
  REQUIRE(log.groups().size() == 2);
  CHECK(log.groups()[1].count() == 2);
}

TEST_CASE("an operation that conflicts with its group goes first in the next one") {
  FakeLog log;
  GroupCommitQueue queue(log, Quiet());
  TestOperation first("a");
  TestOperation second("b");
  TestOperation third("c");
  TestOperation fourth("d");
  Crowd crowd(log, queue, first);
  crowd.Add(second);
  crowd.Add(third);
  crowd.Add(fourth);
  third.resolve = [&](auto earlier) {
    if (!earlier.empty()) {
      return absl::AbortedError("conflict");
    }
    CHECK(second.applied_lsn == 2);  // applied before this is asked again
    return absl::OkStatus();
  };
  crowd.Go();
  CHECK(*crowd.Result(2) == 3);
  CHECK(*crowd.Result(3) == 4);
  CHECK(third.resolve_calls == 2);
  REQUIRE(log.groups().size() == 3);
  CHECK(log.groups()[1].count() == 1);
  CHECK(log.groups()[2].count() == 2);
}

TEST_CASE("an operation that is refused is refused alone and takes no LSN") {
  FakeLog log;
  GroupCommitQueue queue(log, Quiet());
  TestOperation first("a");
  TestOperation second("b");
  TestOperation third("c");
  Crowd crowd(log, queue, first);
  crowd.Add(second);
  crowd.Add(third);
  second.resolve = [](auto) { return absl::AlreadyExistsError("taken"); };
  crowd.Go();
  CHECK(crowd.Result(1).status().code() == absl::StatusCode::kAlreadyExists);
  CHECK(second.applied_lsn == 0);
  CHECK(*crowd.Result(2) == 2);
  CHECK(queue.health().ok());
}

TEST_CASE("an operation that aborts alone is refused and does not spin") {
  FakeLog log;
  GroupCommitQueue queue(log, Quiet());
  TestOperation operation("a");
  operation.resolve = [](auto) { return absl::AbortedError("always"); };
  CHECK(queue.Commit(operation).status().code() == absl::StatusCode::kAborted);
  CHECK(operation.resolve_calls == 1);
  CHECK(log.groups().empty());
}

TEST_CASE("a group ends at its limits of bytes and operations") {
  FakeLog log;
  GroupCommitOptions options = Quiet();
  options.group_bytes_soft_max = kGroupHeaderBytes + 2 * RecordBytes(100);
  options.group_operations_max = 3;
  GroupCommitQueue queue(log, options);
  std::vector<std::unique_ptr<TestOperation>> operations;
  TestOperation first("a");
  Crowd crowd(log, queue, first);
  const auto add = [&](size_t bytes) {
    operations.push_back(std::make_unique<TestOperation>(std::string(bytes, 'x')));
    crowd.Add(*operations.back());
  };
  add(100);
  add(100);
  add(1);  // would exceed the bytes
  add(1);
  add(1);
  add(1);    // would be the fourth
  add(500);  // larger than a group may be: goes alone
  crowd.Go();
  std::vector<uint32_t> counts;
  for (const LogGroup& group : log.groups()) {
    counts.push_back(group.count());
  }
  CHECK(counts == std::vector<uint32_t>{1, 2, 3, 1, 1});
}

TEST_CASE("a full queue refuses and what is queued still goes through") {
  FakeLog log;
  GroupCommitOptions options = Quiet();
  options.queue_operations_max = 2;
  GroupCommitQueue queue(log, options);
  TestOperation first("a");
  TestOperation second("b");
  TestOperation third("c");
  TestOperation fourth("d");
  Crowd crowd(log, queue, first);
  crowd.Add(second);
  crowd.Add(third);
  const auto refused = queue.Commit(fourth);
  CHECK(GetErrorReason(refused.status()) == ErrorReason::kOverloaded);
  crowd.Go();
  CHECK(crowd.Result(2).ok());
  CHECK(queue.Commit(fourth).ok());
}

TEST_CASE("the queue is bounded in bytes too but always takes one operation") {
  FakeLog log;
  GroupCommitOptions options = Quiet();
  options.queue_bytes_max = 100;
  GroupCommitQueue queue(log, options);
  TestOperation first(std::string(1000, 'a'));
  TestOperation second(std::string(1000, 'b'));
  TestOperation third("c");
  Crowd crowd(log, queue, first);
  crowd.Add(second);
  CHECK(GetErrorReason(queue.Commit(third).status()) == ErrorReason::kOverloaded);
  crowd.Go();
  CHECK(crowd.Result(1).ok());
}

TEST_CASE("a payload that no group can hold is refused by the caller's thread") {
  FakeLog log;
  GroupCommitQueue queue(log, Quiet());
  TestOperation operation(std::string(kRecordPayloadBytesMax + 1, 'x'));
  CHECK(GetErrorReason(queue.Commit(operation).status()) == ErrorReason::kLimit);
  CHECK(operation.resolve_calls == 0);
}

TEST_CASE("a failed append fails everybody and applies nothing") {
  FakeLog log;
  GroupCommitOptions options = Quiet();
  std::vector<absl::Status> failures;
  options.on_failed = [&failures](const absl::Status& status) { failures.push_back(status); };
  options.on_group_applied = [](uint64_t) { FAIL("nothing may be published"); };
  GroupCommitQueue queue(log, options);
  TestOperation first("a");
  TestOperation second("b");
  Crowd crowd(log, queue, first);
  crowd.Add(second);
  log.FailNext(ErrorWithReason(ErrorReason::kStorageFailed, "flush failed"));
  crowd.Go();
  for (size_t i = 0; i < 2; ++i) {
    CHECK(GetErrorReason(crowd.Result(i).status()) == ErrorReason::kStorageFailed);
  }
  CHECK(first.applied_lsn == 0);
  CHECK(second.applied_lsn == 0);
  CHECK(second.resolve_calls == 0);
  REQUIRE(failures.size() == 1);
  CHECK(GetErrorReason(queue.health()) == ErrorReason::kStorageFailed);
  TestOperation late("late");
  CHECK(GetErrorReason(queue.Commit(late).status()) == ErrorReason::kStorageFailed);
  CHECK(log.groups().empty());
}

TEST_CASE("a log that is fenced or does not answer ends writing") {
  for (const AppendOutcome outcome : {AppendOutcome::kFenced, AppendOutcome::kUnknown}) {
    FakeLog log;
    GroupCommitQueue queue(log, Quiet());
    log.AnswerNext(outcome);
    TestOperation operation("a");
    const ErrorReason reason =
        outcome == AppendOutcome::kFenced ? ErrorReason::kFenced : ErrorReason::kUnknownOutcome;
    CHECK(GetErrorReason(queue.Commit(operation).status()) == reason);
    CHECK(operation.applied_lsn == 0);
    CHECK(GetErrorReason(queue.Commit(operation).status()) == reason);
  }
}

TEST_CASE("a full disk refuses the group and later writes succeed with the same LSN") {
  FakeLog log;
  GroupCommitQueue queue(log, Quiet());
  log.FailNext(ErrorWithReason(ErrorReason::kDiskFull, "no space"));
  TestOperation operation("a");
  CHECK(GetErrorReason(queue.Commit(operation).status()) == ErrorReason::kDiskFull);
  CHECK(operation.applied_lsn == 0);
  CHECK(queue.health().ok());
  CHECK(*queue.Commit(operation) == 1);
}

TEST_CASE("an idle log gets one durable mark") {
  FakeLog log;
  GroupCommitOptions options = Quiet();
  options.durable_mark_after = absl::Milliseconds(1);
  GroupCommitQueue queue(log, options);
  TestOperation operation("a");
  REQUIRE(queue.Commit(operation).ok());
  log.AwaitAppends(2);
  queue.Stop();
  const std::vector<LogGroup> groups = log.groups();
  REQUIRE(groups.size() == 2);
  CHECK(groups[1].flags() == kGroupDurableMark);
  CHECK(groups[1].first_lsn() == 2);
}

TEST_CASE("a mark that fails ends writing but a full disk only skips it") {
  for (const ErrorReason reason : {ErrorReason::kStorageFailed, ErrorReason::kDiskFull}) {
    FakeLog log;
    GroupCommitOptions options = Quiet();
    options.durable_mark_after = absl::Milliseconds(1);
    GroupCommitQueue queue(log, options);
    TestOperation operation("a");
    // Beforehand: under load the mark may come before this thread does anything else.
    log.FailNextMark(ErrorWithReason(reason, "mark"));
    REQUIRE(queue.Commit(operation).ok());
    log.AwaitAppends(2);
    TestOperation next("b");
    const auto result = queue.Commit(next);
    CHECK(result.ok() == (reason == ErrorReason::kDiskFull));
  }
}

TEST_CASE("stopping finishes what is queued and refuses what comes later") {
  FakeLog log;
  GroupCommitQueue queue(log, Quiet());
  TestOperation first("a");
  TestOperation second("b");
  Crowd crowd(log, queue, first);
  crowd.Add(second);
  std::thread stopper([&queue] { queue.Stop(); });
  crowd.Go();
  stopper.join();
  CHECK(crowd.Result(0).ok());
  CHECK(crowd.Result(1).ok());
  TestOperation late("late");
  CHECK(queue.Commit(late).status().code() == absl::StatusCode::kFailedPrecondition);
  queue.Stop();
  CHECK(log.groups().size() == 2);
}

TEST_SUITE("concurrency") {
  TEST_CASE("many threads get dense LSNs and each payload stands at its LSN") {
    FakeLog log;
    uint64_t published = 0;
    GroupCommitOptions options = Quiet();
    options.durable_mark_after = absl::Milliseconds(1);
    options.on_group_applied = [&published](uint64_t lsn) { published = lsn; };
    GroupCommitQueue queue(log, options);
    constexpr int kThreads = 8;
    constexpr int kCommits = 100;
    std::vector<std::vector<std::pair<uint64_t, std::string>>> results(kThreads);
    std::vector<std::thread> threads;
    for (size_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&queue, &results, t] {
        for (int i = 0; i < kCommits; ++i) {
          const std::string payload = std::to_string(t) + "/" + std::to_string(i);
          TestOperation operation(payload);
          const auto lsn = queue.Commit(operation);
          results[t].emplace_back(lsn.ok() ? *lsn : 0, payload);
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    queue.Stop();
    std::vector<std::string> logged(1);
    for (const LogGroup& group : log.groups()) {
      for (const LogRecord& record : group.Records()) {
        CHECK(record.lsn == logged.size());
        logged.emplace_back(AsText(record.payload));
      }
    }
    CHECK(logged.size() == kThreads * kCommits + 1);
    CHECK(published == kThreads * kCommits);
    for (const auto& of_thread : results) {
      for (const auto& [lsn, payload] : of_thread) {
        REQUIRE(lsn > 0);
        CHECK(logged[lsn] == payload);
      }
    }
  }
}

}  // namespace
}  // namespace perigee::storage
