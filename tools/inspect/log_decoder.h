// SPDX-License-Identifier: Apache-2.0
//
// Decodes one log file after docs/formats/wal_format.md: header block, extents, groups, records and
// block trailers. Which files belong together and where the log ends is log_verifier.h's to judge.
//
// Invariants: a group is returned exactly if it is valid by rules 1 to 4 of the page; rule 5, that
// it continues the group before, is the caller's. At most one extent is in memory.
// Thread-safety: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/inspect/disk_file.h"
#include "tools/inspect/finding.h"
#include "tools/inspect/uuid.h"

namespace perigee::tools::inspect {

inline constexpr uint64_t kLogBlock = 4096;

struct LogHeader {
  Uuid database = {};
  uint64_t number = 0;
  uint64_t file_bytes = 0;
  uint64_t salt = 0;
  uint64_t epoch = 0;
  uint64_t predecessor = 0;
  uint64_t first_slot = 0;
  uint64_t first_lsn = 0;
  uint32_t previous_crc = 0;
  uint32_t chain = 0;
  uint64_t durable_lsn = 0;
};

struct LogTrailer {
  uint64_t salt = 0;
  uint64_t durable_lsn = 0;
  uint64_t slot = 0;
  uint64_t offset = 0;
  uint32_t group_length = 0;
  uint32_t group_crc = 0;
  uint32_t chain = 0;
  bool later_version = false;  ///< reserved bytes in use
};

struct RawRecord {
  uint64_t lsn = 0;
  uint16_t type = 0;
  uint32_t catalog_version = 0;
  uint64_t offset = 0;  ///< of the record in the file
  std::string_view payload = {};
};

inline constexpr uint16_t kDurableMark = 1;
inline constexpr uint16_t kCleanClose = 2;

struct LogGroup {
  uint64_t offset = 0;
  uint64_t extent_bytes = 0;
  uint64_t epoch = 0;
  uint64_t slot = 0;
  uint64_t first_lsn = 0;
  uint32_t count = 0;
  uint32_t previous_crc = 0;
  uint32_t length = 0;
  uint32_t crc = 0;
  uint16_t flags = 0;
  LogTrailer trailer = {};
  std::vector<RawRecord> records = {};
  std::shared_ptr<const std::string> bytes = {};  ///< what the records refer to
};

class LogFile {
 public:
  /// Opens `directory`/wal/<number>.wal and decodes its header; nothing, with findings, when that
  /// fails. A file that is not there is a finding too.
  static std::optional<LogFile> Open(const std::string& directory, uint64_t number,
                                     FileFindings& findings);
  /// The same for a file of any path.
  static std::optional<LogFile> OpenPath(const std::string& path, FileFindings& findings);

  const LogHeader& header() const { return header_; }
  uint64_t size() const { return file_.size(); }

  /// The group whose extent begins at `offset`; nothing with `fault` when none is valid there. An
  /// error only when the disk fails or the file shrank. `unsupported` is set when it is of a later
  /// version, which only its trailer can prove.
  absl::StatusOr<std::optional<LogGroup>> GroupAt(uint64_t offset, std::string& fault,
                                                  bool& unsupported);
  /// The trailer at the end of the block at `offset`, if one of this file stands there.
  absl::StatusOr<std::optional<LogTrailer>> TrailerOfBlock(uint64_t offset);
  absl::StatusOr<bool> BlockIsZero(uint64_t offset);

 private:
  explicit LogFile(DiskFile file) : file_(std::move(file)) {}
  /// Bytes of the file out of a window; valid until the next call.
  absl::StatusOr<std::string_view> Window(uint64_t offset, uint64_t bytes);
  /// A few bytes, which may be far ahead: the window stays where it is.
  absl::StatusOr<std::string> Peek(uint64_t offset, uint64_t bytes) const;

  DiskFile file_;
  LogHeader header_;
  std::string window_;
  uint64_t window_offset_ = 0;
};

/// "wal/0000000000000042.wal"
std::string LogNameOf(uint64_t number);
/// The masked crc of: chain before, group crc.
uint32_t NextLogChain(uint32_t chain, uint32_t group_crc);

}  // namespace perigee::tools::inspect
