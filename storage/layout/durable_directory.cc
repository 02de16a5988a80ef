// SPDX-License-Identifier: Apache-2.0
#include "storage/layout/durable_directory.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/check.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"
#include "storage/layout/file_names.h"

namespace perigee::storage {
namespace {

// "seg" for "seg/<uuid>", "" for a name in the data directory itself.
std::string_view DirectoryOf(std::string_view name) {
  const size_t slash = name.find('/');
  return slash == std::string_view::npos ? std::string_view() : name.substr(0, slash);
}

std::string Joined(std::string_view directory, std::string_view name) {
  return directory.empty() ? std::string(name) : absl::StrCat(Absl(directory), "/", Absl(name));
}

}  // namespace

DurableDirectory::DurableDirectory(FileSystem& file_system, std::string path)
    : file_system_(file_system), path_(std::move(path)), confined_(path_) {}

std::string DurableDirectory::PathOf(std::string_view name) const {
  PERIGEE_CHECK(ParseFileName(name).has_value(), "'", Absl(name), "' is not a name of ours");
  return Joined(path_, name);
}

absl::Status DurableDirectory::SyncDirectoryOf(std::string_view name) {
  const std::string_view directory = DirectoryOf(name);
  if ((CanaryActive("no-directory-fsync-wal") && directory == kLogDirectory) ||
      (CanaryActive("no-directory-fsync-segment") && directory == kSegmentDirectory) ||
      (CanaryActive("no-directory-fsync-manifest") && directory.empty())) {
    return absl::OkStatus();
  }
  return file_system_.SyncDirectory(Joined(path_, directory));
}

absl::Status DurableDirectory::Publish(std::string_view temporary_name,
                                       std::string_view final_name) {
  const std::string target = PathOf(final_name);
  // Only this process writes here (F10), so nothing can appear between the look and the rename.
  const absl::StatusOr<FileStatus> taken = file_system_.Stat(target);
  if (taken.ok()) {
    return absl::AlreadyExistsError(
        absl::StrCat("publish ", target, ": the name is taken; names are never used twice"));
  }
  if (!absl::IsNotFound(taken.status())) {
    return taken.status();
  }
  PERIGEE_RETURN_IF_ERROR(file_system_.Rename(PathOf(temporary_name), target));
  return SyncDirectoryOf(final_name);
}

absl::Status DurableDirectory::LinkFrom(const std::string& path, std::string_view name) {
  return file_system_.Link(path, PathOf(name));
}

absl::Status DurableDirectory::PublishDirectory(FileSystem& file_system,
                                                const std::string& unfinished,
                                                const std::string& path) {
  const absl::StatusOr<FileStatus> taken = file_system.Stat(path);
  if (taken.ok()) {
    return absl::AlreadyExistsError(absl::StrCat(path, " exists already"));
  }
  if (!absl::IsNotFound(taken.status())) {
    return taken.status();
  }
  PERIGEE_RETURN_IF_ERROR(file_system.Rename(unfinished, path));
  return file_system.SyncDirectory(ParentOf(path));
}

absl::Status DurableDirectory::RemoveAll(FileSystem& file_system, const std::string& path) {
  DurableDirectory directory(file_system, path);
  for (const std::string_view child : kDirectories) {
    const std::string child_path = Joined(path, child);
    if (absl::IsNotFound(file_system.Stat(child_path).status())) {
      continue;
    }
    PERIGEE_ASSIGN_OR_RETURN(const std::vector<std::string> names, directory.ListAfter(child));
    for (const std::string& name : names) {
      PERIGEE_RETURN_IF_ERROR(file_system.RemoveFile(directory.PathOf(name)));
    }
    PERIGEE_RETURN_IF_ERROR(file_system.RemoveDirectory(child_path));
  }
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<std::string> names, directory.ListAfter(""));
  for (const std::string& name : names) {
    PERIGEE_RETURN_IF_ERROR(file_system.RemoveFile(directory.PathOf(name)));
  }
  return file_system.RemoveDirectory(path);
}

absl::Status DurableDirectory::CreateExclusive(std::string_view name,
                                               std::span<const std::byte> bytes) {
  const std::string temporary_name = TemporaryName(name);
  PERIGEE_RETURN_IF_ERROR(WriteTemporary(temporary_name, bytes));
  const absl::Status linked = file_system_.Link(PathOf(temporary_name), PathOf(name));
  const absl::Status removed = file_system_.RemoveFile(PathOf(temporary_name));
  PERIGEE_RETURN_IF_ERROR(linked);
  PERIGEE_RETURN_IF_ERROR(removed);
  return SyncDirectoryOf(name);
}

absl::Status DurableDirectory::WriteAtomically(std::string_view name,
                                               std::span<const std::byte> bytes) {
  const std::string temporary_name = TemporaryName(name);
  PERIGEE_RETURN_IF_ERROR(WriteTemporary(temporary_name, bytes));
  PERIGEE_RETURN_IF_ERROR(file_system_.Rename(PathOf(temporary_name), PathOf(name)));
  return SyncDirectoryOf(name);
}

absl::Status DurableDirectory::WriteAdvisory(std::string_view name,
                                             std::span<const std::byte> bytes) {
  const std::string temporary_name = TemporaryName(name);
  PERIGEE_RETURN_IF_ERROR(WriteTemporary(temporary_name, bytes));
  return file_system_.Rename(PathOf(temporary_name), PathOf(name));
}

absl::Status DurableDirectory::WriteTemporary(std::string_view temporary_name,
                                              std::span<const std::byte> bytes) {
  const std::string path = PathOf(temporary_name);
  const OpenOptions options{.mode = OpenMode::kCreateExclusive};
  absl::StatusOr<std::unique_ptr<File>> file = file_system_.Open(path, options);
  if (absl::IsAlreadyExists(file.status())) {
    // Left by an attempt that failed: it was never published. Its pages may be in doubt, so the
    // bytes go to a new file and not into that one (D5).
    PERIGEE_RETURN_IF_ERROR(file_system_.RemoveFile(path));
    file = file_system_.Open(path, options);
  }
  PERIGEE_RETURN_IF_ERROR(file.status());
  PERIGEE_RETURN_IF_ERROR((*file)->Write(0, bytes));
  return (*file)->Sync();
}

absl::Status DurableDirectory::Remove(std::span<const std::string> names) {
  std::set<std::string_view> directories;
  for (const std::string& name : names) {
    const absl::Status removed = file_system_.RemoveFile(PathOf(name));
    if (!absl::IsNotFound(removed)) {
      PERIGEE_RETURN_IF_ERROR(removed);
    }
    directories.insert(DirectoryOf(name));
  }
  for (const std::string_view directory : directories) {
    const absl::Status synced = file_system_.SyncDirectory(Joined(path_, directory));
    if (!synced.ok() && directory != kTemporaryDirectory) {
      // The error may have been about a name that somebody else has just given (D5).
      return ErrorWithReason(ErrorReason::kStorageFailed, Std(synced.message()));
    }
    PERIGEE_RETURN_IF_ERROR(synced);
  }
  return absl::OkStatus();
}

absl::Status DurableDirectory::RemoveTemporaries() {
  const std::string directory = Joined(path_, kTemporaryDirectory);
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<std::string> names, file_system_.List(directory));
  bool removed = false;
  for (const std::string& name : names) {
    if (Joined(kTemporaryDirectory, name) == kInitialisingName) {
      continue;
    }
    const std::string path = Joined(directory, name);
    PERIGEE_ASSIGN_OR_RETURN(const FileStatus status, file_system_.Stat(path));
    if (!status.is_directory) {
      PERIGEE_RETURN_IF_ERROR(file_system_.RemoveFile(path));
      removed = true;
    }
  }
  return removed ? file_system_.SyncDirectory(directory) : absl::OkStatus();
}

absl::StatusOr<std::string> DurableDirectory::ReadAll(std::string_view name, size_t bytes_max) {
  const std::string path = PathOf(name);
  PERIGEE_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, file_system_.Open(path, {}));
  PERIGEE_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  if (size > bytes_max) {
    return ErrorWithReason(
        ErrorReason::kDamaged,
        absl::StrCat(path, " has ", size, " bytes; at most ", bytes_max, " are possible"));
  }
  std::string bytes(size, '\0');
  PERIGEE_ASSIGN_OR_RETURN(const size_t count,
                           file->Read(0, std::as_writable_bytes(std::span(bytes))));
  bytes.resize(count);
  return bytes;
}

absl::StatusOr<std::string> DurableDirectory::ReadRange(std::string_view name, uint64_t offset,
                                                        size_t length) {
  PERIGEE_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, file_system_.Open(PathOf(name), {}));
  PERIGEE_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  const uint64_t available = offset < size ? size - offset : 0;
  std::string bytes(std::min<uint64_t>(length, available), '\0');
  PERIGEE_ASSIGN_OR_RETURN(const size_t count,
                           file->Read(offset, std::as_writable_bytes(std::span(bytes))));
  bytes.resize(count);
  return bytes;
}

absl::StatusOr<std::vector<std::string>> DurableDirectory::ListAfter(std::string_view directory,
                                                                     std::string_view after) {
  std::vector<std::string> result;
  absl::StatusOr<std::vector<std::string>> names = file_system_.List(Joined(path_, directory));
  if (absl::IsNotFound(names.status())) {
    return result;  // an empty directory may get lost in copying; the next writer makes it again
  }
  PERIGEE_RETURN_IF_ERROR(names.status());
  for (const std::string& name : *names) {
    std::string whole = Joined(directory, name);
    if (whole > after && ParseFileName(whole).has_value()) {
      result.push_back(std::move(whole));
    }
  }
  return result;
}

}  // namespace perigee::storage
