// SPDX-License-Identifier: Apache-2.0
//
// InjectionScript: a workload on a disk whose calls fail by plan. Unlike CrashScript it goes on
// after a failure, as a program would, and knows throughout what the database may hold.
//
// Invariants:
//  1. possible() are the worlds that the database may hold after a restart; more than one only
//     after a failure that left an outcome open, and then the database takes no more writes.
//  2. What is wrong is noted in findings(), with the operation that showed it: a status that does
//     not fit the error, a content that nothing explains, a write taken after a storage failure.
//
// Thread-safety: one thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/durability/crash_script.h"
#include "tests/support/simulated_file_system.h"

namespace perigee::engine {

inline constexpr const char* kSnapshotDirectory = "/snapshot";
inline constexpr const char* kRestoredDirectory = "/restored";

/// As ReadWorld, without the collection "wide".
World ReadSmallWorld(const DatabaseCore& database);

class InjectionScript {
 public:
  /// `base` is what the disk holds.
  InjectionScript(storage::SimulatedFileSystem& disk, const EngineTuning& tuning, World base);

  /// `errors` are the errno values that may come; `mends`: the error comes once, so that what
  /// failed must succeed when it is asked for again.
  void SetPlan(std::vector<int> errors, bool mends) {
    planned_errors_ = std::move(errors);
    mends_ = mends;
  }

  InjectionScript& Open();
  InjectionScript& OpenReadOnly();
  /// A second handle, which the lock must refuse; and one while another process has the lock.
  InjectionScript& OpenTwice();
  InjectionScript& OpenLocked();
  InjectionScript& Close();
  InjectionScript& Create(const std::string& collection);
  InjectionScript& Drop(const std::string& collection);
  InjectionScript& Upsert(const std::string& collection, uint64_t first, uint64_t count,
                          int64_t value);
  InjectionScript& Delete(const std::string& collection, uint64_t first, uint64_t count);
  InjectionScript& Flush(const std::string& collection);
  InjectionScript& Optimize(const std::string& collection);
  InjectionScript& Load(const std::string& collection, uint64_t first, uint64_t count,
                        int64_t value);
  /// An exact search for everything, which must find everything or fail.
  InjectionScript& Search(const std::string& collection);
  InjectionScript& Status();
  /// Verifies every segment that is due, as the thread of a running database would.
  InjectionScript& Scrub();
  /// The same of the collection "wide", whose vectors do not fit into one read request. It is not
  /// part of the world.
  InjectionScript& CreateWide();
  /// The collection "wide" filled by one upsert whose log group takes 2 MiB, more than is read at
  /// once.
  InjectionScript& CreateByLongGroup();
  InjectionScript& SearchWide();
  /// Takes a snapshot, writes on, restores the snapshot and opens what was restored.
  InjectionScript& SnapshotAndRestore();
  /// Any other operation without effect on the content.
  InjectionScript& Call(const std::string& name, const std::function<absl::Status()>& operation);

  /// The plans are cleared: the handle must write again, or be failed for good and say so.
  void Settle();
  /// Lets the handle go; `close` says whether it is closed before.
  void Finish(bool close);

  const std::vector<World>& possible() const { return possible_; }
  const std::vector<std::string>& findings() const { return findings_; }
  bool storage_failed() const;
  /// What the snapshot holds, and the restored database; none when there is none.
  const std::optional<World>& snapshot() const { return snapshot_; }
  bool restored() const { return restored_; }
  /// Whether a handle has failed for good at any time.
  bool ever_failed() const { return ever_failed_; }
  storage::SimulatedFileSystem& disk() const { return disk_; }
  DatabaseCore* database() const { return database_.get(); }

 private:
  using Effect = std::function<void(World&)>;

  InjectionScript& Run(const std::string& name, const std::function<absl::Status()>& operation,
                       const Effect& effect);
  InjectionScript& RunOn(const std::string& name, const std::string& collection,
                         const std::function<absl::Status(CollectionCore&)>& operation,
                         const Effect& effect);
  void Fail(const std::string& name, const std::string& what);
  void CheckFits(const std::string& name, const absl::Status& status);
  static absl::StatusOr<World> TryRead(const DatabaseCore& database);
  void Observe(const std::string& name, const World& found);
  void Look(const std::string& name);
  absl::Status OpenOnce(bool read_only);

  storage::SimulatedFileSystem& disk_;
  const EngineTuning tuning_;
  std::vector<int> planned_errors_;
  bool mends_ = false;
  std::shared_ptr<DatabaseCore> database_;
  bool read_only_ = false;
  int failures_told_ = 0;
  bool ever_failed_ = false;
  std::vector<World> possible_;
  std::optional<World> snapshot_;
  bool restored_ = false;
  std::vector<std::string> findings_;
};

}  // namespace perigee::engine
