// SPDX-License-Identifier: Apache-2.0
//
// StallWatch: looks beside the threads that wait for the disk whether it still answers, tells when
// it does not, and in the end stops writing (U10). A disk that hangs lets the calling thread hang
// with it, for its buffer is the kernel's; so what waits goes on waiting, but nothing new joins it.
//
// Invariants: a stall is logged once when it begins and once when it ends; `fail` is called at most
// once, on a thread of the watch's own.
// Thread-safety: all methods may be called from every thread; Stop from one.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/io/io_watch.h"

namespace perigee::engine {

class StallWatch {
 public:
  struct Options {
    absl::Duration stalled_after = absl::Seconds(30);
    absl::Duration failed_after = absl::Seconds(120);
    absl::Duration check_every = absl::Seconds(1);
  };
  using Fail = std::function<void(const absl::Status&)>;

  /// `watch` outlives the object.
  StallWatch(const storage::IoWatch& watch, const Options& options, Fail fail);
  ~StallWatch();
  StallWatch(const StallWatch&) = delete;
  StallWatch& operator=(const StallWatch&) = delete;

  /// What hangs, in words; empty when the disk answers.
  std::string stalled() const;
  void Stop();

 private:
  void Run();
  void Check();

  const storage::IoWatch& watch_;
  const Options options_;
  const Fail fail_;
  bool failed_ = false;  // of the thread
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::string stalled_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace perigee::engine
