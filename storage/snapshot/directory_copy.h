// SPDX-License-Identifier: Apache-2.0
//
// DirectoryCopy: a data directory in the making beside the name it is to get: "<path>.unfinished"
// until Finish gives it that name. Takes the SHA-256 of all that goes into it. Snapshots and
// restored databases are made with it.
//
// Invariants:
//  1. `path` appears with everything in it, durably, or not at all, whatever happens.
//  2. Nothing that exists is changed; a directory "<path>.unfinished" that a crash left is refused,
//     not removed, since only its owner knows what it is.
//  3. Without Finish the destructor removes what was made.
//
// Thread-safety: one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/io/file_system.h"
#include "storage/layout/durable_directory.h"
#include "storage/snapshot/snapshot_list.h"

namespace perigee::storage {

/// Called as bytes go through; an error ends the copy with that error.
using CopyProgress = std::function<absl::Status(uint64_t bytes_done)>;

class DirectoryCopy {
 public:
  /// Makes "<path>.unfinished" with the directories of a database. kAlreadyExists when `path` or
  /// the unfinished name is taken, kNotFound without the parent.
  static absl::StatusOr<std::unique_ptr<DirectoryCopy>> Begin(FileSystem& file_system,
                                                              const std::string& path,
                                                              CopyProgress progress);
  ~DirectoryCopy();
  DirectoryCopy(const DirectoryCopy&) = delete;
  DirectoryCopy& operator=(const DirectoryCopy&) = delete;

  /// The unfinished directory.
  const std::string& path() const { return files_.path(); }

  absl::Status Write(std::string_view name, std::string_view bytes);
  /// The first `bytes` of the file at `source`, then zeros up to `file_bytes`. kDataLoss when the
  /// source is shorter.
  absl::Status Copy(std::string_view name, const std::string& source, uint64_t bytes,
                    uint64_t file_bytes);
  /// A second name for the immutable file at `source`; a copy where links are not possible.
  absl::Status Share(std::string_view name, const std::string& source, uint64_t bytes);

  /// What was put in, in that order.
  const std::vector<SnapshotFile>& files() const { return made_; }
  uint64_t copied_bytes() const { return copied_bytes_; }

  /// Makes all names inside durable and gives the directory its name.
  absl::Status Finish();

 private:
  DirectoryCopy(FileSystem& file_system, std::string path, CopyProgress progress);

  absl::Status MakeDirectories();
  absl::Status Pass(uint64_t bytes);
  absl::StatusOr<Sha256Digest> Transfer(const std::string& source, uint64_t bytes, File* target,
                                        uint64_t file_bytes);

  FileSystem& file_system_;
  const std::string final_path_;
  DurableDirectory files_;
  CopyProgress progress_;
  std::vector<SnapshotFile> made_;
  uint64_t done_bytes_ = 0;
  uint64_t copied_bytes_ = 0;
  bool begun_ = false;
  bool finished_ = false;
};

}  // namespace perigee::storage
