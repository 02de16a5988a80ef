// SPDX-License-Identifier: Apache-2.0
#include "storage/io/uring_file_system.h"

#include "storage/foundation/status_macros.h"
#include "storage/io/uring_file.h"

namespace perigee::storage {

absl::StatusOr<std::unique_ptr<File>> UringFileSystem::DoOpen(const std::string& path,
                                                              const OpenOptions& options,
                                                              IoSite site) {
  if (options.one_at_a_time) {
    return PosixFileSystem::DoOpen(path, options, site);
  }
  const IoWatch::Call call(shared_watch().get(), "open", site);
  PERIGEE_ASSIGN_OR_RETURN(const OpenedDescriptor opened, OpenDescriptor(path, options));
  return std::make_unique<UringFile>(path, opened, shared_watch());
}

}  // namespace perigee::storage
