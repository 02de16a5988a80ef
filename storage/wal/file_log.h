// SPDX-License-Identifier: Apache-2.0
//
// FileLog: the log in files of one directory, wal/<number>.wal (docs/formats/wal_format.md).
// Opening it replays what the segments do not hold yet; appending writes one group and flushes it
// before it returns (D1).
//
// Invariants:
//  1. A file is zero-written, flushed and named before the first group; appends change neither its
//     size nor its extents and cannot meet a full disk.
//  2. One group is in flight: it is written only after the one before was flushed. So a group that
//     does not verify although a later one does was acknowledged, and is damage (D7).
//  3. A file that this process did not create is never written (D8). After an unclean end the
//     groups that may not have been flushed are copied to a new file before anything is served
//     (D6).
//  4. The first failed write or flush ends all writing (D5): no retry, no truncation.
//  5. Files are removed oldest first, and never the newest one.
//
// Thread-safety: Append, Fence, end and Close from one thread at a time; RetireUpTo, Trim, Read,
// Cut and status from every thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/layout/data_directory.h"
#include "storage/wal/log_store.h"

namespace perigee::storage {

struct FileLogOptions {
  /// Of this open; higher than that of any group in the log (N2).
  uint64_t epoch = 0;
  /// Records up to this LSN are in segments already: min over collections of the applied LSN.
  uint64_t applied_lsn = 0;
  /// The durable LSN recorded in the manifest, and the highest LSN of any published segment (D7).
  uint64_t manifest_durable_lsn = 0;
  uint64_t published_max_lsn = 0;
  /// Size of a full file; a creation option in IDENTITY. At least kLogFileBytesMin, a multiple of
  /// 4 KiB. The first file of an open is smaller, so that opening costs little.
  uint64_t log_file_bytes = uint64_t{64} << 20;
  /// Prepare the next file on a thread of its own. Off, files are prepared when they are needed;
  /// tests that count calls want that.
  bool background_preallocation = true;
};

inline constexpr uint64_t kLogFileBytesMin = uint64_t{64} << 10;

/// What Open found.
struct LogRecovery {
  bool clean = true;  ///< the log was closed, or is new
  uint64_t records_replayed = 0;
  uint64_t last_lsn = 0;       ///< of the last surviving record
  uint64_t groups_copied = 0;  ///< rewritten to a new file after an unclean end
};

/// For status displays.
struct FileLogStatus {
  uint64_t oldest_lsn = 0;   ///< first LSN that the files still hold
  uint64_t durable_lsn = 0;  ///< last LSN known to be flushed
  uint64_t file_count = 0;
  uint64_t file_bytes = 0;
  bool poisoned = false;
};

/// Where the log stood at one moment: its files, and how much of each belongs to it.
struct LogCut {
  struct Part {
    uint64_t number = 0;
    uint64_t bytes = 0;       ///< from the beginning; durable and never changed again
    uint64_t file_bytes = 0;  ///< size of the file; zeros stand behind `bytes` in a copy
  };
  std::vector<Part> parts = {};  ///< oldest first
  uint64_t last_lsn = 0;         ///< of the last record in them
};

class FileLog : public LogStore {
 public:
  /// Called for each record above applied_lsn, in LSN order. An error ends Open with that error;
  /// a record that cannot be applied is never skipped (D4).
  using ReplayCallback = std::function<absl::Status(const LogRecord&)>;

  /// Reads the log of `directory`, which is open for writing and outlives the result, and makes it
  /// ready for appending. kDataLoss when an acknowledged record is damaged or missing, naming
  /// file, offset and LSN; nothing is changed then. kFailedPrecondition (fenced) when the log has
  /// an epoch not below that of the options. Records whose flush is not certain are replayed only
  /// after they were made durable, so a segment may be published while replay goes on.
  static absl::StatusOr<std::unique_ptr<FileLog>> Open(DataDirectory& directory,
                                                       const FileLogOptions& options,
                                                       const ReplayCallback& replay);
  ~FileLog() override;

  LogPosition end() const override;
  absl::StatusOr<AppendOutcome> Append(const LogGroup& group) override;
  absl::StatusOr<LogGroup> Read(uint64_t slot) override;
  absl::Status Fence(uint64_t epoch) override;
  absl::Status Trim(uint64_t before_slot) override;

  /// Removes the files whose records all have an LSN of at most `lsn`. Requires: a durable
  /// manifest edit says that every collection's applied LSN is at least `lsn` (D9).
  absl::Status RetireUpTo(uint64_t lsn);
  /// Writes the clean-close mark and ends the background thread. Further appends fail. Without
  /// Close the destructor ends the thread only, and the next Open finds an unclean end.
  absl::Status Close();

  const LogRecovery& recovery() const;
  FileLogStatus status() const;
  /// A copy of these parts is a log that ends, as after a power cut, with `last_lsn`. Requires that
  /// nothing is retired until they are copied.
  LogCut Cut() const;

 private:
  class State;
  explicit FileLog(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace perigee::storage
