// SPDX-License-Identifier: Apache-2.0
#include "engine/execution/worker_pool.h"

#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/foundation/check.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/log.h"

namespace perigee::engine {
namespace {

// The last resort for a task's exceptions: what waits for the task sees it destroyed.
void RunTask(absl::AnyInvocable<void() &&> task) {
  try {
    std::move(task)();
  } catch (const std::exception& exception) {
    Log(LogLevel::kError, "worker_pool.task_failed", exception.what());
  } catch (...) {
    Log(LogLevel::kError, "worker_pool.task_failed", "an exception of an unknown type");
  }
}

}  // namespace

class WorkerPool::Threads {
 public:
  explicit Threads(size_t count) : pool_(count) {}
  ~Threads() { pool_.join(); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  boost::asio::thread_pool& pool() { return pool_; }
  std::atomic<size_t>& pending() { return pending_; }

 private:
  std::atomic<size_t> pending_ = 0;
  boost::asio::thread_pool pool_;
};

WorkerPool::WorkerPool(Options options) : options_(std::move(options)) {
  PERIGEE_CHECK(options_.threads > 0, options_.name, " has no thread");
  pool_ = std::make_unique<Threads>(options_.threads);
}

WorkerPool::~WorkerPool() = default;

absl::Status WorkerPool::Submit(absl::AnyInvocable<void() &&> task) {
  std::atomic<size_t>& pending = pool_->pending();
  if (pending.fetch_add(1) >= options_.threads + options_.queue_max) {
    pending.fetch_sub(1);
    return ErrorWithReason(ErrorReason::kOverloaded,
                           absl::StrCat("the ", options_.name, " has ", options_.queue_max,
                                        " waiting tasks, which is its limit; try again later"));
  }
  boost::asio::post(pool_->pool(), [&pending, task = std::move(task)]() mutable {
    RunTask(std::move(task));
    pending.fetch_sub(1);
  });
  return absl::OkStatus();
}

size_t WorkerPool::pending() const { return pool_->pending().load(); }

}  // namespace perigee::engine
