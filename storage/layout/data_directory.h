// SPDX-License-Identifier: Apache-2.0
//
// DataDirectory: a directory that holds one database, opened by its one writer or by a reader (N9).
// It checks what the directory is before anything is written to it, holds the lock, and gives names
// through its DurableDirectory.
//
// Invariants:
//  1. Only an empty or missing directory, or one whose initialisation was cut short, is
//     initialised. One that holds anything else without IDENTITY and CURRENT is refused (F2).
//  2. An initialisation cut short at any point is repeated by the next open with
//     create_if_missing: until it is complete the marker tmp/INITIALISING is durable. With
//     IDENTITY and CURRENT it is complete, and a marker beside them is only removed.
//  3. Opening for writing empties tmp/. Names that are not ours are reported by unknown_names(),
//     never touched (F11). Opening read-only changes nothing.
//
// Thread-safety: Open may be called from every thread; the accessors are const after Open.
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
#include "storage/layout/directory_lock.h"
#include "storage/layout/durable_directory.h"
#include "storage/layout/file_names.h"
#include "storage/layout/identity.h"
#include "storage/layout/space_reserve.h"

namespace perigee::storage {

class DataDirectory {
 public:
  struct Options {
    bool create_if_missing = false;
    bool read_only = false;
    bool allow_network_filesystem = false;
    /// Used when the directory is initialised.
    CreationParameters creation = {};
    /// Called when the directory is initialised, with everything in place but CURRENT, which it
    /// must write (with the first manifest). Its files are removed when initialisation is
    /// repeated, so it must not create any besides manifests and CURRENT. Requires: set with
    /// create_if_missing.
    std::function<absl::Status(DataDirectory&)> initialise_contents = {};
  };

  /// Opens or initialises the directory at `path`, whose parent must exist. kFailedPrecondition
  /// with reason not_a_database (something else is there), locked, or without a reason (network
  /// file system); kNotFound when it is missing and may not be created; kDataLoss when IDENTITY is
  /// damaged. `file_system` must outlive the object.
  static absl::StatusOr<std::unique_ptr<DataDirectory>> Open(FileSystem& file_system,
                                                             const std::string& path,
                                                             const Options& options);

  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;

  const Identity& identity() const { return identity_; }
  const Uuid& database_uuid() const { return identity_.database_uuid; }
  const std::string& path() const { return files_.path(); }
  FileSystem& file_system() const { return files_.file_system(); }
  /// Names, durably.
  DurableDirectory& files() { return files_; }
  /// Requires: not read-only, and IDENTITY is known (not from initialise_contents).
  SpaceReserve& reserve() { return *reserve_; }
  bool read_only() const { return lock_ == nullptr; }
  /// Whether this Open initialised it.
  bool created() const { return created_; }
  /// False in a child process made by fork: the handle must not be used there.
  bool lock_held() const { return lock_ != nullptr && lock_->held(); }
  /// The path of `name` for FileSystem::Open.
  std::string PathOf(std::string_view name) const { return files_.PathOf(name); }

  /// Names found at Open that are not ours, relative to the directory, sorted; left alone.
  const std::vector<std::string>& unknown_names() const { return unknown_names_; }

  /// What is there now, ascending.
  absl::StatusOr<std::vector<uint64_t>> ListManifests();
  absl::StatusOr<std::vector<uint64_t>> ListLogs();
  absl::StatusOr<std::vector<Uuid>> ListSegments();
  absl::StatusOr<std::vector<Uuid>> ListDeletions();
  absl::StatusOr<std::vector<Uuid>> ListCodebooks();

 private:
  /// What a look at the directory found.
  struct Survey {
    bool has_marker = false;
    bool has_identity = false;
    bool has_current = false;
    bool has_snapshot_list = false;
    bool has_contents = false;  ///< anything besides LOCK and an empty tmp/
    bool has_objects = false;   ///< log, segment, deletion or codebook files
    std::vector<std::string> unknown_names;

    /// IDENTITY and, as the last step of an initialisation, CURRENT were written.
    bool is_complete() const { return has_identity && has_current; }
  };

  DataDirectory(FileSystem& file_system, const std::string& path) : files_(file_system, path) {}

  absl::StatusOr<Survey> Look();
  absl::Status LookInto(std::string_view directory, Survey& survey);
  absl::Status CheckState(const Survey& survey, const Options& options) const;
  absl::Status OpenForWriting(const Options& options);
  absl::Status Initialise(const Options& options);
  absl::Status RemoveUnfinished();
  absl::Status MakeDirectories();
  absl::Status LoadIdentity();
  absl::StatusOr<std::vector<FileName>> ListParsed(std::string_view directory, FileKind kind);

  DurableDirectory files_;
  std::unique_ptr<DirectoryLock> lock_;
  Identity identity_;
  std::unique_ptr<SpaceReserve> reserve_;
  bool created_ = false;
  std::vector<std::string> unknown_names_;
};

}  // namespace perigee::storage
