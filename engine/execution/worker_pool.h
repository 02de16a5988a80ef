// SPDX-License-Identifier: Apache-2.0
//
// WorkerPool: a fixed number of threads and a bounded queue of tasks before them.
//
// Invariants:
//  1. At most queue_max tasks wait; one more is refused with kResourceExhausted (reason overloaded)
//     and is not run. Its closure is destroyed by the caller's thread.
//  2. A task that throws is logged and dropped; the thread goes on.
//  3. The destructor runs what was accepted, then joins.
// Thread-safety: Submit may be called from every thread, also from a task.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"

namespace perigee::engine {

class WorkerPool {
 public:
  struct Options {
    /// Names the pool in messages.
    std::string name = "worker pool";
    size_t threads = 1;
    size_t queue_max = 1'024;
  };

  explicit WorkerPool(Options options);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Ok: the task will run once, on one of the threads.
  absl::Status Submit(absl::AnyInvocable<void() &&> task);

  size_t threads() const { return options_.threads; }
  /// Tasks accepted and not finished.
  size_t pending() const;

 private:
  class Threads;

  const Options options_;
  std::unique_ptr<Threads> pool_;
};

}  // namespace perigee::engine
