// SPDX-License-Identifier: Apache-2.0
//
// LogFileReader: one log file, read extent by extent with direct I/O where the file system allows
// it (D6), so that what is believed is what the disk returned.
//
// Invariants:
//  1. A group is returned only if it, its padding and its trailer verify and the trailer names
//     this file and this place. Whether it continues the group before is the caller's question.
//     The same trailer must vouch for a group of an unknown format: bytes that only look like one
//     may be a client's, in a write that was torn.
//  2. The size of a log file is fixed before it gets its name, so another size is damage.
//  3. A failed read is an error, never the end of the log.
//
// Thread-safety: an object is used by one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "storage/io/aligned_buffer.h"
#include "storage/layout/data_directory.h"
#include "storage/wal/log_file_format.h"

namespace perigee::storage {

/// What stands at one place of a file.
struct ExtentRead {
  std::optional<LogGroup> group;  ///< absent when the place does not verify
  BlockTrailer trailer;           ///< of the group
  uint64_t extent_bytes = 0;      ///< where the next group starts, from here
  std::string failure;            ///< why there is no group
};

/// What stands from one place to the end of a file.
struct RestOfFile {
  bool is_zero = true;
  bool group_found = false;  ///< a group that verifies
  /// Highest in a trailer of this file, whether or not its group verifies: it says what had been
  /// flushed before that group was written.
  uint64_t durable_lsn = 0;
};

class LogFileReader {
 public:
  /// Opens file `number` and checks its header and size. kNotFound when it is missing.
  static absl::StatusOr<LogFileReader> Open(DataDirectory& directory, uint64_t number);

  const LogFileHeader& header() const { return header_; }
  /// The name for messages, "wal/0000000000000042.wal".
  const std::string& name() const { return name_; }

  /// Reads the extent at `offset`, a multiple of the block size. At the end of the file there is
  /// no group. An error means that reading failed, or that a later version wrote the group.
  absl::StatusOr<ExtentRead> ReadExtent(uint64_t offset);
  /// Looks at every block from `offset` on.
  absl::StatusOr<RestOfFile> ScanRest(uint64_t offset);

 private:
  LogFileReader(std::unique_ptr<File> file, std::string name);

  absl::Status ReadHeader(uint64_t number, const Uuid& database_uuid);
  absl::StatusOr<std::span<const std::byte>> Window(uint64_t offset, uint64_t bytes);
  absl::StatusOr<std::span<const std::byte>> BlockAt(uint64_t offset);

  std::unique_ptr<File> file_;
  std::string name_;
  uint64_t file_bytes_ = 0;
  LogFileHeader header_;
  AlignedBuffer window_;
  uint64_t window_offset_ = 0;
  uint64_t window_bytes_ = 0;
  AlignedBuffer block_;
};

}  // namespace perigee::storage
