// SPDX-License-Identifier: Apache-2.0
//
// SimulatedInode: one file or directory of the simulated file system, with what programs see of it
// now (visible), what a power cut surely leaves (durable), and the changes between the two in the
// order in which they were made. AfterCrash says which of these changes a power cut let through.
//
// Invariants:
//  1. A sector of 512 bytes is old or new as a whole, never torn; which version of each survives is
//     the policy's choice.
//  2. durable with all changes applied is visible, unless a failed sync dropped changes (diverged).
//
// Thread-safety: none; the file system's lock guards it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace perigee::storage {

/// What a power cut lets through of changes that were not synced.
enum class CrashPolicy {
  kNothingUnsynced,  ///< none of them
  kEverything,       ///< all of them
  kFilePrefix,       ///< of each file and directory the first few, the last one perhaps in part
  kRandomSectors,    ///< of each sector, size and name some version, independently
  kNamesOnly,        ///< all names, no data: files of length 0
  kDataOnly,         ///< all data, no names
  kReordered,  ///< some of the changes and not others, whatever their order: whole writes, names
};

/// What a failed sync does to the data it was to write (testing.md 1).
enum class SyncFailure {
  kKeptMarkedClean,    ///< still visible, but no later sync writes it
  kReverted,           ///< the old data is visible again
  kLostAfterEviction,  ///< as kKeptMarkedClean until the page cache is evicted, then as kReverted
};

/// A change of a file that was not synced: a write, or a new size.
struct FileChange {
  bool is_truncate = false;
  uint64_t offset = 0;  ///< of the write; the new size of a truncate
  std::string bytes = {};
};

/// A name that was given (inode) or taken away (inode 0) and not synced.
struct EntryChange {
  std::string name = {};
  uint64_t inode = 0;
};

using DirectoryEntries = std::map<std::string, uint64_t>;

struct SimulatedInode {
  static constexpr size_t kSectorBytes = 512;

  bool is_directory = false;

  std::string visible;
  std::string durable;
  std::vector<FileChange> changes;
  bool diverged = false;
  bool lost_on_eviction = false;
  bool sync_failed = false;
  uint64_t failed_syncs = 0;

  DirectoryEntries visible_entries;
  DirectoryEntries durable_entries;
  std::vector<EntryChange> entry_changes;

  void Write(uint64_t offset, std::span<const std::byte> bytes);
  void Truncate(uint64_t size);
  void SetEntry(const std::string& name, uint64_t inode);
  void RemoveEntry(const std::string& name) { SetEntry(name, 0); }

  void Sync();
  void FailSync(SyncFailure how);
  void SyncEntries();
  void FailSyncEntries() { entry_changes.clear(); }
  void Evict();
  /// What a sync failed to write is no longer in the cache: the device is read from now on.
  void DropCache();

  /// Nothing is unsynced and no sync has failed: every power cut leaves it as it is.
  bool IsSettled() const {
    return changes.empty() && entry_changes.empty() && !diverged && !sync_failed &&
           visible_entries == durable_entries;  // not after the failed sync of a directory
  }

  /// What the device holds, which direct I/O reads: not what a failed sync left in the cache.
  std::string DeviceImage() const;

  /// The bytes after a power cut.
  std::string BytesAfterCrash(CrashPolicy policy, uint64_t seed) const;
  /// The names after a power cut.
  DirectoryEntries EntriesAfterCrash(CrashPolicy policy, uint64_t seed) const;
};

}  // namespace perigee::storage
