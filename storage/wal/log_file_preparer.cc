// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/log_file_preparer.h"

#include <algorithm>
#include <string>
#include <utility>

#include "storage/foundation/log.h"
#include "storage/foundation/status_macros.h"
#include "storage/io/aligned_buffer.h"
#include "storage/wal/log_file_format.h"

namespace perigee::storage {
namespace {

constexpr uint64_t kZeroBytes = uint64_t{1} << 20;

absl::StatusOr<std::unique_ptr<File>> CreateLogFile(DataDirectory& directory,
                                                    const std::string& path) {
  FileSystem& file_system = directory.file_system();
  PERIGEE_ASSIGN_OR_RETURN(
      std::unique_ptr<File> file,
      file_system.Open(
          path, {.mode = OpenMode::kCreateExclusive, .direct = true, .one_at_a_time = true}));
  if (file->alignment() > kLogBlockBytes) {  // a disk of larger units than our blocks
    return file_system.Open(path, {.mode = OpenMode::kReadWrite, .one_at_a_time = true});
  }
  return file;
}

absl::Status WriteZeros(File& file, uint64_t file_bytes, const std::atomic<bool>& cancelled) {
  const AlignedBuffer zeros(std::min(kZeroBytes, file_bytes));
  for (uint64_t offset = 0; offset < file_bytes; offset += zeros.size()) {
    if (cancelled.load(std::memory_order_relaxed)) {
      return absl::CancelledError("the log is being closed");
    }
    const uint64_t length = std::min<uint64_t>(zeros.size(), file_bytes - offset);
    PERIGEE_RETURN_IF_ERROR(file.Write(offset, zeros.bytes().first(length)));
  }
  return file.Sync();
}

}  // namespace

LogFilePreparer::LogFilePreparer(DataDirectory& directory, bool background)
    : directory_(directory) {
  if (background) {
    thread_ = std::thread([this] { Run(); });
  }
}

LogFilePreparer::~LogFilePreparer() {
  if (const absl::Status status = Stop(); !status.ok()) {
    // The next open empties tmp/.
    Log(LogLevel::kWarning, "wal.prepared_file_left", status.ToString());
  }
}

void LogFilePreparer::Request(uint64_t number, uint64_t file_bytes) {
  if (!thread_.joinable()) {
    return;
  }
  const absl::MutexLock lock(&mutex_);
  if (!order_.has_value() && !ready_.has_value()) {
    order_ = Order{.number = number, .file_bytes = file_bytes};
  }
}

absl::StatusOr<PreparedLogFile> LogFilePreparer::Take(uint64_t number, uint64_t file_bytes,
                                                      uint64_t file_bytes_min) {
  {
    const absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &LogFilePreparer::Idle));
    if (ready_.has_value() && ready_->number == number && ready_->file_bytes >= file_bytes_min) {
      PreparedLogFile file = *std::move(ready_);
      ready_.reset();
      return file;
    }
    ready_.reset();
  }
  return Prepare({.number = number, .file_bytes = std::max(file_bytes, file_bytes_min)});
}

absl::StatusOr<PreparedLogFile> LogFilePreparer::Prepare(const Order& order) {
  const std::string name = TemporaryName(LogName(order.number));
  const std::string path = directory_.PathOf(name);
  // An earlier attempt may have left a file of this name, too small or unfinished.
  if (directory_.file_system().Stat(path).ok()) {
    PERIGEE_RETURN_IF_ERROR(directory_.files().Remove(name));
  }
  PERIGEE_ASSIGN_OR_RETURN(std::unique_ptr<File> file, CreateLogFile(directory_, path));
  if (const absl::Status status = WriteZeros(*file, order.file_bytes, cancelled_); !status.ok()) {
    file.reset();
    // Frees the space; if it fails too, the next attempt or the next open removes it.
    directory_.files().Remove(name).IgnoreError();
    return status;
  }
  return PreparedLogFile{
      .file = std::move(file), .number = order.number, .file_bytes = order.file_bytes};
}

absl::Status LogFilePreparer::Stop() {
  if (thread_.joinable()) {
    {
      const absl::MutexLock lock(&mutex_);
      stopping_ = true;
      cancelled_.store(true, std::memory_order_relaxed);
    }
    thread_.join();
  }
  const absl::MutexLock lock(&mutex_);
  if (!ready_.has_value()) {
    return absl::OkStatus();
  }
  const std::string name = TemporaryName(LogName(ready_->number));
  ready_.reset();
  return directory_.files().Remove(name);
}

void LogFilePreparer::Run() {
  while (true) {
    Order order;
    {
      const absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &LogFilePreparer::HasWork));
      if (stopping_) {
        return;
      }
      order = *order_;
    }
    absl::StatusOr<PreparedLogFile> file = Prepare(order);
    if (!file.ok() && !absl::IsCancelled(file.status())) {
      Log(LogLevel::kWarning, "wal.prepare_failed", file.status().ToString());
    }
    const absl::MutexLock lock(&mutex_);
    order_.reset();
    if (file.ok()) {
      ready_ = *std::move(file);
    }
  }
}

}  // namespace perigee::storage
