// SPDX-License-Identifier: Apache-2.0
//
// CrashScript: a workload that knows at every moment what a crash must leave. It runs operations
// one after another; when one fails because the power is off, it stops there.
//
// Invariants:
//  1. acknowledged() is what the operations that returned ok add up to; attempted() has the one in
//     flight in addition. After a crash the database holds exactly one of the two: no acknowledged
//     write lost, nothing half done, nothing resurrected.
//  2. If a reader saw attempted() before the crash, only that one is right (promise 2).
//
// Thread-safety: one thread runs operations; promise() may be asked on the thread that does their
// work meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "tests/durability/watched_file_system.h"
#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {

/// Collections and their points.
using World = std::map<std::string, std::map<uint64_t, int64_t>>;

World ReadWorld(const DatabaseCore& database);

/// A snapshot that was begun: what it holds, and whether it was acknowledged.
struct SnapshotPromise {
  World world = {};
  bool acknowledged = false;
};

/// What a crash at one moment must leave.
struct CrashPromise {
  std::shared_ptr<const World> acknowledged = {};
  std::shared_ptr<const World> attempted = {};
  /// Whether a reader saw what is in flight.
  bool attempted_was_seen = false;
  std::map<std::string, SnapshotPromise> snapshots = {};

  bool in_flight() const { return *attempted != *acknowledged; }
  bool Allows(const World& found) const {
    return found == *attempted || (found == *acknowledged && !attempted_was_seen);
  }
};

class CrashScript {
 public:
  CrashScript(storage::FileSystem& disk, const EngineTuning& tuning);

  CrashScript& Open();
  CrashScript& Close();
  CrashScript& Create(const std::string& collection);
  CrashScript& Drop(const std::string& collection);
  CrashScript& Upsert(const std::string& collection, uint64_t first, uint64_t count, int64_t value);
  CrashScript& Delete(const std::string& collection, uint64_t first, uint64_t count);
  CrashScript& Flush(const std::string& collection);
  CrashScript& Optimize(const std::string& collection);
  CrashScript& Load(const std::string& collection, uint64_t first, uint64_t count, int64_t value);
  /// Makes a snapshot in that directory.
  CrashScript& Snapshot(const std::string& directory);
  /// Verifies every segment that is due, as the thread of a running database would.
  CrashScript& Scrub();
  /// Runs `meanwhile` before the n-th call that the next operation makes: sealing and rewriting let
  /// writes in while they build a segment. Not for operations that write to the log themselves.
  CrashScript& BeforeCall(uint64_t n, std::function<void(CrashScript&)> meanwhile);
  /// Two deletes of thousands of ids that nobody has: they fill more than a log file of 64 KiB.
  CrashScript& RollLog(const std::string& collection);

  const World& acknowledged() const { return *acknowledged_; }
  const World& attempted() const { return *attempted_; }
  /// The promise now; reads the database when something is in flight.
  CrashPromise promise() const;
  /// False once an operation has failed.
  bool running() const { return failure_.ok(); }
  const absl::Status& failure() const { return failure_; }

 private:
  CrashScript& Run(const std::function<absl::Status()>& operation, const World& outcome);

  void RunMeanwhile();

  WatchedFileSystem disk_;
  const EngineTuning tuning_;
  std::shared_ptr<DatabaseCore> database_;
  std::shared_ptr<const World> acknowledged_;
  std::shared_ptr<const World> attempted_;
  std::map<std::string, SnapshotPromise> snapshots_;
  absl::Status failure_;
  uint64_t calls_before_meanwhile_ = 0;
  std::function<void(CrashScript&)> meanwhile_;
};

}  // namespace perigee::engine
