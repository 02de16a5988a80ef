// SPDX-License-Identifier: Apache-2.0
//
// SimulatedFileSystem: a file system in memory whose power can be cut after every call and whose
// calls can be made to fail, so that crash and error tests take microseconds and are repeatable.
//
//   SimulatedFileSystem disk;
//   disk.StopAfterChange(17);                  // the power goes behind the 17th change
//   Workload(disk);                            // sees errors from then on
//   auto rebooted = disk.Crash(CrashPolicy::kRandomSectors, seed);
//   Recover(*rebooted);
//
// Invariants:
//  1. Names and data that were synced survive every crash; what was not survives as the policy
//     says (simulated_inode.h). The same policy and seed give the same result.
//  2. Every call is counted before it has an effect; a call that fails by plan has no effect, but
//     for the short write, and for what SyncFailure says of a sync.
//  3. Paths are resolved from one root, which exists; a relative path means the same as with '/'.
//
// Thread-safety: may be used from every thread. File and FileLock objects stay valid, and belong to
// the disk as it was, after Crash and after the file system is gone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/io/file_system.h"
#include "storage/io/io_watch.h"
#include "tests/support/simulated_disk.h"
#include "tests/support/simulated_inode.h"

namespace perigee::storage {

class SimulatedFileSystem final : public FileSystem {
 public:
  SimulatedFileSystem();
  ~SimulatedFileSystem() override;

  absl::StatusOr<std::unique_ptr<File>> DoOpen(const std::string& path, const OpenOptions& options,
                                               IoSite site) override;
  absl::Status DoCreateDirectory(const std::string& path, IoSite site) override;
  absl::Status DoSyncDirectory(const std::string& path, IoSite site) override;
  absl::Status DoRename(const std::string& from, const std::string& to, IoSite site) override;
  absl::Status DoLink(const std::string& from, const std::string& to, IoSite site) override;
  absl::Status DoRemoveFile(const std::string& path, IoSite site) override;
  absl::Status DoRemoveDirectory(const std::string& path, IoSite site) override;
  absl::StatusOr<FileStatus> DoStat(const std::string& path, IoSite site) override;
  absl::StatusOr<std::vector<std::string>> DoList(const std::string& path, IoSite site) override;
  absl::StatusOr<std::unique_ptr<FileLock>> DoLock(const std::string& path, IoSite site) override;
  absl::StatusOr<SpaceStatus> DoSpace(const std::string& path, IoSite site) override;
  const char* name() const override { return "simulated"; }
  const IoWatch* watch() const override { return watch_.get(); }
  /// Lets a test note calls that hang.
  void EnableWatch() { watch_ = std::make_shared<IoWatch>(); }
  IoWatch* mutable_watch() const { return watch_.get(); }

  /// Calls so far, and those of them that can change what a crash leaves.
  uint64_t calls() const;
  uint64_t changes() const;
  /// All calls so far, in order.
  std::vector<CallRecord> Trace() const;

  /// Calls behind the n-th (of all, or of the changes) fail without effect: the power is off.
  void StopAfterCall(uint64_t call_number);
  void StopAfterChange(uint64_t change_number);
  bool stopped() const;

  void AddErrorPlan(ErrorPlan plan);
  void ClearErrorPlans();
  /// How many calls failed by plan.
  uint64_t planned_failures() const;
  /// What a sync that fails by plan does to the data; kKeptMarkedClean unless set.
  void SetSyncFailure(SyncFailure how);
  /// The page cache is dropped; matters after a failed sync only.
  void EvictPageCache();
  /// Sync calls on an open file after one had failed: the mistake of D5. Tests require 0.
  uint64_t syncs_after_failed_sync() const;

  /// Writes fail with ENOSPC when the files' bytes would exceed this.
  void SetCapacityBytes(uint64_t bytes);
  void SetNetwork(bool is_network);
  /// Alignment that direct files demand; 0 makes the file system refuse direct I/O.
  void SetDirectAlignment(size_t alignment);

  /// The disk after a power cut now.
  std::unique_ptr<SimulatedFileSystem> Crash(CrashPolicy policy, uint64_t seed = 0) const;
  /// The same machine after the process was killed: unsynced changes are still there, and still
  /// unsynced; locks are free, plans and counters are gone.
  std::unique_ptr<SimulatedFileSystem> KillProcess() const;

  /// Not counted, not failing: what a file holds; kNotFound when it is missing.
  absl::StatusOr<std::string> Contents(const std::string& path) const;
  /// Makes or replaces a file, durably; its directory must exist.
  void SetContents(const std::string& path, std::string_view bytes);
  /// Flips the bits of `mask` in one byte, durably. Requires: the byte exists.
  void Corrupt(const std::string& path, uint64_t offset, uint8_t mask);
  /// A hash of all names and what they hold, and of whether anything is unsynced.
  uint64_t Fingerprint() const;
  /// The paths of all files, sorted, without the leading '/'.
  std::vector<std::string> Files() const;

 private:
  explicit SimulatedFileSystem(std::shared_ptr<SimulatedDisk> disk);

  std::shared_ptr<SimulatedDisk> disk_;  // shared with open files and locks
  std::shared_ptr<IoWatch> watch_;
};

}  // namespace perigee::storage
