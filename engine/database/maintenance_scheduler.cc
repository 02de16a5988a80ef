// SPDX-License-Identifier: Apache-2.0
#include "engine/database/maintenance_scheduler.h"

#include <utility>

namespace perigee::engine {

MaintenanceScheduler::MaintenanceScheduler(uint32_t threads, RunOnce run_once)
    : run_once_(std::move(run_once)) {
  threads_.reserve(threads);
  for (uint32_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { Run(); });
  }
}

MaintenanceScheduler::~MaintenanceScheduler() { Stop(); }

void MaintenanceScheduler::Wake() {
  absl::MutexLock lock(&mutex_);
  ++wakes_;
}

void MaintenanceScheduler::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (std::thread& thread : threads_) {
    thread.join();
  }
  threads_.clear();
}

void MaintenanceScheduler::Run() {
  absl::MutexLock lock(&mutex_);
  while (!stopping_) {
    const uint64_t seen = wakes_;
    mutex_.Unlock();
    const absl::Duration pause = run_once_();
    mutex_.Lock();
    if (pause == absl::ZeroDuration()) {
      continue;
    }
    const auto woken = [this, seen]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return stopping_ || wakes_ != seen;
    };
    mutex_.AwaitWithTimeout(absl::Condition(&woken), pause);
  }
}

}  // namespace perigee::engine
