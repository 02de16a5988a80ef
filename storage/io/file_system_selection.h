// SPDX-License-Identifier: Apache-2.0
//
// SelectFileSystem: io_uring where the kernel lets us, POSIX calls elsewhere, and a text that says
// which and why (U1). Most containers refuse io_uring; nothing but speed depends on it.
//
// Invariants: the kernel is probed once per process; kAuto and kPosix always succeed.
// Thread-safety: may be called from every thread.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/io/file_system.h"

namespace perigee::storage {

enum class BackendChoice { kAuto, kPosix, kIoUring };

struct SelectedFileSystem {
  std::unique_ptr<FileSystem> file_system;
  /// "io_uring", or "posix (reason)".
  std::string description;
};

/// kIoUring fails with the kernel's reason where it is refused.
absl::StatusOr<SelectedFileSystem> SelectFileSystem(BackendChoice choice);

/// As SelectFileSystem, with `probed` as what ProbeUring says.
absl::StatusOr<SelectedFileSystem> SelectFileSystemKnowing(BackendChoice choice,
                                                           const absl::Status& probed);

/// Ok when this process can use io_uring, else the reason.
absl::Status ProbeUring();

}  // namespace perigee::storage
