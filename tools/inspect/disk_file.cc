// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/disk_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/foundation/status_macros.h"

namespace perigee::tools::inspect {
namespace {

absl::Status SystemError(const std::string& path, const char* call, int error) {
  const std::string message = absl::StrCat(path, ": ", call, ": ", strerror(error));
  if (error == ENOENT || error == ENOTDIR) {
    return absl::NotFoundError(message);
  }
  return error == ELOOP ? absl::FailedPreconditionError(message) : absl::UnavailableError(message);
}

}  // namespace

absl::StatusOr<DiskFile> DiskFile::Open(const std::string& path) {
  // O_NONBLOCK so that a pipe in the place of a file does not hold us up.
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor < 0) {
    return SystemError(path, "open", errno);
  }
  DiskFile file(descriptor, 0);
  struct stat status = {};
  if (fstat(descriptor, &status) != 0) {
    return SystemError(path, "fstat", errno);
  }
  if (!S_ISREG(status.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": is not a regular file"));
  }
  file.size_ = static_cast<uint64_t>(status.st_size);
  return file;
}

DiskFile::DiskFile(DiskFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), size_(other.size_) {}

DiskFile& DiskFile::operator=(DiskFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  return *this;
}

DiskFile::~DiskFile() {
  if (descriptor_ >= 0) {
    close(descriptor_);
  }
}

absl::Status DiskFile::ReadInto(uint64_t offset, std::string& buffer) const {
  if (offset > size_ || buffer.size() > size_ - offset) {
    return absl::OutOfRangeError(absl::StrCat("the file has ", size_, " bytes, ", buffer.size(),
                                              " at offset ", offset, " were asked for"));
  }
  size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t count = pread(descriptor_, buffer.data() + done, buffer.size() - done,
                                static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return absl::UnavailableError(
          absl::StrCat("pread at offset ", offset + done, ": ", strerror(errno)));
    }
    if (count == 0) {
      return absl::OutOfRangeError(
          absl::StrCat("the file ended at offset ", offset + done, " while it was read"));
    }
    done += static_cast<size_t>(count);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> DiskFile::Read(uint64_t offset, uint64_t bytes) const {
  if (offset > size_ || bytes > size_ - offset) {
    return absl::OutOfRangeError(absl::StrCat("the file has ", size_, " bytes, ", bytes,
                                              " at offset ", offset, " were asked for"));
  }
  std::string buffer(bytes, '\0');
  PERIGEE_RETURN_IF_ERROR(ReadInto(offset, buffer));
  return buffer;
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path, uint64_t bytes_max) {
  PERIGEE_ASSIGN_OR_RETURN(const DiskFile file, DiskFile::Open(path));
  if (file.size() > bytes_max) {
    return absl::OutOfRangeError(
        absl::StrCat(path, ": has ", file.size(), " bytes; at most ", bytes_max, " belong there"));
  }
  return file.Read(0, file.size());
}

absl::StatusOr<std::vector<std::string>> ListNames(const std::string& path) {
  DIR* directory = opendir(path.c_str());
  if (directory == nullptr) {
    return SystemError(path, "opendir", errno);
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(directory)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") {
      names.push_back(name);
    }
    errno = 0;
  }
  const int error = errno;
  closedir(directory);
  if (error != 0) {
    return SystemError(path, "readdir", error);
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool IsDirectory(const std::string& path) {
  struct stat status = {};
  return lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace perigee::tools::inspect
