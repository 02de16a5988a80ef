// SPDX-License-Identifier: Apache-2.0
//
// PowercutNode and PowercutFile: a file of a real disk whose unflushed bytes are held in the memory
// of this process, and an open handle of it. Part of PowercutFileSystem.
//
// Invariants:
//  1. What was written and not flushed is seen by every reader in this process and by nobody else;
//     it ends with the process. Sync writes it to the disk, then flushes the disk.
//  2. After a Sync that failed by plan the bytes are still seen, and no later Sync writes them: the
//     page cache marks them clean (testing.md 1).
//  3. With a seed, some sectors of a write reach the disk at once: any subset may.
//
// Thread-safety: a node and PowercutPower may be used from every thread.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "storage/io/file_system.h"

namespace perigee::storage {

/// The `number`-th call (from 1) of this kind on a path that contains `path_part` fails with EIO.
struct PowercutFailure {
  std::string call = {};  ///< "write", "sync", "name" or "sync_directory"
  std::string path_part = {};
  uint64_t number = 0;
};

/// What the power does besides going away: chance, and failures to order.
class PowercutPower {
 public:
  PowercutPower(uint64_t seed, uint64_t kill_at_call, std::vector<PowercutFailure> failures)
      : has_chance_(seed != 0),
        kill_at_call_(kill_at_call),
        random_(seed),
        failures_(std::move(failures)) {}

  /// True once in `denominator` calls, by the seed; never without a seed.
  bool Chance(uint64_t denominator);
  /// Counts a change: ends the process at the one that was ordered, or answers with a planned
  /// failure.
  absl::Status Call(std::string_view call, const std::string& path);

 private:
  const bool has_chance_;
  const uint64_t kill_at_call_;
  absl::Mutex mutex_;
  std::mt19937_64 random_ ABSL_GUARDED_BY(mutex_);
  uint64_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<PowercutFailure> failures_ ABSL_GUARDED_BY(mutex_);
};

class PowercutNode {
 public:
  /// Takes over a file of the disk that has `size` bytes. SetPath follows before the first call.
  PowercutNode(std::unique_ptr<File> disk, uint64_t size, std::shared_ptr<PowercutPower> power)
      : power_(std::move(power)), disk_(std::move(disk)), size_(size), disk_valid_(size) {}

  absl::StatusOr<size_t> Read(uint64_t offset, std::span<std::byte> buffer);
  absl::Status Write(uint64_t offset, std::span<const std::byte> bytes);
  absl::Status Truncate(uint64_t size);
  absl::Status Sync();
  uint64_t size();
  /// What it is called now; failures are planned by name.
  void SetPath(const std::string& path);

 private:
  static constexpr size_t kPageBytes = 4096;
  static constexpr size_t kSectorBytes = 512;
  struct Page {
    std::array<std::byte, kPageBytes> bytes = {};
    bool dirty = false;  ///< false: a failed Sync gave it up
  };

  absl::StatusOr<Page*> PageOf(uint64_t number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status WriteEarly(uint64_t offset, std::span<const std::byte> bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status WriteDirtyPages() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<PowercutPower> power_;
  absl::Mutex mutex_;
  std::string path_ ABSL_GUARDED_BY(mutex_);
  const std::unique_ptr<File> disk_;
  uint64_t size_ ABSL_GUARDED_BY(mutex_);
  // Bytes of the disk's file from here on are not those of this one: it was cut, or never written.
  uint64_t disk_valid_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, Page> pages_ ABSL_GUARDED_BY(mutex_);
};

class PowercutFile final : public File {
 public:
  /// `owner` keeps whatever the node lives in.
  PowercutFile(std::string path, bool writable, PowercutNode& node, std::shared_ptr<void> owner)
      : path_(std::move(path)), writable_(writable), node_(node), owner_(std::move(owner)) {}

  /// Direct I/O is refused, as some real file systems do.
  bool is_direct() const override { return false; }
  size_t alignment() const override { return 1; }
  const std::string& path() const override { return path_; }

 protected:
  absl::StatusOr<size_t> DoRead(uint64_t offset, std::span<std::byte> buffer, IoSite site) override;
  absl::Status DoReadBatch(std::span<ReadRequest> requests, IoSite site) override;
  absl::Status DoWrite(uint64_t offset, std::span<const std::byte> bytes, IoSite site) override;
  absl::Status DoSync(IoSite site) override;
  absl::StatusOr<uint64_t> DoSize(IoSite site) override;
  absl::Status DoTruncate(uint64_t size, IoSite site) override;
  absl::Status DoAllocate(uint64_t size, IoSite site) override;

 private:
  const std::string path_;
  const bool writable_;
  PowercutNode& node_;
  const std::shared_ptr<void> owner_;
};

}  // namespace perigee::storage
