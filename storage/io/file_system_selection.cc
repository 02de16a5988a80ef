// SPDX-License-Identifier: Apache-2.0
#include "storage/io/file_system_selection.h"

#include "absl/strings/str_cat.h"
#include "storage/foundation/log.h"
#include "storage/foundation/string_view_bridge.h"
#include "storage/io/posix_file_system.h"
#include "storage/io/uring_file_system.h"
#include "storage/io/uring_ring.h"

#if defined(__SANITIZE_THREAD__)
#define PERIGEE_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PERIGEE_THREAD_SANITIZER 1
#endif
#endif

namespace perigee::storage {
namespace {

absl::Status ProbeNow() {
#ifdef PERIGEE_THREAD_SANITIZER
  return absl::UnimplementedError("ThreadSanitizer cannot see what io_uring writes");
#else
  return UringRing::Create().status();
#endif
}

SelectedFileSystem Posix(std::string_view reason) {
  return {std::make_unique<PosixFileSystem>(), absl::StrCat("posix (", Absl(reason), ")")};
}

}  // namespace

absl::Status ProbeUring() {
  static const absl::Status probed = ProbeNow();
  return probed;
}

absl::StatusOr<SelectedFileSystem> SelectFileSystem(BackendChoice choice) {
  return SelectFileSystemKnowing(choice,
                                 choice == BackendChoice::kPosix ? absl::OkStatus() : ProbeUring());
}

absl::StatusOr<SelectedFileSystem> SelectFileSystemKnowing(BackendChoice choice,
                                                           const absl::Status& probed) {
  SelectedFileSystem selected;
  if (choice == BackendChoice::kPosix) {
    selected = Posix("asked for");
  } else if (probed.ok()) {
    selected = {std::make_unique<UringFileSystem>(), "io_uring"};
  } else if (choice == BackendChoice::kIoUring) {
    return probed;
  } else {
    selected = Posix(std::string(probed.message()));
  }
  Log(LogLevel::kInfo, "io.backend", selected.description);
  return selected;
}

}  // namespace perigee::storage
