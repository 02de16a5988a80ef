// SPDX-License-Identifier: Apache-2.0
//
// A database directory with nothing but its manifest, for the tests of the log:
// OpenDatabase initialises it if needed, as an engine does; ManifestDatabase keeps directory and
// log together.
//
// Invariants: opening read-only never changes the disk.
// Thread-safety: an object belongs to one thread.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage/io/file_system.h"
#include "storage/layout/data_directory.h"
#include "storage/manifest/manifest_log.h"

namespace perigee::storage {

struct ManifestDatabase {
  std::unique_ptr<DataDirectory> directory;
  std::unique_ptr<ManifestLog> log;
};

inline absl::StatusOr<ManifestDatabase> OpenDatabase(FileSystem& disk,
                                                     const ManifestLogOptions& options = {},
                                                     const std::string& path = "db",
                                                     uint64_t reserve_bytes = 0) {
  DataDirectory::Options layout;
  layout.creation.reserve_bytes = reserve_bytes;
  layout.create_if_missing = !options.read_only;
  layout.read_only = options.read_only;
  layout.initialise_contents = [](DataDirectory& directory) {
    return ManifestLog::Create(directory, {}).status();
  };
  ManifestDatabase database;
  auto directory = DataDirectory::Open(disk, path, layout);
  if (!directory.ok()) {
    return directory.status();
  }
  database.directory = *std::move(directory);
  auto log = ManifestLog::Open(*database.directory, options);
  if (!log.ok()) {
    return log.status();
  }
  database.log = *std::move(log);
  return database;
}

}  // namespace perigee::storage
