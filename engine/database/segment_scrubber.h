// SPDX-License-Identifier: Apache-2.0
//
// SegmentScrubber: reads the segments of an open database again in the background, slowly, and past
// the page cache, so that damage on the disk is found while the verified copy in memory can mend
// it. What comes next is ScrubLedger's to say; the file SCRUB carries it over restarts.
//
// Invariants:
//  1. Every byte of a segment and of its deletion file is verified: pages of sections that this
//     version does not know, padding, checksum tables, directory.
//  2. A damaged segment is told in the log, and in Report() until the manifest has another in its
//     place, and is marked to be written anew from memory. Queries go on: what they read was
//     verified.
//  3. A file that the manifest no longer names is no finding, and neither is an error that says
//     nothing about the file (no descriptors, no memory): that one is tried again.
//  4. SCRUB is written by the thread of Start only, and by Save; no error of it matters.
//
// Thread-safety: Report may be called from every thread, Resume, VerifyNext and Save
// from one at a time, Stop from one.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/collection/collection_environment.h"
#include "engine/database/collection_catalog.h"
#include "engine/database/scrub_ledger.h"
#include "perigee/model/status_report.h"
#include "storage/manifest/manifest_log.h"
#include "storage/segment/segment_reader.h"

namespace perigee::engine {

class SegmentScrubber {
 public:
  struct Options {
    ScrubLedger::Options pace = {};
    /// Nothing is read in the first moments of an open, which has enough to read.
    absl::Duration start_after = absl::Minutes(1);
    /// How often the record is written while something is read.
    absl::Duration save_every = absl::Minutes(1);
    std::function<absl::Time()> now = [] { return absl::Now(); };
    /// In place of sleeping; false: stopped. For tests.
    std::function<bool(absl::Duration)> sleep = {};
  };

  /// All arguments outlive the object.
  SegmentScrubber(CollectionEnvironment& environment, const CollectionCatalog& catalog,
                  const storage::ManifestLog& manifest, const Options& options);
  ~SegmentScrubber();
  SegmentScrubber(const SegmentScrubber&) = delete;
  SegmentScrubber& operator=(const SegmentScrubber&) = delete;

  /// Resumes; from now on a thread verifies what is due, and saves.
  void Start();
  /// Ends the thread within one read, after a last save.
  void Stop();

  /// Goes on where the record in the directory ended; without a valid one, from the beginning.
  void Resume();
  /// Verifies one segment and its deletion file; false when none is due, or when it was stopped.
  bool VerifyNext();
  /// Writes the record, unless writing has ended. A failure leaves the record before, or none.
  void Save();

  /// A damaged segment's `damage` says what becomes of it, too.
  ScrubStatus Report() const;

 private:
  void Run();
  /// Ok, damage (IsDamage), kCancelled, or an error that says nothing about the file.
  absl::Status Verify(const ScrubLedger::Due& due);
  absl::Status VerifyPages(const storage::SegmentReader& reader, const ScrubLedger::Due& due);
  /// Waits until `bytes` may have been read since `begin`; kCancelled when stopped.
  absl::Status Pace(uint64_t bytes, absl::Time begin);
  void Look();
  bool StillNamed(const ScrubLedger::Due& due) const;
  void MarkForRewrite(const ScrubLedger::Due& due);
  std::string Remedy(const ScrubLedger::Segment& segment) const;
  /// False when stopped.
  bool Sleep(absl::Duration duration);

  CollectionEnvironment& environment_;
  const CollectionCatalog& catalog_;
  const storage::ManifestLog& manifest_;
  const Options options_;
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  bool retry_later_ ABSL_GUARDED_BY(mutex_) = false;
  ScrubLedger ledger_ ABSL_GUARDED_BY(mutex_);
  absl::Time saved_at_ = absl::InfinitePast();  // of the thread that verifies
  std::string saved_bytes_;
  std::thread thread_;
};

}  // namespace perigee::engine
