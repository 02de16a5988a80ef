// SPDX-License-Identifier: Apache-2.0
//
// SimulatedDisk: what the files, locks and directories of one SimulatedFileSystem share: the
// inodes, the count of calls, and the plans by which calls fail. Tests use simulated_file_system.h.
//
// Invariants: an error number of 0 means success throughout; each call is counted, by Begin, before
// it has an effect.
// Thread-safety: everything is guarded by `mutex`; AfterCrash and AfterKill take it themselves.
#pragma once

#include <cerrno>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "storage/io/io_site.h"
#include "tests/support/simulated_inode.h"

namespace perigee::storage {

enum class CallKind {
  kOpen,    ///< of an existing file
  kCreate,  ///< open with kCreateExclusive
  kRead,    ///< Read or ReadBatch
  kWrite,
  kSync,
  kSize,
  kTruncate,
  kAllocate,
  kCreateDirectory,
  kSyncDirectory,
  kRename,
  kLink,
  kRemoveFile,
  kRemoveDirectory,
  kStat,
  kList,
  kLock,
  kSpace,
};

/// Whether calls of this kind can change what a crash leaves.
bool IsChange(CallKind kind);

/// Calls that fail: those that match all of the fields that are set.
struct ErrorPlan {
  uint64_t call_number = 0;           ///< 0: any; else the calls()-th call, counted from 1
  std::optional<CallKind> kind = {};  ///< none: any
  std::string path_contains = {};     ///< of either path of a rename or link
  std::optional<IoSite> site = {};    ///< none: any
  uint64_t skip = 0;                  ///< this many matching calls succeed first
  /// EINTR, and EAGAIN for reads and writes, where the kernel's callers repeat the call: then the
  /// call is disturbed and goes on, through the code of the real backends.
  int error_number = EIO;
  bool forever = false;  ///< else once
  /// This many bytes are written before a kWrite fails; or moved by the first part of a kRead or
  /// kWrite that is disturbed.
  size_t short_bytes = 0;
};

/// What befalls a read or write without making it fail (U6).
struct Disturbance {
  int error_number = 0;
  size_t short_bytes = 0;
};

struct CallRecord {
  CallKind kind = CallKind::kOpen;
  std::string path = {};
  IoSite site = {};
};

struct SimulatedDisk {
  static constexpr uint64_t kRootInode = 1;

  static uint64_t NewDevice();

  /// Where a path leads: its directory's inode and last part, and the inode there (0: none).
  struct Place {
    int error = 0;
    uint64_t parent = 0;
    std::string name = {};
    uint64_t inode = 0;
  };

  mutable absl::Mutex mutex;
  uint64_t device ABSL_GUARDED_BY(mutex) = NewDevice();
  /// Shared with the copies of this disk until one of them changes the inode; use At and Look.
  std::map<uint64_t, std::shared_ptr<SimulatedInode>> inodes ABSL_GUARDED_BY(mutex);
  uint64_t next_inode ABSL_GUARDED_BY(mutex) = kRootInode + 1;
  std::set<uint64_t> locked ABSL_GUARDED_BY(mutex);

  std::vector<CallRecord> trace ABSL_GUARDED_BY(mutex);
  uint64_t changes ABSL_GUARDED_BY(mutex) = 0;
  std::optional<uint64_t> calls_max ABSL_GUARDED_BY(mutex);
  std::optional<uint64_t> changes_max ABSL_GUARDED_BY(mutex);
  bool stopped ABSL_GUARDED_BY(mutex) = false;
  std::vector<ErrorPlan> plans ABSL_GUARDED_BY(mutex);
  uint64_t planned_failures ABSL_GUARDED_BY(mutex) = 0;
  uint64_t syncs_after_failed_sync ABSL_GUARDED_BY(mutex) = 0;
  SyncFailure sync_failure ABSL_GUARDED_BY(mutex) = SyncFailure::kKeptMarkedClean;

  std::optional<uint64_t> capacity_bytes ABSL_GUARDED_BY(mutex);
  bool is_network ABSL_GUARDED_BY(mutex) = false;
  size_t direct_alignment ABSL_GUARDED_BY(mutex) = 512;

  /// Counts the call; yields the error it must fail with. `disturbance` says, for a call that
  /// fails, how many bytes are written first, and for one that does not, how it is cut in two.
  int Begin(CallKind kind, const std::string& path, IoSite site, Disturbance* disturbance = nullptr)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  Place Resolve(const std::string& path) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  uint64_t UsedBytes() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  /// The inode, to be changed; and the same, to be looked at.
  SimulatedInode& At(uint64_t inode) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  const SimulatedInode& Look(uint64_t inode) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    return *inodes.at(inode);
  }
  uint64_t Make(bool is_directory) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  /// The disk after a power cut, and the machine after the process was killed.
  std::shared_ptr<SimulatedDisk> AfterCrash(CrashPolicy policy, uint64_t seed) const;
  std::shared_ptr<SimulatedDisk> AfterKill() const;
};

}  // namespace perigee::storage
