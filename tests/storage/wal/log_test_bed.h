// SPDX-License-Identifier: Apache-2.0
//
// LogTestBed: a database directory on a simulated disk with a log in it, and a small language for
// tests: append, crash, open again, what was replayed.
//
// Invariants: every Open has a higher epoch than the one before; files have the smallest size;
// nothing runs in the background, so calls can be counted.
// Thread-safety: one thread.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/encoding/byte_codec.h"
#include "storage/layout/data_directory.h"
#include "storage/wal/file_log.h"
#include "tests/support/simulated_file_system.h"

namespace perigee::storage {

class LogTestBed {
 public:
  explicit LogTestBed(uint64_t reserve_bytes = 0) : disk_(std::make_unique<SimulatedFileSystem>()) {
    DataDirectory::Options options;
    options.creation.reserve_bytes = reserve_bytes;
    options.create_if_missing = true;
    options.creation.log_file_bytes = kLogFileBytesMin;
    options.initialise_contents = [](DataDirectory& directory) {
      return directory.files().WriteAtomically(kCurrentName, AsBytes("stands for a manifest"));
    };
    OpenDirectory(options);
  }

  SimulatedFileSystem& disk() { return *disk_; }
  DataDirectory& directory() { return *directory_; }
  /// Null after a failed OpenLog.
  FileLog* log() { return log_.get(); }
  FileLogOptions& options() { return options_; }
  /// Payloads that the last OpenLog replayed, with their LSNs.
  const std::vector<std::pair<uint64_t, std::string>>& replayed() const { return replayed_; }

  /// Opens the log with the options and the next epoch.
  absl::Status OpenLog() {
    log_.reset();
    replayed_.clear();
    options_.log_file_bytes = kLogFileBytesMin;
    options_.background_preallocation = false;
    ++options_.epoch;
    auto log = FileLog::Open(*directory_, options_, [this](const LogRecord& record) {
      replayed_.emplace_back(record.lsn, AsText(record.payload));
      return absl::OkStatus();
    });
    if (log.ok()) {
      log_ = *std::move(log);
    }
    return log.status();
  }

  LogGroup MakeGroup(const std::vector<std::string>& payloads) const {
    LogGroupBuilder builder(options_.epoch, log_->end());
    for (const std::string& payload : payloads) {
      builder.Add(1, 0, AsBytes(payload));
    }
    return builder.Finish();
  }
  /// Appends one group; ok only when it is durable.
  absl::Status Append(const std::vector<std::string>& payloads) {
    return StatusOf(log_->Append(MakeGroup(payloads)));
  }
  absl::Status AppendMark() {
    LogGroupBuilder builder(options_.epoch, log_->end());
    return StatusOf(log_->Append(builder.Finish(kGroupDurableMark)));
  }

  /// The process dies; what it wrote is still in the page cache.
  void Kill() { Replace(disk_->KillProcess()); }
  /// The power goes.
  void Crash(CrashPolicy policy, uint64_t seed = 0) { Replace(disk_->Crash(policy, seed)); }
  /// Everything is closed and `disk` takes the place of the old one.
  void Replace(std::unique_ptr<SimulatedFileSystem> disk) {
    log_.reset();
    directory_.reset();
    disk_ = std::move(disk);
    OpenDirectory({});
  }

  std::string PathOfLog(uint64_t number) const { return directory_->PathOf(LogName(number)); }
  std::vector<uint64_t> LogNumbers() { return *directory_->ListLogs(); }

 private:
  static absl::Status StatusOf(const absl::StatusOr<AppendOutcome>& outcome) {
    if (outcome.ok() && *outcome != AppendOutcome::kDurable) {
      return absl::UnknownError("not durable");
    }
    return outcome.status();
  }

  void OpenDirectory(const DataDirectory::Options& options) {
    auto directory = DataDirectory::Open(*disk_, "db", options);
    INFO(directory.status().ToString());
    REQUIRE(directory.ok());
    directory_ = *std::move(directory);
  }

  std::unique_ptr<SimulatedFileSystem> disk_;
  std::unique_ptr<DataDirectory> directory_;
  std::unique_ptr<FileLog> log_;
  FileLogOptions options_;
  std::vector<std::pair<uint64_t, std::string>> replayed_;
};

using ReplayedRecords = std::vector<std::pair<uint64_t, std::string>>;

}  // namespace perigee::storage
