// SPDX-License-Identifier: Apache-2.0
#include "storage/snapshot/directory_copy.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/log.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"
#include "storage/io/aligned_buffer.h"
#include "storage/layout/file_names.h"

namespace perigee::storage {
namespace {

constexpr size_t kChunkBytes = size_t{1} << 20U;

std::string WithoutSlashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') {
    path.pop_back();
  }
  return path;
}

absl::Status MustNotExist(FileSystem& file_system, const std::string& path, std::string_view hint) {
  const absl::StatusOr<FileStatus> status = file_system.Stat(path);
  if (absl::IsNotFound(status.status())) {
    return absl::OkStatus();
  }
  PERIGEE_RETURN_IF_ERROR(status.status());
  return absl::AlreadyExistsError(absl::StrCat(path, " exists already; ", Absl(hint)));
}

}  // namespace

DirectoryCopy::DirectoryCopy(FileSystem& file_system, std::string path, CopyProgress progress)
    : file_system_(file_system),
      final_path_(std::move(path)),
      files_(file_system, final_path_ + ".unfinished"),
      progress_(std::move(progress)) {}

DirectoryCopy::~DirectoryCopy() {
  if (!begun_ || finished_) {
    return;
  }
  if (const absl::Status removed = DurableDirectory::RemoveAll(file_system_, path());
      !removed.ok()) {
    Log(LogLevel::kWarning, "copy.cleanup", Std(removed.message()));
  }
}

absl::StatusOr<std::unique_ptr<DirectoryCopy>> DirectoryCopy::Begin(FileSystem& file_system,
                                                                    const std::string& path,
                                                                    CopyProgress progress) {
  if (path.empty()) {
    return absl::InvalidArgumentError("a directory needs a name");
  }
  std::unique_ptr<DirectoryCopy> copy(
      new DirectoryCopy(file_system, WithoutSlashes(path), std::move(progress)));
  PERIGEE_RETURN_IF_ERROR(
      MustNotExist(file_system, copy->final_path_, "choose a name that is not taken"));
  PERIGEE_RETURN_IF_ERROR(MustNotExist(
      file_system, copy->path(), "an attempt that was cut short left it: remove it and try again"));
  PERIGEE_RETURN_IF_ERROR(copy->MakeDirectories());
  return copy;
}

absl::Status DirectoryCopy::MakeDirectories() {
  PERIGEE_RETURN_IF_ERROR(file_system_.CreateDirectory(path()));
  begun_ = true;
  for (const std::string_view name : kDirectories) {
    PERIGEE_RETURN_IF_ERROR(file_system_.CreateDirectory(absl::StrCat(path(), "/", Absl(name))));
  }
  return absl::OkStatus();
}

absl::Status DirectoryCopy::Pass(uint64_t bytes) {
  done_bytes_ += bytes;
  return progress_ == nullptr ? absl::OkStatus() : progress_(done_bytes_);
}

absl::Status DirectoryCopy::Write(std::string_view name, std::string_view bytes) {
  PERIGEE_ASSIGN_OR_RETURN(
      const std::unique_ptr<File> file,
      file_system_.Open(files_.PathOf(name), {.mode = OpenMode::kCreateExclusive}));
  PERIGEE_RETURN_IF_ERROR(file->Write(0, AsBytes(bytes)));
  PERIGEE_RETURN_IF_ERROR(file->Sync());
  made_.push_back({std::string(name), bytes.size(), Sha256(AsBytes(bytes))});
  copied_bytes_ += bytes.size();
  return Pass(bytes.size());
}

absl::Status DirectoryCopy::Copy(std::string_view name, const std::string& source, uint64_t bytes,
                                 uint64_t file_bytes) {
  PERIGEE_ASSIGN_OR_RETURN(
      const std::unique_ptr<File> file,
      file_system_.Open(files_.PathOf(name), {.mode = OpenMode::kCreateExclusive}));
  PERIGEE_ASSIGN_OR_RETURN(const Sha256Digest digest,
                           Transfer(source, bytes, file.get(), file_bytes));
  PERIGEE_RETURN_IF_ERROR(file->Truncate(file_bytes));
  PERIGEE_RETURN_IF_ERROR(file->Sync());
  made_.push_back({std::string(name), file_bytes, digest});
  copied_bytes_ += bytes;
  return absl::OkStatus();
}

absl::Status DirectoryCopy::Share(std::string_view name, const std::string& source,
                                  uint64_t bytes) {
  const absl::Status linked = files_.LinkFrom(source, name);
  if (absl::IsUnavailable(linked) || absl::IsPermissionDenied(linked)) {
    return Copy(name, source, bytes, bytes);  // another file system, or one without links
  }
  PERIGEE_RETURN_IF_ERROR(linked);
  PERIGEE_ASSIGN_OR_RETURN(const Sha256Digest digest, Transfer(source, bytes, nullptr, bytes));
  made_.push_back({std::string(name), bytes, digest});
  return absl::OkStatus();
}

// Reads past the page cache where it can, so that what is hashed is what the disk holds.
absl::StatusOr<Sha256Digest> DirectoryCopy::Transfer(const std::string& source, uint64_t bytes,
                                                     File* target, uint64_t file_bytes) {
  PERIGEE_ASSIGN_OR_RETURN(std::unique_ptr<File> file, file_system_.Open(source, {.direct = true}));
  if (file->alignment() > AlignedBuffer::kDefaultAlignment) {  // a disk of larger blocks
    PERIGEE_ASSIGN_OR_RETURN(file, file_system_.Open(source, {}));
  }
  AlignedBuffer buffer(kChunkBytes);
  Sha256Hasher hasher;
  for (uint64_t offset = 0; offset < bytes; offset += kChunkBytes) {
    const size_t wanted = static_cast<size_t>(std::min<uint64_t>(kChunkBytes, bytes - offset));
    PERIGEE_ASSIGN_OR_RETURN(const size_t count, file->Read(offset, buffer.bytes()));
    if (count < wanted) {
      return ErrorWithReason(
          ErrorReason::kDamaged,
          absl::StrCat(source, " ends at ", offset + count, " of ", bytes, " bytes"));
    }
    const std::span<const std::byte> chunk = std::as_const(buffer).bytes().first(wanted);
    hasher.Update(chunk);
    if (target != nullptr) {
      PERIGEE_RETURN_IF_ERROR(target->Write(offset, chunk));
    }
    PERIGEE_RETURN_IF_ERROR(Pass(wanted));
  }
  std::fill(buffer.bytes().begin(), buffer.bytes().end(), std::byte{0});
  for (uint64_t offset = bytes; offset < file_bytes; offset += kChunkBytes) {
    const size_t count = static_cast<size_t>(std::min<uint64_t>(kChunkBytes, file_bytes - offset));
    hasher.Update(std::as_const(buffer).bytes().first(count));
  }
  return hasher.Finish();
}

absl::Status DirectoryCopy::Finish() {
  for (const std::string_view name : kDirectories) {
    PERIGEE_RETURN_IF_ERROR(file_system_.SyncDirectory(absl::StrCat(path(), "/", Absl(name))));
  }
  PERIGEE_RETURN_IF_ERROR(file_system_.SyncDirectory(path()));
  PERIGEE_RETURN_IF_ERROR(DurableDirectory::PublishDirectory(file_system_, path(), final_path_));
  finished_ = true;
  return absl::OkStatus();
}

}  // namespace perigee::storage
