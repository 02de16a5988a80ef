// SPDX-License-Identifier: Apache-2.0
//
// ConfinedRoot: a directory below which no path of ours goes through a symbolic link or out of it
// (S6). While an object lives, the POSIX backends resolve every path below its directory with
// openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS), and where the kernel or a filter refuses that,
// part by part with O_NOFOLLOW, so that nobody who may write in the directory can have another
// file opened, renamed or removed. The directory itself may be reached through a link.
//
// Invariants: a path is below a root exactly if it begins with the root's path as it was given and
// a slash; of several roots the longest counts. Without a root only the last part is no link.
// Thread-safety: everything here may be called from every thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace perigee::storage {

class ConfinedRoot {
 public:
  explicit ConfinedRoot(std::string path);
  ~ConfinedRoot();
  ConfinedRoot(const ConfinedRoot&) = delete;
  ConfinedRoot& operator=(const ConfinedRoot&) = delete;

 private:
  const std::string path_;
};

/// open(2) of `path`, with O_CLOEXEC; -1 and errno when it fails, ELOOP where a symbolic link
/// stands. A last part that is a link is refused without a root too, unless `flags` want a
/// directory.
int OpenConfined(const std::string& path, int flags, mode_t mode = 0);

/// A path as the *at calls take it: an open directory and a name in it.
class ConfinedName {
 public:
  explicit ConfinedName(const std::string& path);
  ~ConfinedName();
  ConfinedName(const ConfinedName&) = delete;
  ConfinedName& operator=(const ConfinedName&) = delete;

  /// 0, or why the directory cannot be opened: calls with directory() then fail with EBADF.
  int error_number() const { return error_number_; }
  int directory() const { return directory_; }
  const char* name() const { return name_.c_str(); }

 private:
  int directory_;
  int error_number_ = 0;
  std::string name_;
};

/// ErrnoStatus, which for a symbolic link says what to do about it (reason damaged).
absl::Status PathErrnoStatus(int error_number, std::string_view operation, std::string_view path);

}  // namespace perigee::storage
