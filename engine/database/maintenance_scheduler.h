// SPDX-License-Identifier: Apache-2.0
//
// MaintenanceScheduler: the threads that seal and compact. Each asks `run_once` for the next piece
// of work until there is none, then sleeps until it is woken or until the time that run_once named.
//
// Invariants: a Wake is never lost: work that was there when Wake was called is looked for after
// it. Stop joins the threads; the piece in hand is finished first.
// Thread-safety: Wake may be called from every thread; Stop and the destructor from one.
#pragma once

#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace perigee::engine {

class MaintenanceScheduler {
 public:
  /// Does one piece of work. Returns how long to wait before it is asked again: zero after work was
  /// done, infinite when there is none.
  using RunOnce = std::function<absl::Duration()>;

  MaintenanceScheduler(uint32_t threads, RunOnce run_once);
  ~MaintenanceScheduler();
  MaintenanceScheduler(const MaintenanceScheduler&) = delete;
  MaintenanceScheduler& operator=(const MaintenanceScheduler&) = delete;

  void Wake();
  void Stop();

 private:
  void Run();

  const RunOnce run_once_;
  absl::Mutex mutex_;
  uint64_t wakes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace perigee::engine
