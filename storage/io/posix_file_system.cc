// SPDX-License-Identifier: Apache-2.0
#include "storage/io/posix_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"
#include "storage/io/confined_root.h"
#include "storage/io/errno_status.h"
#include "storage/io/fork_generation.h"
#include "storage/io/posix_file.h"

namespace perigee::storage {
namespace {

constexpr mode_t kDirectoryMode = 0700;

absl::Status Outcome(int result, const char* operation, const std::string& path) {
  return result == 0 ? absl::OkStatus() : PathErrnoStatus(errno, operation, path);
}

// Of a call on one name.
template <typename Call>
absl::Status At(const std::string& path, const char* operation, const Call& call) {
  const ConfinedName name(path);
  if (name.error_number() != 0) {
    return PathErrnoStatus(name.error_number(), operation, path);
  }
  return Outcome(call(name), operation, path);
}

// The same of a call on two names.
template <typename Call>
absl::Status At(const std::string& from, const std::string& to, const char* operation,
                const Call& call) {
  const ConfinedName source(from);
  const ConfinedName target(to);
  for (const ConfinedName* name : {&source, &target}) {
    if (name->error_number() != 0) {
      return PathErrnoStatus(name->error_number(), operation, name == &source ? from : to);
    }
  }
  return Outcome(call(source, target), operation, absl::StrCat(from, " to ", to));
}

// Closes on scope exit; for descriptors that live within one call.
class ScopedDescriptor {
 public:
  explicit ScopedDescriptor(int descriptor) : descriptor_(descriptor) {}
  ~ScopedDescriptor() {
    if (descriptor_ >= 0) {
      close(descriptor_);
    }
  }
  ScopedDescriptor(const ScopedDescriptor&) = delete;
  ScopedDescriptor& operator=(const ScopedDescriptor&) = delete;

  int get() const { return descriptor_; }
  int Release() { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_;
};

int OpenDirectory(const std::string& path) { return OpenConfined(path, O_RDONLY | O_DIRECTORY); }

class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(int descriptor)
      : descriptor_(descriptor), fork_generation_(ForkGeneration()) {}

  // A forked child shares the open file description: its copy must not let the lock go, nor may it
  // keep the lock alive when the owner closes. So the owner, and only the owner, unlocks.
  ~PosixFileLock() override {
    if (ForkGeneration() == fork_generation_) {
      struct flock range = {};
      range.l_type = F_UNLCK;
      range.l_whence = SEEK_SET;
      fcntl(descriptor_.get(), F_OFD_SETLK, &range);
    }
  }
  PosixFileLock(const PosixFileLock&) = delete;
  PosixFileLock& operator=(const PosixFileLock&) = delete;

 private:
  const ScopedDescriptor descriptor_;
  const uint64_t fork_generation_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<File>> PosixFileSystem::DoOpen(const std::string& path,
                                                              const OpenOptions& options,
                                                              IoSite site) {
  const IoWatch::Call call(watch_.get(), "open", site);
  PERIGEE_ASSIGN_OR_RETURN(const OpenedDescriptor opened, OpenDescriptor(path, options));
  return std::make_unique<PosixFile>(path, opened, watch_);
}

absl::Status PosixFileSystem::DoCreateDirectory(const std::string& path, IoSite site) {
  const IoWatch::Call call(watch_.get(), "create directory", site);
  return At(path, "create directory", [](const ConfinedName& at) {
    return mkdirat(at.directory(), at.name(), kDirectoryMode);
  });
}

absl::Status PosixFileSystem::DoSyncDirectory(const std::string& path, IoSite site) {
  const IoWatch::Call call(watch_.get(), "sync directory", site);
  const ScopedDescriptor directory(OpenDirectory(path));
  if (directory.get() < 0) {
    return PathErrnoStatus(errno, "open directory", path);
  }
  int result = 0;
  do {
    result = fsync(directory.get());
  } while (result != 0 && errno == EINTR);
  return Outcome(result, "sync directory", path);
}

absl::Status PosixFileSystem::DoRename(const std::string& from, const std::string& to,
                                       IoSite site) {
  const IoWatch::Call call(watch_.get(), "rename", site);
  return At(from, to, "rename", [](const ConfinedName& source, const ConfinedName& target) {
    return renameat(source.directory(), source.name(), target.directory(), target.name());
  });
}

absl::Status PosixFileSystem::DoLink(const std::string& from, const std::string& to, IoSite site) {
  const IoWatch::Call call(watch_.get(), "link", site);
  return At(from, to, "link", [](const ConfinedName& source, const ConfinedName& target) {
    return linkat(source.directory(), source.name(), target.directory(), target.name(), 0);
  });
}

absl::Status PosixFileSystem::DoRemoveFile(const std::string& path, IoSite site) {
  const IoWatch::Call call(watch_.get(), "remove", site);
  return At(path, "remove",
            [](const ConfinedName& at) { return unlinkat(at.directory(), at.name(), 0); });
}

absl::Status PosixFileSystem::DoRemoveDirectory(const std::string& path, IoSite site) {
  const IoWatch::Call call(watch_.get(), "remove directory", site);
  return At(path, "remove directory", [](const ConfinedName& at) {
    return unlinkat(at.directory(), at.name(), AT_REMOVEDIR);
  });
}

absl::StatusOr<FileStatus> PosixFileSystem::DoStat(const std::string& path, IoSite site) {
  const IoWatch::Call call(watch_.get(), "stat", site);
  struct stat status = {};
  PERIGEE_RETURN_IF_ERROR(At(path, "stat", [&status](const ConfinedName& at) {
    return fstatat(at.directory(), at.name(), &status, AT_SYMLINK_NOFOLLOW);
  }));
  return FileStatus{.size = static_cast<uint64_t>(status.st_size),
                    .is_directory = S_ISDIR(status.st_mode),
                    .is_regular_file = S_ISREG(status.st_mode),
                    .device = static_cast<uint64_t>(status.st_dev),
                    .inode = static_cast<uint64_t>(status.st_ino)};
}

absl::StatusOr<std::vector<std::string>> PosixFileSystem::DoList(const std::string& path,
                                                                 IoSite site) {
  const IoWatch::Call call(watch_.get(), "list", site);
  ScopedDescriptor descriptor(OpenDirectory(path));
  if (descriptor.get() < 0) {
    return PathErrnoStatus(errno, "list", path);
  }
  DIR* directory = fdopendir(descriptor.get());
  if (directory == nullptr) {
    return ErrnoStatus(errno, "list", path);
  }
  descriptor.Release();
  std::vector<std::string> names;
  int error_number = 0;
  while (true) {
    errno = 0;
    const dirent* entry = readdir(directory);
    if (entry == nullptr) {
      error_number = errno;
      break;
    }
    std::string name = entry->d_name;
    if (name != "." && name != "..") {
      names.push_back(std::move(name));
    }
  }
  closedir(directory);
  if (error_number != 0) {
    return ErrnoStatus(error_number, "list", path);
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<std::unique_ptr<FileLock>> PosixFileSystem::DoLock(const std::string& path,
                                                                  IoSite site) {
  const IoWatch::Call call(watch_.get(), "lock", site);
  PERIGEE_ASSIGN_OR_RETURN(const OpenedDescriptor opened,
                           OpenDescriptor(path, {.mode = OpenMode::kReadWrite}));
  ScopedDescriptor descriptor(opened.descriptor);
  // Not a classic record lock: those vanish when any descriptor of the file is closed (F10).
  struct flock range = {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  if (fcntl(descriptor.get(), F_OFD_SETLK, &range) != 0) {
    if (errno == EAGAIN || errno == EACCES) {
      return ErrorWithReason(ErrorReason::kLocked, absl::StrCat("lock ", path, ": it is taken"));
    }
    return ErrnoStatus(errno, "lock", path);
  }
  return std::make_unique<PosixFileLock>(descriptor.Release());
}

absl::StatusOr<SpaceStatus> PosixFileSystem::DoSpace(const std::string& path, IoSite site) {
  const IoWatch::Call call(watch_.get(), "statfs", site);
  struct statfs status = {};
  int result = 0;
  do {
    result = statfs(path.c_str(), &status);
  } while (result != 0 && errno == EINTR);
  if (result != 0) {
    return ErrnoStatus(errno, "statfs", path);
  }
  const auto block = static_cast<uint64_t>(status.f_bsize);
  return SpaceStatus{.total_bytes = status.f_blocks * block,
                     .available_bytes = status.f_bavail * block,
                     .is_network = IsNetworkFileSystemType(static_cast<int64_t>(status.f_type))};
}

bool IsNetworkFileSystemType(int64_t statfs_type) {
  // The values of statfs(2); some are not in any header of the C library.
  constexpr std::array<uint32_t, 11> kTypes = {
      0x6969,      // NFS
      0x517B,      // SMB
      0xFF534D42,  // CIFS
      0xFE534D42,  // SMB2
      0x65735546,  // FUSE
      0x01021997,  // 9P
      0x00C36400,  // Ceph
      0x5346414F,  // AFS
      0x73757245,  // Coda
      0x0BD00BD0,  // Lustre
      0x786F4256,  // VirtualBox shared folders
  };
  return std::find(kTypes.begin(), kTypes.end(), static_cast<uint32_t>(statfs_type)) !=
         kTypes.end();
}

}  // namespace perigee::storage
