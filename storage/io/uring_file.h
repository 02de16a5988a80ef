// SPDX-License-Identifier: Apache-2.0
//
// UringFile: a PosixFile that moves its bytes through the calling thread's io_uring.
//
// Invariants: as file_system.h. Short completions are continued, EINTR and EAGAIN resubmitted (U6);
// buffers are the caller's and are free again when a call returns (U7).
// Thread-safety: as File in file_system.h.
#pragma once

#include <span>

#include "storage/io/posix_file.h"

namespace perigee::storage {

class UringFile final : public PosixFile {
 public:
  using PosixFile::PosixFile;

  absl::StatusOr<size_t> DoRead(uint64_t offset, std::span<std::byte> buffer, IoSite site) override;
  absl::Status DoReadBatch(std::span<ReadRequest> requests, IoSite site) override;
  absl::Status DoWrite(uint64_t offset, std::span<const std::byte> bytes, IoSite site) override;
  absl::Status DoSync(IoSite site) override;
};

}  // namespace perigee::storage
