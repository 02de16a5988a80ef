// SPDX-License-Identifier: Apache-2.0
//
// LogFileWriter: the file that is being appended to. It gives a prepared file its header and its
// name, and writes and flushes one group at a time.
//
// Invariants:
//  1. The header, and a first group given with it, are flushed before the file gets its name.
//  2. Append returns ok only after the flush. After a failure the writer must not be used again.
//  3. The last block of a file is kept for the clean-close mark, so closing never needs space.
//
// Thread-safety: an object is used by one thread at a time.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/io/aligned_buffer.h"
#include "storage/layout/data_directory.h"
#include "storage/wal/log_file_format.h"
#include "storage/wal/log_file_preparer.h"

namespace perigee::storage {

class LogFileWriter {
 public:
  /// Bytes a file needs for a first group of `group_length` bytes and the clean-close mark.
  static constexpr uint64_t FileBytesFor(uint64_t group_length) {
    return kLogBlockBytes + ExtentBytes(group_length) + kLogBlockBytes;
  }

  /// Writes the header, and `first` if not null, to `prepared`, and publishes the file. Number,
  /// size and salt of `header` are filled in. After a failure the file may have its name or not.
  static absl::StatusOr<std::unique_ptr<LogFileWriter>> Create(DataDirectory& directory,
                                                               PreparedLogFile prepared,
                                                               LogFileHeader header,
                                                               const LogGroup* first);

  /// Whether `group` has room.
  bool Fits(const LogGroup& group) const;
  /// Writes and flushes `group`. Requires: Fits(group).
  absl::Status Append(const LogGroup& group);

  const LogFileHeader& header() const { return header_; }
  uint32_t chain() const { return chain_; }
  uint64_t bytes_used() const { return offset_; }

 private:
  LogFileWriter(std::unique_ptr<File> file, const LogFileHeader& header);

  absl::Status Write(const LogGroup& group, uint64_t durable_lsn);

  std::unique_ptr<File> file_;
  LogFileHeader header_;
  uint64_t offset_ = kLogBlockBytes;
  uint32_t chain_;
  uint64_t durable_lsn_;
  AlignedBuffer buffer_;
};

}  // namespace perigee::storage
