// SPDX-License-Identifier: Apache-2.0
//
// DurableDirectory: the only code besides the I/O backends that renames, links or removes files
// (D10). It turns finished bytes into durable names, in the order: file written and synced, name
// given, directory synced.
//
// Invariants:
//  1. Names are those of file_names.h; any other is a programmer error (S6, F11).
//  2. When a call returns ok, its effect survives a power cut. When it fails, the effect may or may
//     not be there; a failed directory sync is a storage failure that callers must not retry (D5).
//  3. Publish and CreateExclusive never replace a file. WriteAtomically does: afterwards the name
//     holds all of the old bytes or all of the new ones, whatever happens.
//  4. Temporary files live in tmp/, which the next read-write open empties.
//
// Thread-safety: calls about different names may run at once; calls about one name may not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/io/confined_root.h"
#include "storage/io/file_system.h"

namespace perigee::storage {

class DurableDirectory {
 public:
  /// `file_system` must outlive the object; `path` is the data directory.
  DurableDirectory(FileSystem& file_system, std::string path);

  FileSystem& file_system() const { return file_system_; }
  const std::string& path() const { return path_; }
  /// The path of `name` for FileSystem::Open. Requires: a name of file_names.h.
  std::string PathOf(std::string_view name) const;

  /// Gives the file `temporary_name`, which the caller has written and synced, its final name:
  /// rename, then sync of the directory. kAlreadyExists when the final name is taken.
  absl::Status Publish(std::string_view temporary_name, std::string_view final_name);

  /// Makes `name` with exactly `bytes`; kAlreadyExists when it exists, and then nothing changed.
  /// After a crash the file is there whole or not at all (N8).
  absl::Status CreateExclusive(std::string_view name, std::span<const std::byte> bytes);

  /// Makes or replaces `name` with exactly `bytes`.
  absl::Status WriteAtomically(std::string_view name, std::span<const std::byte> bytes);

  /// Makes or replaces `name` with exactly `bytes`, for files that may be lost: the bytes are
  /// synced and the name is not, so that after a power cut the name holds all of the old bytes, all
  /// of the new ones, or nothing. A failure is no storage failure: no name of others is touched.
  absl::Status WriteAdvisory(std::string_view name, std::span<const std::byte> bytes);

  /// Removes files and syncs their directories once each; names that are missing already are fine.
  /// kStorageFailed when the sync of a directory other than tmp/ failed.
  absl::Status Remove(std::span<const std::string> names);
  absl::Status Remove(const std::string& name) { return Remove(std::span(&name, 1)); }

  /// Removes every file in tmp/, whatever its name, but for the marker of an initialisation.
  absl::Status RemoveTemporaries();

  /// Gives the file at `path`, of this file system, the second name `name` here; durable with the
  /// next SyncDirectoryOf. For immutable files only: both names are the same bytes.
  absl::Status LinkFrom(const std::string& path, std::string_view name);

  /// Gives the directory `unfinished`, whose contents are synced, the name `path`, durably.
  /// kAlreadyExists when `path` is taken.
  static absl::Status PublishDirectory(FileSystem& file_system, const std::string& unfinished,
                                       const std::string& path);
  /// Removes files of ours and our directories from `path`, then `path` itself. What is not ours
  /// stays, and then it fails.
  static absl::Status RemoveAll(FileSystem& file_system, const std::string& path);

  /// Makes the files created so far in the directory of `name` durable; for a writer that creates
  /// a file under its final name (a log file, a manifest).
  absl::Status SyncDirectoryOf(std::string_view name);

  /// All bytes of a small file; kDataLoss when it is larger than `bytes_max`.
  absl::StatusOr<std::string> ReadAll(std::string_view name, size_t bytes_max);

  /// Up to `length` bytes from `offset`, fewer only at the end of the file.
  absl::StatusOr<std::string> ReadRange(std::string_view name, uint64_t offset, size_t length);

  /// Names of `directory` ("" is the data directory itself, else "seg", ...) that are names of
  /// ours, sorted, greater than `after`; with their directory: "seg/<uuid>".
  absl::StatusOr<std::vector<std::string>> ListAfter(std::string_view directory,
                                                     std::string_view after = {});

 private:
  absl::Status WriteTemporary(std::string_view temporary_name, std::span<const std::byte> bytes);

  FileSystem& file_system_;
  std::string path_;
  const ConfinedRoot confined_;
};

}  // namespace perigee::storage
