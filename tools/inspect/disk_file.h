// SPDX-License-Identifier: Apache-2.0
//
// DiskFile: a regular file opened for reading, and the listing of a directory; all that the second
// decoder asks of the operating system. It writes nothing and takes no lock.
//
// Invariants: symbolic links are not followed below the database's directory; a read gives all the
// bytes asked for or an error; nothing is allocated beyond what the file holds.
// Thread-safety: one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace perigee::tools::inspect {

class DiskFile {
 public:
  /// kNotFound when there is no such file, kFailedPrecondition when it is not a regular file,
  /// kUnavailable when the operating system refuses.
  static absl::StatusOr<DiskFile> Open(const std::string& path);
  DiskFile(DiskFile&& other) noexcept;
  DiskFile& operator=(DiskFile&& other) noexcept;
  DiskFile(const DiskFile&) = delete;
  DiskFile& operator=(const DiskFile&) = delete;
  ~DiskFile();

  /// When it was opened.
  uint64_t size() const { return size_; }
  /// kOutOfRange when the file ends before; kUnavailable when the disk fails.
  absl::StatusOr<std::string> Read(uint64_t offset, uint64_t bytes) const;
  /// The same into `buffer`, whose size says how much.
  absl::Status ReadInto(uint64_t offset, std::string& buffer) const;

 private:
  DiskFile(int descriptor, uint64_t size) : descriptor_(descriptor), size_(size) {}

  int descriptor_ = -1;
  uint64_t size_ = 0;
};

/// All of a file of at most `bytes_max` bytes; kOutOfRange when it is larger.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path, uint64_t bytes_max);

/// Names in a directory, sorted; kNotFound, kUnavailable.
absl::StatusOr<std::vector<std::string>> ListNames(const std::string& path);
bool IsDirectory(const std::string& path);

}  // namespace perigee::tools::inspect
