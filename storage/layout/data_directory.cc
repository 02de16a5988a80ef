// SPDX-License-Identifier: Apache-2.0
#include "storage/layout/data_directory.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/check.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::storage {
namespace {

constexpr size_t kIdentityFileBytesMax = 4096;
constexpr size_t kCurrentBytesMax = 4096;
constexpr size_t kNamesInMessageMax = 5;

bool IsDirectoryName(std::string_view name) {
  return std::find(kDirectories.begin(), kDirectories.end(), name) != kDirectories.end();
}

absl::Status NotADatabase(const std::string& path, std::string_view why) {
  return ErrorWithReason(ErrorReason::kNotADatabase, absl::StrCat(path, ": ", Absl(why)));
}

// Makes the directory itself, where it is missing; kFailedPrecondition when it is something else.
absl::Status FindOrCreate(FileSystem& file_system, const std::string& path, bool create) {
  // "/." so that the path may be a symbolic link to a directory.
  const absl::StatusOr<FileStatus> status = file_system.Stat(path + "/.");
  if (status.ok()) {
    return status->is_directory ? absl::OkStatus() : NotADatabase(path, "is not a directory");
  }
  if (!absl::IsNotFound(status.status())) {
    const absl::StatusOr<FileStatus> other = file_system.Stat(path);
    return other.ok() && !other->is_directory ? NotADatabase(path, "is not a directory")
                                              : status.status();
  }
  if (!create) {
    return absl::NotFoundError(
        absl::StrCat("no directory ", path, "; create_if_missing makes a new database there"));
  }
  PERIGEE_RETURN_IF_ERROR(file_system.CreateDirectory(path));
  const absl::Status synced = file_system.SyncDirectory(ParentOf(path));
  if (!synced.ok()) {
    // Made anew, its name has another chance; found the next time, it would pass for durable.
    static_cast<void>(file_system.RemoveDirectory(path));
  }
  return synced;
}

absl::StatusOr<std::vector<uint64_t>> Numbers(const absl::StatusOr<std::vector<FileName>>& names) {
  PERIGEE_RETURN_IF_ERROR(names.status());
  std::vector<uint64_t> numbers;
  for (const FileName& name : *names) {
    numbers.push_back(name.number);
  }
  return numbers;
}

absl::StatusOr<std::vector<Uuid>> Uuids(const absl::StatusOr<std::vector<FileName>>& names) {
  PERIGEE_RETURN_IF_ERROR(names.status());
  std::vector<Uuid> uuids;
  for (const FileName& name : *names) {
    uuids.push_back(name.uuid);
  }
  return uuids;
}

}  // namespace

absl::StatusOr<std::unique_ptr<DataDirectory>> DataDirectory::Open(FileSystem& file_system,
                                                                   const std::string& path,
                                                                   const Options& options) {
  PERIGEE_CHECK(!(options.create_if_missing && options.read_only),
                "a read-only open creates nothing");
  PERIGEE_CHECK(!options.create_if_missing || options.initialise_contents != nullptr,
                "create_if_missing needs initialise_contents");
  if (options.create_if_missing) {
    PERIGEE_RETURN_IF_ERROR(ValidateCreationParameters(options.creation));
  }
  PERIGEE_RETURN_IF_ERROR(FindOrCreate(file_system, path, options.create_if_missing));
  std::unique_ptr<DataDirectory> directory(new DataDirectory(file_system, path));
  // The first look is there to refuse, before a lock file is put into somebody else's directory.
  PERIGEE_ASSIGN_OR_RETURN(Survey survey, directory->Look());
  PERIGEE_RETURN_IF_ERROR(directory->CheckState(survey, options));
  if (options.read_only) {
    directory->unknown_names_ = std::move(survey.unknown_names);
    PERIGEE_RETURN_IF_ERROR(directory->LoadIdentity());
    return directory;
  }
  PERIGEE_ASSIGN_OR_RETURN(
      directory->lock_,
      DirectoryLock::Acquire(file_system, path,
                             {.allow_network_filesystem = options.allow_network_filesystem}));
  PERIGEE_RETURN_IF_ERROR(directory->OpenForWriting(options));
  return directory;
}

absl::Status DataDirectory::OpenForWriting(const Options& options) {
  // Another process may have initialised the directory between the first look and the lock.
  PERIGEE_ASSIGN_OR_RETURN(Survey survey, Look());
  PERIGEE_RETURN_IF_ERROR(CheckState(survey, options));
  unknown_names_ = std::move(survey.unknown_names);
  if (!survey.is_complete() && (survey.has_marker || !survey.has_contents)) {
    return Initialise(options);
  }
  PERIGEE_RETURN_IF_ERROR(LoadIdentity());
  PERIGEE_RETURN_IF_ERROR(CheckWritable(identity_));
  reserve_ = std::make_unique<SpaceReserve>(files_, identity_.creation.reserve_bytes);
  reserve_->Find();
  if (survey.has_marker) {
    // Of the names only CURRENT and the marker's removal may not have reached the disk.
    PERIGEE_ASSIGN_OR_RETURN(const std::string current,
                             files_.ReadAll(kCurrentName, kCurrentBytesMax));
    PERIGEE_RETURN_IF_ERROR(files_.WriteAtomically(kCurrentName, AsBytes(current)));
    PERIGEE_RETURN_IF_ERROR(files_.Remove(std::string(kInitialisingName)));
  }
  PERIGEE_RETURN_IF_ERROR(MakeDirectories());
  return files_.RemoveTemporaries();
}

absl::StatusOr<DataDirectory::Survey> DataDirectory::Look() {
  Survey survey;
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<std::string> names, file_system().List(path()));
  for (const std::string& name : names) {
    if (IsDirectoryName(name)) {
      PERIGEE_RETURN_IF_ERROR(LookInto(name, survey));
      continue;
    }
    survey.has_identity = survey.has_identity || name == kIdentityName;
    survey.has_current = survey.has_current || name == kCurrentName;
    survey.has_snapshot_list = survey.has_snapshot_list || name == kSnapshotListName;
    survey.has_contents = survey.has_contents || name != kLockName;
    if (!ParseFileName(name).has_value()) {
      survey.unknown_names.push_back(name);
    }
  }
  std::sort(survey.unknown_names.begin(), survey.unknown_names.end());
  return survey;
}

absl::Status DataDirectory::LookInto(std::string_view directory, Survey& survey) {
  const std::string directory_path = absl::StrCat(path(), "/", Absl(directory));
  PERIGEE_ASSIGN_OR_RETURN(const FileStatus status, file_system().Stat(directory_path));
  if (!status.is_directory) {  // a symbolic link would lead out of the directory (S6)
    return NotADatabase(path(), absl::StrCat(Absl(directory), " is not a directory"));
  }
  survey.has_contents = survey.has_contents || directory != kTemporaryDirectory;
  if (directory == kQuarantineDirectory) {
    return absl::OkStatus();  // what an operator put there is the operator's
  }
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                           file_system().List(directory_path));
  for (const std::string& name : names) {
    const std::string whole = absl::StrCat(Absl(directory), "/", name);
    survey.has_contents = true;
    survey.has_marker = survey.has_marker || whole == kInitialisingName;
    if (!ParseFileName(whole).has_value()) {
      survey.unknown_names.push_back(whole);
    } else if (directory != kTemporaryDirectory) {
      survey.has_objects = true;
    }
  }
  return absl::OkStatus();
}

absl::Status DataDirectory::CheckState(const Survey& survey, const Options& options) const {
  if (survey.has_snapshot_list && !options.read_only) {
    // Written to, it would no longer be what its list says.
    return NotADatabase(path(),
                        "is a snapshot (it holds SNAPSHOT); restore it into a new directory with "
                        "`perigee restore`, or open it read-only");
  }
  if (survey.is_complete()) {
    return absl::OkStatus();
  }
  if (survey.has_marker && survey.has_objects) {
    return NotADatabase(path(),
                        "holds both data and the marker of an unfinished initialisation "
                        "(tmp/INITIALISING); nothing is changed");
  }
  if (survey.has_marker || !survey.has_contents) {
    return options.create_if_missing
               ? absl::OkStatus()
               : NotADatabase(path(), survey.has_marker
                                          ? "its initialisation was not completed; open it with "
                                            "create_if_missing to repeat it"
                                          : "is empty; create_if_missing makes a new database");
  }
  std::string why =
      absl::StrCat("is not empty and has no ", survey.has_identity ? "CURRENT" : "IDENTITY",
                   "; nothing is changed");
  if (!survey.unknown_names.empty()) {
    const size_t shown = std::min(survey.unknown_names.size(), kNamesInMessageMax);
    const std::vector<std::string> first(
        survey.unknown_names.begin(),
        survey.unknown_names.begin() + static_cast<std::ptrdiff_t>(shown));
    absl::StrAppend(&why, "; it holds ", absl::StrJoin(first, ", "),
                    shown < survey.unknown_names.size() ? ", ..." : "");
  }
  return NotADatabase(path(), why);
}

// Every step may be the last before a power cut. Until the marker is durable the directory counts
// as empty; from then on until IDENTITY and CURRENT are both there, as unfinished. A marker beside
// both means nothing: its removal may have been seen, and writes acknowledged, before a power cut
// brought it back.
absl::Status DataDirectory::Initialise(const Options& options) {
  // The directory may be there because a process was killed before it synced the parent.
  if (const absl::Status synced = file_system().SyncDirectory(ParentOf(path()));
      !synced.ok() && !absl::IsPermissionDenied(synced)) {
    return synced;
  }
  const std::string temporary = absl::StrCat(path(), "/", Absl(kTemporaryDirectory));
  absl::Status made = file_system().CreateDirectory(temporary);
  if (!made.ok() && !absl::IsAlreadyExists(made)) {
    return made;
  }
  const auto marker =
      file_system().Open(PathOf(kInitialisingName), {.mode = OpenMode::kCreateExclusive});
  if (!marker.ok() && !absl::IsAlreadyExists(marker.status())) {
    return marker.status();
  }
  absl::Status placed = file_system().SyncDirectory(temporary);
  if (placed.ok()) {
    placed = file_system().SyncDirectory(path());
  }
  if (!placed.ok()) {
    if (marker.ok()) {
      // Made anew, the names have another chance; found the next time, they would pass for durable.
      file_system().RemoveFile(PathOf(kInitialisingName)).IgnoreError();
      file_system().RemoveDirectory(temporary).IgnoreError();
    }
    return placed;
  }

  PERIGEE_RETURN_IF_ERROR(RemoveUnfinished());
  PERIGEE_RETURN_IF_ERROR(MakeDirectories());
  identity_ = NewIdentity(options.creation);
  reserve_ = std::make_unique<SpaceReserve>(files_, identity_.creation.reserve_bytes);
  PERIGEE_RETURN_IF_ERROR(
      files_.WriteAtomically(kIdentityName, AsBytes(EncodeIdentity(identity_))));
  created_ = true;
  PERIGEE_RETURN_IF_ERROR(options.initialise_contents(*this));
  PERIGEE_RETURN_IF_ERROR(
      WithContext(file_system().Stat(PathOf(kCurrentName)).status(), "after initialisation"));
  return files_.Remove(std::string(kInitialisingName));
}

absl::Status DataDirectory::RemoveUnfinished() {
  std::vector<std::string> names = {std::string(kCurrentName), std::string(kIdentityName)};
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<uint64_t> manifests, ListManifests());
  for (const uint64_t number : manifests) {
    names.push_back(ManifestName(number));
  }
  PERIGEE_RETURN_IF_ERROR(files_.Remove(names));
  return files_.RemoveTemporaries();
}

absl::Status DataDirectory::MakeDirectories() {
  std::vector<std::string> made;
  absl::Status status;
  for (const std::string_view name : kDirectories) {
    std::string directory = absl::StrCat(path(), "/", Absl(name));
    if (status = file_system().CreateDirectory(directory); status.ok()) {
      made.push_back(std::move(directory));
    } else if (!absl::IsAlreadyExists(status)) {
      break;
    }
    status = absl::OkStatus();
  }
  if (status.ok()) {
    // Also when all were there: a process may have made them and died before this.
    status = file_system().SyncDirectory(path());
  }
  if (!status.ok()) {
    // Made anew, the names have another chance; found the next time, they would pass for durable,
    // and a power cut would take the log with its directory.
    for (const std::string& directory : made) {
      file_system().RemoveDirectory(directory).IgnoreError();
    }
  }
  return status;
}

absl::Status DataDirectory::LoadIdentity() {
  PERIGEE_ASSIGN_OR_RETURN(const std::string bytes,
                           files_.ReadAll(kIdentityName, kIdentityFileBytesMax));
  absl::StatusOr<Identity> identity = DecodeIdentity(AsBytes(bytes));
  if (!identity.ok()) {
    return WithContext(identity.status(), path());
  }
  identity_ = *identity;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<FileName>> DataDirectory::ListParsed(std::string_view directory,
                                                                FileKind kind) {
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<std::string> names, files_.ListAfter(directory));
  std::vector<FileName> result;
  for (const std::string& name : names) {
    const std::optional<FileName> parsed = ParseFileName(name);
    if (parsed.has_value() && parsed->kind == kind) {
      result.push_back(*parsed);
    }
  }
  std::sort(result.begin(), result.end(), [](const FileName& a, const FileName& b) {
    return std::tie(a.number, a.uuid) < std::tie(b.number, b.uuid);
  });
  return result;
}

absl::StatusOr<std::vector<uint64_t>> DataDirectory::ListManifests() {
  return Numbers(ListParsed("", FileKind::kManifest));
}

absl::StatusOr<std::vector<uint64_t>> DataDirectory::ListLogs() {
  return Numbers(ListParsed(kLogDirectory, FileKind::kLog));
}

absl::StatusOr<std::vector<Uuid>> DataDirectory::ListSegments() {
  return Uuids(ListParsed(kSegmentDirectory, FileKind::kSegment));
}

absl::StatusOr<std::vector<Uuid>> DataDirectory::ListDeletions() {
  return Uuids(ListParsed(kDeletionDirectory, FileKind::kDeletion));
}

absl::StatusOr<std::vector<Uuid>> DataDirectory::ListCodebooks() {
  return Uuids(ListParsed(kCodebookDirectory, FileKind::kCodebook));
}

}  // namespace perigee::storage
