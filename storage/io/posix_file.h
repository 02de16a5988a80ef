// SPDX-License-Identifier: Apache-2.0
//
// PosixFile: an open file over pread, pwrite and fdatasync, and the opening of its descriptor.
// UringFile derives from it and moves the three through its ring.
//
// Invariants: as file_system.h. The descriptor is opened with O_CLOEXEC and O_NOFOLLOW, so the last
// part of a path is never a symbolic link (S6), and only regular files are opened. Direct I/O is
// switched on before the first byte moves and stays as it is (U8).
// Thread-safety: as File in file_system.h.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "storage/io/file_system.h"
#include "storage/io/io_watch.h"

namespace perigee::storage {

/// An open descriptor and how it may be used; owned by whoever holds it last.
struct OpenedDescriptor {
  int descriptor = -1;
  bool is_direct = false;
  size_t alignment = 1;
};

/// Opens `path`; the caller closes the descriptor.
absl::StatusOr<OpenedDescriptor> OpenDescriptor(const std::string& path,
                                                const OpenOptions& options);

class PosixFile : public File {
 public:
  /// Takes the descriptor over. Calls are noted in `watch`, which may be null.
  PosixFile(std::string path, const OpenedDescriptor& opened,
            std::shared_ptr<IoWatch> watch = nullptr);
  ~PosixFile() override;
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  absl::StatusOr<size_t> DoRead(uint64_t offset, std::span<std::byte> buffer, IoSite site) override;
  absl::Status DoReadBatch(std::span<ReadRequest> requests, IoSite site) override;
  absl::Status DoWrite(uint64_t offset, std::span<const std::byte> bytes, IoSite site) override;
  absl::Status DoSync(IoSite site) override;
  absl::StatusOr<uint64_t> DoSize(IoSite site) override;
  absl::Status DoTruncate(uint64_t size, IoSite site) override;
  absl::Status DoAllocate(uint64_t size, IoSite site) override;

  bool is_direct() const override { return opened_.is_direct; }
  size_t alignment() const override { return opened_.alignment; }
  const std::string& path() const override { return path_; }

 protected:
  int descriptor() const { return opened_.descriptor; }
  IoWatch* watch() const { return watch_.get(); }

 private:
  absl::Status WriteZerosBehindEnd(uint64_t size, IoSite site);

  const std::string path_;
  const OpenedDescriptor opened_;
  const std::shared_ptr<IoWatch> watch_;
};

}  // namespace perigee::storage
