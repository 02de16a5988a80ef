// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/log_recovery.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"
#include "storage/wal/log_file_reader.h"

namespace perigee::storage {
namespace {

absl::Status Damaged(const std::string& what) {
  return ErrorWithReason(ErrorReason::kDamaged, what);
}

// Walks the groups of one file in sequence.
class LogFileWalk {
 public:
  explicit LogFileWalk(LogFileReader& reader)
      : reader_(reader), position_(reader.header().start), chain_(reader.header().chain) {}

  // The next group in sequence, or nothing with failure() set.
  absl::StatusOr<std::optional<LogGroup>> Next() {
    PERIGEE_ASSIGN_OR_RETURN(ExtentRead read, reader_.ReadExtent(offset_));
    if (!read.group.has_value()) {
      failure_ = std::move(read.failure);
      return std::nullopt;
    }
    const LogGroup& group = *read.group;
    const uint32_t chain = NextChain(chain_, group.crc());
    if (group.slot() != position_.slot || group.first_lsn() != position_.lsn ||
        group.previous_crc() != position_.previous_crc || read.trailer.chain != chain ||
        group.epoch() < epoch_) {
      failure_ = absl::StrCat("a group of slot ", group.slot(), " and LSN ", group.first_lsn(),
                              " does not continue the group before");
      return std::nullopt;
    }
    position_ = group.next_position();
    chain_ = chain;
    epoch_ = group.epoch();
    offset_ += read.extent_bytes;
    durable_lsn_ = std::max(durable_lsn_, read.trailer.durable_lsn);
    return std::move(read.group);
  }

  // Where Next reads, and what it expects there.
  uint64_t offset() const { return offset_; }
  const LogPosition& position() const { return position_; }
  uint32_t chain() const { return chain_; }
  uint64_t epoch() const { return epoch_; }
  uint64_t durable_lsn() const { return durable_lsn_; }
  const std::string& failure() const { return failure_; }

 private:
  LogFileReader& reader_;
  uint64_t offset_ = kLogBlockBytes;
  LogPosition position_;
  uint32_t chain_;
  uint64_t epoch_ = 0;
  uint64_t durable_lsn_ = 0;
  std::string failure_;
};

class Recovery {
 public:
  Recovery(DataDirectory& directory, const RecoveryRequest& request)
      : directory_(directory), request_(request) {}

  absl::StatusOr<RecoveredLog> Run() {
    PERIGEE_RETURN_IF_ERROR(FindFiles());
    if (headers_.empty()) {
      PERIGEE_RETURN_IF_ERROR(CheckNewLog());
      return std::move(log_);
    }
    for (size_t i = 0; i + 1 < headers_.size(); ++i) {
      // Nothing to deliver, and retirement may remove it at any time.
      if (headers_[i + 1].start.lsn <= request_.applied_lsn + 1) {
        continue;
      }
      PERIGEE_RETURN_IF_ERROR(ReadUpTo(headers_[i], headers_[i + 1]));
    }
    PERIGEE_RETURN_IF_ERROR(ReadNewest(headers_.back()));
    return std::move(log_);
  }

 private:
  // The newest files that name each other as predecessors. A file that is passed over was taken the
  // place of; an older one is a leftover of a retirement whose removals reached the disk in another
  // order. The latter is harmless exactly if the unbroken part begins with what is needed next.
  absl::Status FindFiles() {
    PERIGEE_ASSIGN_OR_RETURN(std::vector<uint64_t> numbers, directory_.ListLogs());
    for (; !numbers.empty(); numbers.pop_back()) {
      if (!headers_.empty() && headers_.front().predecessor_number != numbers.back()) {
        log_.leftover_files.push_back(numbers.back());
        continue;
      }
      PERIGEE_ASSIGN_OR_RETURN(const LogFileReader reader,
                               LogFileReader::Open(directory_, numbers.back()));
      headers_.insert(headers_.begin(), reader.header());
    }
    if (headers_.empty()) {
      return absl::OkStatus();
    }
    const LogFileHeader& oldest = headers_.front();
    if (oldest.start.lsn > request_.applied_lsn + 1) {
      return Damaged(absl::StrCat("log file ", LogName(oldest.predecessor_number),
                                  " is missing: the records from LSN ", request_.applied_lsn + 1,
                                  " to ", oldest.start.lsn - 1, " are not in any log file"));
    }
    for (const LogFileHeader& header : headers_) {
      log_.files.push_back({.number = header.number,
                            .predecessor_number = header.predecessor_number,
                            .file_bytes = header.file_bytes,
                            .start = header.start});
      log_.epoch_max = std::max(log_.epoch_max, header.epoch);
      // A file gets its name only after all before it was flushed.
      durable_lsn_ = std::max({durable_lsn_, header.durable_lsn, header.start.lsn - 1});
    }
    return absl::OkStatus();
  }

  absl::Status CheckNewLog() const {
    TailEvidence evidence = EvidenceAt(1);
    if (JudgeTail(evidence) == TailVerdict::kDamage) {
      return Damaged(absl::StrCat("all files in wal/ are missing: records up to LSN ",
                                  std::max({evidence.manifest_durable_lsn,
                                            evidence.published_max_lsn, evidence.applied_lsn}),
                                  " were written"));
    }
    return absl::OkStatus();
  }

  TailEvidence EvidenceAt(uint64_t expected_lsn) const {
    return {.expected_lsn = expected_lsn,
            .log_durable_lsn = durable_lsn_,
            .manifest_durable_lsn = request_.manifest_durable_lsn,
            .published_max_lsn = request_.published_max_lsn,
            .applied_lsn = request_.applied_lsn};
  }

  absl::Status Deliver(const LogGroup& group) {
    log_.epoch_max = std::max(log_.epoch_max, group.epoch());
    return group.count() > 0 ? request_.deliver(group) : absl::OkStatus();
  }

  // A file that has a successor: what is behind the successor's start was cut there.
  absl::Status ReadUpTo(const LogFileHeader& header, const LogFileHeader& next) {
    PERIGEE_ASSIGN_OR_RETURN(LogFileReader reader, LogFileReader::Open(directory_, header.number));
    LogFileWalk walk(reader);
    while (walk.position().slot < next.start.slot) {
      PERIGEE_ASSIGN_OR_RETURN(const std::optional<LogGroup> group, walk.Next());
      if (!group.has_value()) {
        return Damaged(absl::StrCat(reader.name(), " is damaged at offset ", walk.offset(),
                                    ", LSN ", walk.position().lsn, " to ", next.start.lsn - 1, ": ",
                                    walk.failure()));
      }
      PERIGEE_RETURN_IF_ERROR(Deliver(*group));
    }
    if (walk.position() != next.start || walk.chain() != next.chain) {
      return Damaged(absl::StrCat(LogName(next.number), " does not continue ", reader.name(),
                                  " at LSN ", next.start.lsn));
    }
    return absl::OkStatus();
  }

  absl::Status ReadNewest(const LogFileHeader& header) {
    PERIGEE_ASSIGN_OR_RETURN(LogFileReader reader, LogFileReader::Open(directory_, header.number));
    LogFileWalk walk(reader);
    std::optional<LogGroup> held;
    log_.end = walk.position();
    log_.chain = walk.chain();
    while (true) {
      const LogPosition position = walk.position();
      const uint32_t chain = walk.chain();
      PERIGEE_ASSIGN_OR_RETURN(std::optional<LogGroup> group, walk.Next());
      if (!group.has_value()) {
        break;
      }
      if (held.has_value()) {
        PERIGEE_RETURN_IF_ERROR(Deliver(*held));
      }
      held = std::move(group);
      log_.end = position;
      log_.chain = chain;
    }
    log_.epoch_max = std::max(log_.epoch_max, walk.epoch());
    PERIGEE_RETURN_IF_ERROR(Judge(reader, walk, held));
    if (held.has_value() && held->count() > 0) {
      log_.unflushed = std::move(held);
    }
    return absl::OkStatus();
  }

  absl::Status Judge(LogFileReader& reader, const LogFileWalk& walk,
                     const std::optional<LogGroup>& last) {
    PERIGEE_ASSIGN_OR_RETURN(const RestOfFile rest, reader.ScanRest(walk.offset()));
    durable_lsn_ = std::max({durable_lsn_, walk.durable_lsn(), rest.durable_lsn});
    TailEvidence evidence = EvidenceAt(walk.position().lsn);
    evidence.later_group_found = rest.group_found;
    evidence.closed = last.has_value() && (last->flags() & kGroupCleanClose) != 0;
    evidence.rest_is_zero = rest.is_zero;
    log_.verdict = JudgeTail(evidence);
    if (log_.verdict == TailVerdict::kDamage) {
      return Damaged(absl::StrCat(
          reader.name(), " is damaged at offset ", walk.offset(), ", from LSN ",
          walk.position().lsn, ": ", walk.failure(), "; records up to LSN ",
          std::max({evidence.log_durable_lsn, evidence.manifest_durable_lsn,
                    evidence.published_max_lsn, evidence.applied_lsn}),
          " had been made durable", rest.group_found ? ", and valid groups follow" : ""));
    }
    return absl::OkStatus();
  }

  DataDirectory& directory_;
  const RecoveryRequest& request_;
  std::vector<LogFileHeader> headers_;
  uint64_t durable_lsn_ = 0;
  RecoveredLog log_;
};

}  // namespace

absl::StatusOr<RecoveredLog> RecoverLog(DataDirectory& directory, const RecoveryRequest& request) {
  return Recovery(directory, request).Run();
}

}  // namespace perigee::storage
