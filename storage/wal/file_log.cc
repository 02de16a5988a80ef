// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/file_log.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/check.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/log.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"
#include "storage/wal/log_file_preparer.h"
#include "storage/wal/log_file_reader.h"
#include "storage/wal/log_file_writer.h"
#include "storage/wal/log_recovery.h"

namespace perigee::storage {
namespace {

// The first file of an open is small and each further one four times as large, up to the size
// asked for: opening and tiny databases cost little, busy ones soon write full files.
constexpr uint64_t kFirstFileBytes = uint64_t{1} << 20;
constexpr uint64_t kFileGrowth = 4;

absl::Status CheckOptions(const FileLogOptions& options) {
  if (options.log_file_bytes < kLogFileBytesMin || options.log_file_bytes % kLogBlockBytes != 0) {
    return ErrorWithReason(
        ErrorReason::kLimit,
        absl::StrCat("log_file_bytes ", options.log_file_bytes, " must be a multiple of ",
                     kLogBlockBytes, " from ", kLogFileBytesMin));
  }
  return absl::OkStatus();
}

// A failure before anything of the log was touched that time may mend: a full disk, no descriptor.
bool IsPassing(const absl::Status& status) { return absl::IsResourceExhausted(status); }

}  // namespace

class FileLog::State {
 public:
  State(DataDirectory& directory, const FileLogOptions& options)
      : directory_(directory),
        options_(options),
        next_file_bytes_(std::min(kFirstFileBytes, options.log_file_bytes)),
        fenced_epoch_(options.epoch),
        preparer_(directory, options.background_preallocation) {}

  absl::Status Recover(const ReplayCallback& replay);

  LogPosition end() const { return end_; }
  absl::StatusOr<AppendOutcome> Append(const LogGroup& group);
  absl::StatusOr<LogGroup> Read(uint64_t slot);
  absl::Status Fence(uint64_t epoch);
  absl::Status Close();
  const LogRecovery& recovery() const { return recovery_; }
  FileLogStatus status() const;
  LogCut Cut() const;

  // Removes the oldest files for which `done(start of the next file)` holds, never the newest.
  template <typename Predicate>
  absl::Status RemoveWhile(Predicate done);

 private:
  absl::Status Deliver(const LogGroup& group, const ReplayCallback& replay);
  absl::Status StartFile(const LogGroup* first, uint64_t group_bytes);
  absl::Status StartFileWithRoom(const LogGroup* first, uint64_t group_bytes);
  absl::Status MakeRoom(const LogGroup& group);
  absl::Status Poison(const absl::Status& cause);
  absl::Status writable() const;
  uint64_t NextNumber() const;

  DataDirectory& directory_;
  const FileLogOptions options_;

  // Of the appending thread.
  LogPosition end_;
  uint32_t chain_ = 0;
  uint64_t next_file_bytes_;
  uint64_t fenced_epoch_;
  bool closed_ = false;
  std::unique_ptr<LogFileWriter> writer_;  // null until this open needs a file
  LogFilePreparer preparer_;
  LogRecovery recovery_;

  // Shared with the threads that retire, read and show.
  mutable absl::Mutex mutex_;
  std::vector<LogFileEntry> files_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint64_t> leftover_files_ ABSL_GUARDED_BY(mutex_);
  uint64_t durable_lsn_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t durable_slot_end_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t newest_bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // of the newest file, durable
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

absl::Status FileLog::State::Recover(const ReplayCallback& replay) {
  PERIGEE_RETURN_IF_ERROR(CheckOptions(options_));
  const RecoveryRequest request = {
      .applied_lsn = options_.applied_lsn,
      .manifest_durable_lsn = options_.manifest_durable_lsn,
      .published_max_lsn = options_.published_max_lsn,
      .deliver = [&](const LogGroup& group) { return Deliver(group, replay); }};
  PERIGEE_ASSIGN_OR_RETURN(RecoveredLog log, RecoverLog(directory_, request));
  if (log.epoch_max >= options_.epoch) {
    return ErrorWithReason(
        ErrorReason::kFenced,
        absl::StrCat("the log has epoch ", log.epoch_max, ", this open has epoch ", options_.epoch,
                     "; every open must have a higher one"));
  }
  end_ = log.end;
  chain_ = log.chain;
  recovery_.clean = log.verdict == TailVerdict::kClean || log.files.empty();
  {
    const absl::MutexLock lock(&mutex_);
    files_ = std::move(log.files);
    leftover_files_ = std::move(log.leftover_files);
    durable_lsn_ = end_.lsn - 1;
    durable_slot_end_ = end_.slot;
    newest_bytes_ = files_.empty() ? 0 : files_.back().file_bytes;
  }
  if (!recovery_.clean) {
    // A new file makes the old end final at once, also when there is nothing to copy: what stands
    // behind it must not be taken for a part of the log by a later open.
    const LogGroup* copied = log.unflushed.has_value() ? &*log.unflushed : nullptr;
    if (absl::Status status =
            StartFileWithRoom(copied, copied == nullptr ? 0 : copied->bytes().size());
        !status.ok()) {
      return WithContext(status, "the end of the log cannot be made durable");
    }
    if (copied != nullptr) {
      recovery_.groups_copied = 1;
      PERIGEE_RETURN_IF_ERROR(Deliver(*copied, replay));
    }
    Log(LogLevel::kInfo, "wal.unclean_end",
        Std(absl::StrCat("the log was not closed; it ends at LSN ", end_.lsn - 1)));
  }
  recovery_.last_lsn = end_.lsn - 1;
  return absl::OkStatus();
}

absl::Status FileLog::State::Deliver(const LogGroup& group, const ReplayCallback& replay) {
  for (const LogRecord& record : group.Records()) {
    if (record.lsn <= options_.applied_lsn) {
      continue;
    }
    if (const absl::Status status = replay(record);
        !status.ok() && !CanaryActive("skip-failing-record")) {
      return WithContext(status, Std(absl::StrCat("replay of LSN ", record.lsn)));
    }
    ++recovery_.records_replayed;
  }
  return absl::OkStatus();
}

absl::Status FileLog::State::writable() const {
  if (closed_) {
    return absl::FailedPreconditionError("the log is closed");
  }
  const absl::MutexLock lock(&mutex_);
  return failure_;
}

uint64_t FileLog::State::NextNumber() const {
  const absl::MutexLock lock(&mutex_);
  if (CanaryActive("reuse-wal-name")) {
    return files_.size() + 1;
  }
  return files_.empty() ? 1 : files_.back().number + 1;
}

absl::Status FileLog::State::Poison(const absl::Status& cause) {
  const absl::MutexLock lock(&mutex_);
  if (failure_.ok()) {
    failure_ = ErrorWithReason(
        ErrorReason::kStorageFailed,
        absl::StrCat("the log failed and accepts no writes until the database is opened again: ",
                     cause.message()));
    Log(LogLevel::kError, "wal.poisoned", failure_.ToString());
  }
  return failure_;
}

// Begins a new file at end_, with `first` in it if not null. A passing failure leaves the log as
// it was; any other poisons it.
absl::Status FileLog::State::StartFile(const LogGroup* first, uint64_t group_bytes) {
  const uint64_t number = NextNumber();
  absl::StatusOr<PreparedLogFile> prepared =
      preparer_.Take(number, next_file_bytes_, LogFileWriter::FileBytesFor(group_bytes));
  if (!prepared.ok()) {
    return IsPassing(prepared.status()) ? prepared.status() : Poison(prepared.status());
  }
  LogFileEntry entry = {.number = number, .file_bytes = prepared->file_bytes, .start = end_};
  bool takes_place = false;
  {
    const absl::MutexLock lock(&mutex_);
    if (!files_.empty()) {
      // A file that holds nothing is left out of the chain: if the flush of its name failed, the
      // name may vanish in a power cut although later flushes of the directory succeed.
      takes_place = files_.back().start == end_;
      entry.predecessor_number =
          takes_place ? files_.back().predecessor_number : files_.back().number;
    }
  }
  LogFileHeader header;
  header.epoch = options_.epoch;
  header.start = end_;
  header.chain = chain_;
  header.durable_lsn = first == nullptr ? end_.lsn - 1 : first->last_lsn();
  header.predecessor_number = entry.predecessor_number;
  absl::StatusOr<std::unique_ptr<LogFileWriter>> writer =
      LogFileWriter::Create(directory_, *std::move(prepared), header, first);
  if (!writer.ok()) {
    // Only if the file surely has no name yet is nothing changed.
    const bool unnamed = absl::IsNotFound(
        directory_.file_system().Stat(directory_.PathOf(LogName(number))).status());
    return IsPassing(writer.status()) && unnamed ? writer.status() : Poison(writer.status());
  }
  writer_ = *std::move(writer);
  chain_ = writer_->chain();
  end_ = first == nullptr ? end_ : first->next_position();
  next_file_bytes_ = std::min(next_file_bytes_ * kFileGrowth, options_.log_file_bytes);
  const absl::MutexLock lock(&mutex_);
  if (takes_place) {
    leftover_files_.push_back(files_.back().number);
    files_.pop_back();
  }
  files_.push_back(entry);
  durable_lsn_ = end_.lsn - 1;
  durable_slot_end_ = end_.slot;
  newest_bytes_ = writer_->bytes_used();
  return absl::OkStatus();
}

absl::Status FileLog::State::MakeRoom(const LogGroup& group) {
  if (writer_ != nullptr && writer_->Fits(group)) {
    return absl::OkStatus();
  }
  return StartFileWithRoom(nullptr, group.bytes().size());
}

// On a full disk the file is as small as can be, and takes its room from the reserve (D14).
absl::Status FileLog::State::StartFileWithRoom(const LogGroup* first, uint64_t group_bytes) {
  const absl::Status started = StartFile(first, group_bytes);
  if (GetErrorReason(started) != ErrorReason::kDiskFull) {
    return started;
  }
  next_file_bytes_ = kLogFileBytesMin;
  return directory_.reserve().Attempt([&] { return StartFile(first, group_bytes); });
}

absl::StatusOr<AppendOutcome> FileLog::State::Append(const LogGroup& group) {
  PERIGEE_RETURN_IF_ERROR(writable());
  if (group.epoch() < fenced_epoch_) {
    return AppendOutcome::kFenced;
  }
  PERIGEE_CHECK(group.slot() == end_.slot && group.first_lsn() == end_.lsn &&
                    group.previous_crc() == end_.previous_crc,
                "a group of slot ", group.slot(), " and LSN ", group.first_lsn(),
                " does not continue slot ", end_.slot, " and LSN ", end_.lsn);
  PERIGEE_RETURN_IF_ERROR(MakeRoom(group));
  if (const absl::Status status = writer_->Append(group); !status.ok()) {
    // Not tried again: after a failed flush the kernel may have dropped the pages, so that a
    // second flush would succeed without the bytes being on the disk.
    return Poison(status);
  }
  end_ = group.next_position();
  chain_ = writer_->chain();
  {
    const absl::MutexLock lock(&mutex_);
    durable_lsn_ = end_.lsn - 1;
    durable_slot_end_ = end_.slot;
    newest_bytes_ = writer_->bytes_used();
  }
  if (writer_->bytes_used() > writer_->header().file_bytes / 2) {
    preparer_.Request(NextNumber(), next_file_bytes_);
  }
  return AppendOutcome::kDurable;
}

absl::StatusOr<LogGroup> FileLog::State::Read(uint64_t slot) {
  std::optional<LogFileEntry> file;
  {
    const absl::MutexLock lock(&mutex_);
    for (const LogFileEntry& entry : files_) {
      if (entry.start.slot <= slot && slot < durable_slot_end_) {
        file = entry;
      }
    }
  }
  if (file.has_value()) {
    PERIGEE_ASSIGN_OR_RETURN(LogFileReader reader, LogFileReader::Open(directory_, file->number));
    uint64_t offset = kLogBlockBytes;
    while (true) {
      PERIGEE_ASSIGN_OR_RETURN(ExtentRead read, reader.ReadExtent(offset));
      if (!read.group.has_value() || read.group->slot() > slot) {
        return ErrorWithReason(
            ErrorReason::kDamaged,
            absl::StrCat(reader.name(), " is damaged at offset ", offset, ": ", read.failure));
      }
      if (read.group->slot() == slot) {
        return *std::move(read.group);
      }
      offset += read.extent_bytes;
    }
  }
  return absl::NotFoundError(absl::StrCat("slot ", slot, " is not in the log"));
}

absl::Status FileLog::State::Fence(uint64_t epoch) {
  if (epoch < fenced_epoch_) {
    return ErrorWithReason(
        ErrorReason::kFenced,
        absl::StrCat("epoch ", epoch, " is below epoch ", fenced_epoch_, ", which has taken over"));
  }
  fenced_epoch_ = epoch;
  return absl::OkStatus();
}

template <typename Predicate>
absl::Status FileLog::State::RemoveWhile(Predicate done) {
  std::vector<std::string> names;
  {
    const absl::MutexLock lock(&mutex_);
    PERIGEE_RETURN_IF_ERROR(failure_);
    for (const uint64_t number : leftover_files_) {
      names.push_back(LogName(number));
    }
    leftover_files_.clear();
    size_t count = 0;
    while (count + 1 < files_.size() && done(files_[count + 1].start)) {
      names.push_back(LogName(files_[count].number));
      ++count;
    }
    files_.erase(files_.begin(), files_.begin() + static_cast<std::ptrdiff_t>(count));
  }
  const absl::Status removed = names.empty() ? absl::OkStatus() : directory_.files().Remove(names);
  // A file that stays is one that the next open recognises as a leftover. A directory whose sync
  // failed is another matter: the error may have been about the name of a log file just begun.
  return GetErrorReason(removed) == ErrorReason::kStorageFailed ? Poison(removed) : removed;
}

absl::Status FileLog::State::Close() {
  if (closed_) {
    return absl::OkStatus();
  }
  const absl::Status before = writable();
  closed_ = true;
  const absl::Status stopped = preparer_.Stop();
  PERIGEE_RETURN_IF_ERROR(before);
  if (writer_ != nullptr) {
    LogGroupBuilder builder(options_.epoch, end_);
    if (const absl::Status status = writer_->Append(builder.Finish(kGroupCleanClose));
        !status.ok()) {
      return Poison(status);
    }
  }
  return stopped;
}

FileLogStatus FileLog::State::status() const {
  FileLogStatus status;
  const absl::MutexLock lock(&mutex_);
  status.oldest_lsn = files_.empty() ? durable_lsn_ + 1 : files_.front().start.lsn;
  status.durable_lsn = durable_lsn_;
  status.file_count = files_.size();
  for (const LogFileEntry& file : files_) {
    status.file_bytes += file.file_bytes;
  }
  status.poisoned = !failure_.ok();
  return status;
}

LogCut FileLog::State::Cut() const {
  LogCut cut;
  const absl::MutexLock lock(&mutex_);
  for (const LogFileEntry& file : files_) {
    cut.parts.push_back({file.number, file.file_bytes, file.file_bytes});
  }
  if (!cut.parts.empty() && !CanaryActive("snapshot-copies-live-log")) {
    cut.parts.back().bytes = newest_bytes_;
  }
  cut.last_lsn = durable_lsn_;
  return cut;
}

absl::StatusOr<std::unique_ptr<FileLog>> FileLog::Open(DataDirectory& directory,
                                                       const FileLogOptions& options,
                                                       const ReplayCallback& replay) {
  auto state = std::make_unique<State>(directory, options);
  PERIGEE_RETURN_IF_ERROR(state->Recover(replay));
  return std::unique_ptr<FileLog>(new FileLog(std::move(state)));
}

FileLog::FileLog(std::unique_ptr<State> state) : state_(std::move(state)) {}
FileLog::~FileLog() = default;

LogPosition FileLog::end() const { return state_->end(); }
absl::StatusOr<AppendOutcome> FileLog::Append(const LogGroup& group) {
  return state_->Append(group);
}
absl::StatusOr<LogGroup> FileLog::Read(uint64_t slot) { return state_->Read(slot); }
absl::Status FileLog::Fence(uint64_t epoch) { return state_->Fence(epoch); }
absl::Status FileLog::Trim(uint64_t before_slot) {
  return state_->RemoveWhile(
      [before_slot](const LogPosition& next) { return next.slot <= before_slot; });
}
absl::Status FileLog::RetireUpTo(uint64_t lsn) {
  return state_->RemoveWhile([lsn](const LogPosition& next) { return next.lsn - 1 <= lsn; });
}
absl::Status FileLog::Close() { return state_->Close(); }
const LogRecovery& FileLog::recovery() const { return state_->recovery(); }
FileLogStatus FileLog::status() const { return state_->status(); }
LogCut FileLog::Cut() const { return state_->Cut(); }

}  // namespace perigee::storage
