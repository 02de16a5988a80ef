// SPDX-License-Identifier: Apache-2.0
//
// UringFileSystem: PosixFileSystem whose open files read, write and flush through the calling
// thread's io_uring, so that a batch of reads is one system call.
//
// Invariants: as file_system.h. A flush is submitted only after the writes before it have completed
// in full, because writes and flushes each wait for their completions (U4). A thread that gets no
// ring uses the POSIX calls.
// Thread-safety: stateless; may be used from every thread.
#pragma once

#include <memory>
#include <string>

#include "storage/io/posix_file_system.h"

namespace perigee::storage {

class UringFileSystem final : public PosixFileSystem {
 public:
  absl::StatusOr<std::unique_ptr<File>> DoOpen(const std::string& path, const OpenOptions& options,
                                               IoSite site) override;
  const char* name() const override { return "io_uring"; }
};

}  // namespace perigee::storage
