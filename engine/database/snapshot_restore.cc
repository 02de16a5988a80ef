// SPDX-License-Identifier: Apache-2.0
#include "engine/database/snapshot_restore.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/collection/collection_core.h"
#include "engine/database/backend_choice.h"
#include "engine/database/database_core.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"
#include "storage/io/file_system_selection.h"
#include "storage/layout/file_names.h"
#include "storage/snapshot/directory_copy.h"
#include "storage/snapshot/snapshot_list.h"

namespace perigee::engine {
namespace {

// Steps of the epoch are random above a million: nobody opens a database that often, and two
// restored copies of one snapshot differ too.
constexpr uint64_t kEpochStepMin = uint64_t{1} << 20U;
constexpr uint64_t kEpochStepRandomMask = (uint64_t{1} << 40U) - 1;

absl::Status Hostile(const std::string& path, std::string_view what) {
  return ErrorWithReason(ErrorReason::kDamaged,
                         absl::StrCat(path, ": ", Absl(what), "; nothing was restored"));
}

uint64_t RandomEpochStep() {
  const storage::Uuid random = storage::Uuid::Random();
  uint64_t value = 0;
  for (const std::byte byte : random.bytes()) {
    value = (value << 8U) ^ (value >> 56U) ^ static_cast<uint64_t>(byte);
  }
  return kEpochStepMin + (value & kEpochStepRandomMask);
}

absl::StatusOr<storage::SnapshotList> ReadList(storage::FileSystem& file_system,
                                               const std::string& from) {
  const std::string path = absl::StrCat(from, "/", Absl(storage::kSnapshotListName));
  const absl::StatusOr<storage::FileStatus> status = file_system.Stat(path);
  if (absl::IsNotFound(status.status())) {
    return absl::NotFoundError(
        absl::StrCat(from, " is no snapshot: it has no file ", Absl(storage::kSnapshotListName)));
  }
  PERIGEE_RETURN_IF_ERROR(status.status());
  if (!status->is_regular_file || status->size > storage::kSnapshotListBytesMax) {
    return Hostile(path, absl::StrCat("is not a regular file of at most ",
                                      storage::kSnapshotListBytesMax, " bytes"));
  }
  PERIGEE_ASSIGN_OR_RETURN(const std::unique_ptr<storage::File> file, file_system.Open(path, {}));
  std::string text(status->size, '\0');
  PERIGEE_ASSIGN_OR_RETURN(const size_t count,
                           file->Read(0, std::as_writable_bytes(std::span(text))));
  text.resize(count);
  return storage::DecodeSnapshotList(text);
}

// The directory holds the listed files with their sizes, and nothing else.
absl::Status CheckContents(storage::FileSystem& file_system, const std::string& from,
                           const storage::SnapshotList& list) {
  std::map<std::string, uint64_t, std::less<>> missing;
  for (const storage::SnapshotFile& file : list.files) {
    missing[file.name] = file.bytes;
  }
  const auto look = [&](const std::string& prefix) -> absl::Status {
    const std::string directory = absl::StrCat(from, prefix.empty() ? "" : "/", prefix);
    PERIGEE_ASSIGN_OR_RETURN(const std::vector<std::string> names, file_system.List(directory));
    for (const std::string& child : names) {
      const std::string name = prefix.empty() ? child : absl::StrCat(prefix, "/", child);
      const std::string path = absl::StrCat(from, "/", name);
      PERIGEE_ASSIGN_OR_RETURN(const storage::FileStatus status, file_system.Stat(path));
      const bool ours = std::find(storage::kDirectories.begin(), storage::kDirectories.end(),
                                  name) != storage::kDirectories.end();
      if (name == storage::kSnapshotListName || (ours && status.is_directory)) {
        continue;
      }
      const auto listed = missing.find(name);
      if (listed == missing.end()) {
        return Hostile(path, "is not in the list of the snapshot");
      }
      if (!status.is_regular_file && !CanaryActive("restore-follows-symlink")) {
        return Hostile(path, "is not a regular file");
      }
      if (status.is_regular_file && status.size != listed->second) {
        return Hostile(path,
                       absl::StrCat("has ", status.size, " bytes, the list says ", listed->second));
      }
      missing.erase(listed);
    }
    return absl::OkStatus();
  };
  PERIGEE_RETURN_IF_ERROR(look(""));
  for (const std::string_view directory : storage::kDirectories) {
    const std::string name(directory);
    const absl::StatusOr<storage::FileStatus> status =
        file_system.Stat(absl::StrCat(from, "/", name));
    if (absl::IsNotFound(status.status())) {
      continue;  // empty ones may get lost in copying
    }
    PERIGEE_RETURN_IF_ERROR(status.status());
    if (!status->is_directory) {
      return Hostile(absl::StrCat(from, "/", name), "is not a directory");
    }
    PERIGEE_RETURN_IF_ERROR(look(name));
  }
  return missing.empty() ? absl::OkStatus()
                         : Hostile(absl::StrCat(from, "/", missing.begin()->first), "is missing");
}

// Opens the copy as its next writer would, with everything that checks.
absl::Status Prove(storage::FileSystem& file_system, const std::string& path,
                   const storage::SnapshotList& list, const RestoreOptions& options) {
  OpenOptions open{.access = Access::Unrestricted()};
  open.create_if_missing = false;
  open.maintenance_threads = 0;
  open.allow_network_filesystem = options.allow_network_filesystem;
  open.recovery_mode = false;
  EngineTuning tuning;
  tuning.epoch_step = RandomEpochStep();
  PERIGEE_ASSIGN_OR_RETURN(const std::shared_ptr<DatabaseCore> database,
                           DatabaseCore::Open(file_system, path, open, tuning));
  PERIGEE_ASSIGN_OR_RETURN(const DatabaseStatus status, database->Status());
  if (status.uuid != list.database_uuid.ToString() || status.seq != list.seq) {
    return Hostile(
        path, absl::StrCat("holds database ", status.uuid, " up to write ", status.seq,
                           ", the list says ", list.database_uuid.ToString(), " up to ", list.seq));
  }
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<std::shared_ptr<CollectionCore>> collections,
                           database->ListCollections());
  for (const std::shared_ptr<CollectionCore>& collection : collections) {
    if (collection->state().damaged()) {
      return Hostile(path, absl::StrCat("collection '", collection->name(), "' is damaged"));
    }
  }
  return database->Close();
}

absl::StatusOr<SnapshotReport> Restore(storage::FileSystem& file_system, const std::string& from,
                                       const std::string& to, const RestoreOptions& options) {
  PERIGEE_ASSIGN_OR_RETURN(const storage::SnapshotList list, ReadList(file_system, from));
  PERIGEE_RETURN_IF_ERROR(CheckContents(file_system, from, list));
  const uint64_t total = list.total_bytes();
  PERIGEE_ASSIGN_OR_RETURN(const storage::SpaceStatus space,
                           file_system.Space(storage::ParentOf(to)));
  if (space.available_bytes < total) {
    return ErrorWithReason(
        ErrorReason::kDiskFull,
        absl::StrCat("the snapshot takes ", total, " bytes, ", storage::ParentOf(to), " has ",
                     space.available_bytes, " free"));
  }
  PERIGEE_ASSIGN_OR_RETURN(
      const std::unique_ptr<storage::DirectoryCopy> copy,
      storage::DirectoryCopy::Begin(file_system, to, [&](uint64_t done) -> absl::Status {
        if (options.on_progress != nullptr && !options.on_progress({done, total})) {
          return absl::CancelledError("the restore was given up; nothing is left of it");
        }
        return absl::OkStatus();
      }));
  for (const storage::SnapshotFile& file : list.files) {
    const std::string source = absl::StrCat(from, "/", file.name);
    PERIGEE_RETURN_IF_ERROR(copy->Copy(file.name, source, file.bytes, file.bytes));
    if (copy->files().back().sha256 != file.sha256 && !CanaryActive("restore-skips-checksum")) {
      return Hostile(source, "does not have the SHA-256 that the list names");
    }
  }
  PERIGEE_RETURN_IF_ERROR(Prove(file_system, copy->path(), list, options));
  SnapshotReport report;
  report.database_uuid = list.database_uuid.ToString();
  report.epoch = list.epoch;
  report.seq = list.seq;
  report.files = list.files.size();
  report.bytes = total;
  report.bytes_copied = copy->copied_bytes();
  PERIGEE_RETURN_IF_ERROR(copy->Finish());
  return report;
}

}  // namespace

absl::StatusOr<SnapshotReport> RestoreOn(storage::FileSystem& file_system, const std::string& from,
                                         const std::string& to, const RestoreOptions& options) {
  absl::StatusOr<SnapshotReport> report = Restore(file_system, from, to, options);
  if (!report.ok()) {
    return WithContext(report.status(), absl::StrCat("restoring ", from, " into ", to));
  }
  return report;
}

}  // namespace perigee::engine

namespace perigee {

absl::StatusOr<SnapshotReport> RestoreSnapshot(const std::string& from, const std::string& to,
                                               const RestoreOptions& options) {
  PERIGEE_ASSIGN_OR_RETURN(const storage::SelectedFileSystem selected,
                           storage::SelectFileSystem(engine::BackendChoiceOf(options.io_backend)));
  return engine::RestoreOn(*selected.file_system, from, to, options);
}

}  // namespace perigee
