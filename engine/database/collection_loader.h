// SPDX-License-Identifier: Apache-2.0
//
// CollectionLoader: brings the sealed segments that the manifest names into memory, part by part:
// the ids of all of them first, then payloads and vectors, then indexes; either before Open returns
// or behind it, on threads of its own.
//
// Invariants:
//  1. A segment whose source is damaged becomes a missing segment of its collection before the part
//     is said to be loaded (D16); damage in derived sections is a warning.
//  2. That no id has two live rows (I4) is checked before a collection is said to be complete.
//  3. Work for a dropped collection or a closing database ends within one piece of reading.
//
// Thread-safety: Add, LoadNow, Start, Stop and the destructor come from one thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "engine/collection/collection_core.h"

namespace perigee::engine {

class CollectionLoader {
 public:
  struct Options {
    /// Called with what an operator should know, in words.
    std::function<void(const std::string&)> warn;
    /// Called when a part of a collection was loaded.
    std::function<void()> on_progress;
  };

  /// Both callbacks may come from every thread of the loader, never at the same time.
  explicit CollectionLoader(Options options);
  ~CollectionLoader();
  CollectionLoader(const CollectionLoader&) = delete;
  CollectionLoader& operator=(const CollectionLoader&) = delete;

  /// Takes on a collection that nobody uses yet, with segments of which nothing is loaded.
  void Add(const std::shared_ptr<CollectionCore>& collection);
  /// Loads everything on this thread. A failure of storage, or an id with two live rows, is an
  /// error.
  absl::Status LoadNow();
  /// Loads everything on at most `threads` threads. A failure of storage makes a missing segment.
  void Start(uint32_t threads);
  /// Ends the threads. Requires: collections that are not complete were asked to stop.
  void Stop();

 private:
  static constexpr size_t kParts = 4;

  /// One collection to load.
  struct Work {
    struct Segment {
      std::shared_ptr<SealedSegment> segment = nullptr;
      absl::Status failure = {};
      bool settled = false;  // the failure has been dealt with
      size_t problems_told = 0;
    };
    std::shared_ptr<CollectionCore> collection;
    std::vector<Segment> segments;
    std::array<size_t, kParts> jobs_left = {};
    size_t parts_left = kParts;
  };
  struct Job {
    Work* work = nullptr;
    size_t segment = 0;
    size_t part = 0;  // number of its bit in load_progress.h
    size_t ordinal = 0;
  };

  void Plan();
  void Run();
  absl::Status RunJob(const Job& job);
  static absl::Status Load(const Job& job);
  absl::Status FinishPart(Work& work, size_t part);
  absl::Status SettleFailures(Work& work);
  absl::Status CheckIds(Work& work);
  void TellProblems(Work& work);

  const Options options_;
  bool strict_ = false;  // what is wrong with storage ends the open
  absl::Mutex mutex_;
  std::vector<std::unique_ptr<Work>> works_;
  std::vector<Job> jobs_;
  size_t next_job_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Mutex callback_mutex_;
  std::vector<std::thread> threads_;
};

}  // namespace perigee::engine
