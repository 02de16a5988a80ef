// SPDX-License-Identifier: Apache-2.0
#include "storage/io/confined_root.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/string_view_bridge.h"
#include "storage/io/errno_status.h"

namespace perigee::storage {
namespace {

// The roots of all handles of the process, one entry for each.
class RootRegistry {
 public:
  void Add(const std::string& path) {
    const absl::MutexLock lock(&mutex_);
    roots_.push_back(path);
  }
  void Remove(const std::string& path) {
    const absl::MutexLock lock(&mutex_);
    roots_.erase(std::find(roots_.begin(), roots_.end(), path));
  }
  // Length of the longest root that `path` is below; 0 when there is none.
  size_t RootOf(const std::string& path) const {
    const absl::MutexLock lock(&mutex_);
    size_t longest = 0;
    for (const std::string& root : roots_) {
      if (root.size() > longest && path.size() > root.size() + 1 && path[root.size()] == '/' &&
          path.compare(0, root.size(), root) == 0) {
        longest = root.size();
      }
    }
    return longest;
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<std::string> roots_ ABSL_GUARDED_BY(mutex_);
};

RootRegistry& Registry() {
  static RootRegistry& registry = *new RootRegistry();
  return registry;
}

template <typename Call>
int Repeat(const Call& call) {
  int result = -1;
  do {
    result = static_cast<int>(call());
  } while (result < 0 && errno == EINTR);
  return result;
}

// Closes a descriptor and leaves errno as it is.
void CloseQuietly(int descriptor) {
  const int error_number = errno;
  if (descriptor >= 0) {
    close(descriptor);
  }
  errno = error_number;
}

int OpenAt2(int root, const std::string& relative, int flags, mode_t mode) {
  open_how how = {};
  how.flags = static_cast<uint64_t>(flags);
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  return Repeat([&] { return syscall(SYS_openat2, root, relative.c_str(), &how, sizeof(how)); });
}

// The same without openat2: every part is opened by itself and must not be a link.
int WalkBeneath(int root, const std::string& relative, int flags, mode_t mode) {
  int directory = root;
  size_t begin = 0;
  for (size_t slash = relative.find('/'); slash != std::string::npos;
       slash = relative.find('/', begin)) {
    const std::string part = relative.substr(begin, slash - begin);
    begin = slash + 1;
    int next = -1;
    if (part == "..") {
      errno = EXDEV;
    } else {
      next =
          Repeat([&] { return openat(directory, part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC); });
    }
    struct stat status = {};
    if (next >= 0 && fstat(next, &status) == 0 && S_ISLNK(status.st_mode)) {
      CloseQuietly(next);
      next = -1;
      errno = ELOOP;
    }
    if (directory != root) {
      CloseQuietly(directory);
    }
    if (next < 0) {
      return -1;
    }
    directory = next;
  }
  const std::string last = relative.substr(begin);
  // O_DIRECTORY would answer ENOTDIR for a link.
  struct stat status = {};
  int opened = -1;
  if ((flags & O_DIRECTORY) != 0 &&
      fstatat(directory, last.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
      S_ISLNK(status.st_mode)) {
    errno = ELOOP;
  } else {
    opened = Repeat([&] { return openat(directory, last.c_str(), flags | O_NOFOLLOW, mode); });
  }
  if (directory != root) {
    CloseQuietly(directory);
  }
  return opened;
}

int OpenBeneath(const std::string& root_path, const std::string& relative, int flags, mode_t mode) {
  const int root =
      Repeat([&] { return open(root_path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); });
  if (root < 0) {
    return -1;
  }
  int opened = OpenAt2(root, relative, flags, mode);
  // Kernels before 5.6 do not know the call; filters of containers may answer EPERM for it. Where
  // EPERM is about the file, it comes again.
  if (opened < 0 && (errno == ENOSYS || errno == EPERM)) {
    opened = WalkBeneath(root, relative, flags, mode);
  }
  CloseQuietly(root);
  return opened;
}

}  // namespace

ConfinedRoot::ConfinedRoot(std::string path) : path_(std::move(path)) { Registry().Add(path_); }
ConfinedRoot::~ConfinedRoot() { Registry().Remove(path_); }

int OpenConfined(const std::string& path, int flags, mode_t mode) {
  flags |= O_CLOEXEC;
  const size_t root = CanaryActive("follow-planted-symlink") ? 0 : Registry().RootOf(path);
  if (root != 0) {
    return OpenBeneath(path.substr(0, root), path.substr(root + 1), flags, mode);
  }
  const bool may_be_link = (flags & O_DIRECTORY) != 0 || CanaryActive("follow-planted-symlink") ||
                           CanaryActive("restore-follows-symlink");
  return Repeat(
      [&] { return openat(AT_FDCWD, path.c_str(), flags | (may_be_link ? 0 : O_NOFOLLOW), mode); });
}

ConfinedName::ConfinedName(const std::string& path) : directory_(AT_FDCWD), name_(path) {
  const size_t root = Registry().RootOf(path);
  if (root == 0) {
    return;
  }
  const size_t slash = path.rfind('/');
  name_ = path.substr(slash + 1);
  directory_ = OpenConfined(path.substr(0, slash), O_PATH | O_DIRECTORY);
  error_number_ = directory_ < 0 ? errno : 0;
}

ConfinedName::~ConfinedName() { CloseQuietly(directory_); }

absl::Status PathErrnoStatus(int error_number, std::string_view operation, std::string_view path) {
  if (error_number != ELOOP) {
    return ErrnoStatus(error_number, operation, path);
  }
  return ErrorWithReason(
      ErrorReason::kDamaged,
      absl::StrCat(Absl(operation), " ", Absl(path),
                   ": a symbolic link stands in a database's directory; nothing is read or changed "
                   "through it: put the file or directory itself there"));
}

}  // namespace perigee::storage
