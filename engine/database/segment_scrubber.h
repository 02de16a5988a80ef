// SPDX-License-Identifier: Apache-2.0
//
// SegmentScrubber: reads the segments of an open database again in the background, slowly, and past
// the page cache, so that damage on the disk is found while the verified copy in memory can mend
// it.
//
// Invariants:
//  1. The segment that was verified longest ago comes first; those of an equal age in an order that
//     each process draws anew, so that a database which is often opened anew is covered, too.
//  2. A damaged segment is named in findings() until the manifest has another in its place, and is
//     marked to be written anew from memory. Queries go on: what they read was verified.
//  3. A file that the manifest no longer names is no finding.
//
// Thread-safety: findings and verified_at may be called from every thread, VerifyNext from one at a
// time, Stop from one.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/collection/collection_environment.h"
#include "engine/database/collection_catalog.h"
#include "storage/manifest/manifest_log.h"

namespace perigee::engine {

class SegmentScrubber {
 public:
  struct Options {
    uint64_t bytes_per_second = 8ULL << 20U;
    /// Nothing is read in the first moments of an open, which has enough to read.
    absl::Duration start_after = absl::Minutes(1);
    /// A segment verified less than this ago is left alone.
    absl::Duration verify_every = absl::Hours(72);
    std::function<absl::Time()> now = [] { return absl::Now(); };
    /// In place of sleeping; for tests.
    std::function<void(absl::Duration)> sleep = {};
  };

  /// All arguments outlive the object.
  SegmentScrubber(CollectionEnvironment& environment, const CollectionCatalog& catalog,
                  const storage::ManifestLog& manifest, const Options& options);
  ~SegmentScrubber();
  SegmentScrubber(const SegmentScrubber&) = delete;
  SegmentScrubber& operator=(const SegmentScrubber&) = delete;

  /// From now on a thread verifies what is due.
  void Start();
  void Stop();

  /// Verifies one segment and its deletion file; false when none is due.
  bool VerifyNext();
  /// One line for each segment that is damaged on the disk.
  std::vector<std::string> findings() const;
  /// When the segment was last read as it should be; the infinite past when it was not.
  absl::Time verified_at(const storage::Uuid& segment) const;

 private:
  struct Due {
    storage::Uuid collection = {};
    storage::Uuid segment = {};
    storage::SegmentEntry entry = {};
  };

  void Run();
  std::optional<Due> NextDue() const;
  absl::Status Verify(const Due& due);
  /// Waits as long as `bytes` may take; kCancelled when stopped.
  absl::Status Pace(uint64_t bytes);
  bool StillNamed(const Due& due) const;
  void MarkForRewrite(const Due& due);
  /// True when stopped.
  bool SleepOrStop(absl::Duration duration);

  CollectionEnvironment& environment_;
  const CollectionCatalog& catalog_;
  const storage::ManifestLog& manifest_;
  const Options options_;
  const storage::Uuid order_;
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<storage::Uuid, absl::Time> looked_at_ ABSL_GUARDED_BY(mutex_);
  std::map<storage::Uuid, std::string> findings_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace perigee::engine
