// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/log_verifier.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/foundation/status_macros.h"

namespace perigee::tools::inspect {
namespace {

// What the next group must continue.
struct Place {
  uint64_t offset = kLogBlock;
  uint64_t slot = 0;
  uint64_t lsn = 1;
  uint32_t previous_crc = 0;
  uint32_t chain = 0;
};

class Verifier {
 public:
  Verifier(const std::string& directory, const LogExpectation& expectation, FindingList& findings,
           const LogVisitor& visitor)
      : directory_(directory), expectation_(expectation), findings_(findings), visitor_(visitor) {}

  LogSummary Run(const std::vector<uint64_t>& numbers) {
    summary_.durable_lsn = std::max({expectation_.manifest_durable_lsn,
                                     expectation_.published_max_lsn, expectation_.applied_lsn});
    if (!FindFiles(numbers)) {
      summary_.end = LogEnd::kDamaged;
      return std::move(summary_);
    }
    if (headers_.empty()) {
      JudgeEmpty();
      return std::move(summary_);
    }
    for (size_t i = 0; i < headers_.size(); ++i) {
      const LogHeader* next = i + 1 < headers_.size() ? &headers_[i + 1] : nullptr;
      FileFindings file(findings_, LogNameOf(headers_[i].number));
      const absl::Status read = VerifyFile(headers_[i], next, file);
      if (!read.ok()) {
        file.Add({.severity = absl::IsUnavailable(read) ? Severity::kUnreadable : Severity::kDamage,
                  .code = absl::IsUnavailable(read) ? "file.unreadable" : "log.size",
                  .expected = "a file that can be read to its end",
                  .found = std::string(read.message())});
        summary_.end = LogEnd::kDamaged;
      }
    }
    CheckEpoch();
    return std::move(summary_);
  }

 private:
  // From the newest file to the one that nothing is before.
  bool FindFiles(std::vector<uint64_t> numbers) {
    for (; !numbers.empty(); numbers.pop_back()) {
      if (!headers_.empty() && headers_.front().predecessor != numbers.back()) {
        summary_.leftovers.push_back(numbers.back());
        continue;
      }
      FileFindings file(findings_, LogNameOf(numbers.back()));
      const std::optional<LogFile> log = LogFile::Open(directory_, numbers.back(), file);
      if (!log.has_value()) {
        return false;
      }
      if (log->header().database != expectation_.database) {
        return file.Add({.code = "log.identity",
                         .offset = 40,
                         .expected = absl::StrCat("database ", expectation_.database.ToString()),
                         .found = log->header().database.ToString()});
      }
      headers_.insert(headers_.begin(), log->header());
    }
    if (headers_.empty()) {
      return true;
    }
    for (const LogHeader& header : headers_) {
      summary_.durable_lsn =
          std::max({summary_.durable_lsn, header.durable_lsn, header.first_lsn - 1});
    }
    const LogHeader& oldest = headers_.front();
    if (oldest.first_lsn <= expectation_.applied_lsn + 1) {
      return true;
    }
    return FileFindings(findings_, LogNameOf(oldest.predecessor))
        .Add({.code = "log.missing",
              .expected = absl::StrCat("a log file with the records from LSN ",
                                       expectation_.applied_lsn + 1, " to ", oldest.first_lsn - 1),
              .found = absl::StrCat("the oldest that is connected, ", LogNameOf(oldest.number),
                                    ", begins at LSN ", oldest.first_lsn)});
  }

  void JudgeEmpty() {
    if (summary_.durable_lsn == 0) {
      return;
    }
    summary_.end = LogEnd::kDamaged;
    FileFindings(findings_, "wal/")
        .Add({.code = "log.missing",
              .expected = absl::StrCat("log files with records up to LSN ", summary_.durable_lsn),
              .found = "no log file"});
  }

  void CheckEpoch() {
    if (epoch_max_ > expectation_.manifest_epoch) {
      FileFindings(findings_, LogNameOf(headers_.back().number))
          .Add({.code = "log.epoch",
                .expected =
                    absl::StrCat("epochs up to ", expectation_.manifest_epoch, ", the manifest's"),
                .found = absl::StrCat("epoch ", epoch_max_)});
    }
  }

  // Walks the groups of one file; `next` is the file that follows, which says where this one ends.
  absl::Status VerifyFile(const LogHeader& header, const LogHeader* next, FileFindings& findings) {
    std::optional<LogFile> log = LogFile::Open(directory_, header.number, findings);
    if (!log.has_value()) {
      summary_.end = LogEnd::kDamaged;
      return absl::OkStatus();
    }
    LogFileSummary file = {.number = header.number,
                           .bytes = log->size(),
                           .epoch = header.epoch,
                           .predecessor = header.predecessor,
                           .first_slot = header.first_slot,
                           .first_lsn = header.first_lsn};
    epoch_max_ = std::max(epoch_max_, header.epoch);
    Place place = {.slot = header.first_slot,
                   .lsn = header.first_lsn,
                   .previous_crc = header.previous_crc,
                   .chain = header.chain};
    uint64_t epoch = 0;
    bool closed = false;
    std::string fault;
    while (next == nullptr || place.slot < next->first_slot) {
      bool unsupported = false;
      PERIGEE_ASSIGN_OR_RETURN(const std::optional<LogGroup> group,
                               log->GroupAt(place.offset, fault, unsupported));
      if (unsupported) {
        return RefuseLaterVersion(place.offset, fault, findings);
      }
      if (!group.has_value()) {
        break;
      }
      if (group->slot != place.slot || group->first_lsn != place.lsn ||
          group->previous_crc != place.previous_crc || group->epoch < epoch ||
          group->trailer.chain != NextLogChain(place.chain, group->crc)) {
        fault = absl::StrCat("a group of slot ", group->slot, ", LSN ", group->first_lsn,
                             " and epoch ", group->epoch, " that does not continue the one before");
        break;
      }
      Visit(*group, file, findings);
      epoch = group->epoch;
      closed = group->flags == kCleanClose;
      if (next == nullptr) {  // of files before, the page asks headers only
        summary_.durable_lsn = std::max(summary_.durable_lsn, group->trailer.durable_lsn);
      }
      place = {.offset = place.offset + group->extent_bytes,
               .slot = group->slot + 1,
               .lsn = group->first_lsn + group->count,
               .previous_crc = group->crc,
               .chain = group->trailer.chain};
    }
    epoch_max_ = std::max(epoch_max_, epoch);
    file.last_lsn = place.lsn - 1;
    file.end_offset = place.offset;
    summary_.files.push_back(file);
    summary_.bytes += file.bytes;
    if (next != nullptr) {
      CheckSuccessor(place, *next, fault, findings);
      return absl::OkStatus();
    }
    summary_.last_lsn = place.lsn - 1;
    return JudgeEnd(*log, place, closed, fault, findings);
  }

  absl::Status RefuseLaterVersion(uint64_t offset, const std::string& fault,
                                  FileFindings& findings) {
    findings.Add({.severity = Severity::kUnsupported,
                  .code = "format.version",
                  .offset = offset,
                  .expected = "a log group of version 1",
                  .found = fault});
    summary_.end = LogEnd::kDamaged;
    summary_.later_version = true;
    return absl::OkStatus();
  }

  void Visit(const LogGroup& group, LogFileSummary& file, FileFindings& findings) {
    ++file.groups;
    file.records += group.records.size();
    if (visitor_.on_group) {
      visitor_.on_group(file, group);
    }
    if (visitor_.on_record) {
      for (const RawRecord& record : group.records) {
        visitor_.on_record(group, record, findings);
      }
    }
    if (visitor_.on_bytes) {
      visitor_.on_bytes(group.extent_bytes);
    }
  }

  void CheckSuccessor(const Place& place, const LogHeader& next, const std::string& fault,
                      FileFindings& findings) {
    if (place.slot < next.first_slot) {
      findings.Add(
          {.code = next.first_lsn <= expectation_.applied_lsn + 1 ? "log.applied" : "log.record",
           .offset = place.offset,
           .expected = absl::StrCat("the group of slot ", place.slot, " with LSN ", place.lsn, "; ",
                                    LogNameOf(next.number), " goes on at LSN ", next.first_lsn),
           .found = fault});
    } else if (place.slot != next.first_slot || place.lsn != next.first_lsn ||
               place.previous_crc != next.previous_crc || place.chain != next.chain) {
      findings.Add({.code = "log.successor",
                    .offset = place.offset,
                    .expected = absl::StrCat(LogNameOf(next.number), " to go on at slot ",
                                             place.slot, " and LSN ", place.lsn),
                    .found = absl::StrCat("slot ", next.first_slot, ", LSN ", next.first_lsn)});
    } else {
      return;
    }
    if (next.first_lsn > expectation_.applied_lsn + 1) {
      summary_.end = LogEnd::kDamaged;
    }
  }

  // D7: is what stands at `place` of the newest file the unfinished end of a write, or damage?
  absl::Status JudgeEnd(LogFile& log, const Place& place, bool closed, const std::string& fault,
                        FileFindings& findings) {
    bool rest_is_zero = true;
    uint64_t later_group = 0;
    for (uint64_t at = place.offset; at < log.size(); at += kLogBlock) {
      PERIGEE_ASSIGN_OR_RETURN(const bool zero, log.BlockIsZero(at));
      if (zero) {
        continue;
      }
      rest_is_zero = false;
      PERIGEE_ASSIGN_OR_RETURN(const std::optional<LogTrailer> trailer, log.TrailerOfBlock(at));
      if (trailer.has_value()) {
        summary_.durable_lsn = std::max(summary_.durable_lsn, trailer->durable_lsn);
      }
      std::string later_fault;
      bool unsupported = false;
      PERIGEE_ASSIGN_OR_RETURN(const std::optional<LogGroup> group,
                               log.GroupAt(at, later_fault, unsupported));
      if (unsupported) {
        return RefuseLaterVersion(at, later_fault, findings);
      }
      if (group.has_value() && later_group == 0) {
        later_group = at;
      }
    }
    if (visitor_.on_bytes) {
      visitor_.on_bytes(log.size() - place.offset);
    }
    if (place.lsn <= summary_.durable_lsn || later_group != 0) {
      std::string proof = absl::StrCat("; LSNs up to ", summary_.durable_lsn, " were durable");
      if (later_group != 0) {
        proof = absl::StrCat(proof, ", and a valid group stands at offset ", later_group);
      }
      findings.Add({.code = "log.record",
                    .offset = place.offset,
                    .expected = absl::StrCat("the group of slot ", place.slot, " with LSN ",
                                             place.lsn, proof),
                    .found = fault});
      summary_.end = LogEnd::kDamaged;
      return absl::OkStatus();
    }
    if (summary_.end != LogEnd::kDamaged) {
      summary_.end = closed && rest_is_zero ? LogEnd::kClosed : LogEnd::kCut;
    }
    return absl::OkStatus();
  }

  const std::string& directory_;
  const LogExpectation& expectation_;
  FindingList& findings_;
  const LogVisitor& visitor_;
  std::vector<LogHeader> headers_;
  uint64_t epoch_max_ = 0;
  LogSummary summary_;
};

}  // namespace

std::string_view LogEndName(LogEnd end) {
  switch (end) {
    case LogEnd::kNone:
      return "empty";
    case LogEnd::kClosed:
      return "closed";
    case LogEnd::kCut:
      return "not closed";
    case LogEnd::kDamaged:
      return "damaged";
  }
  return "?";
}

LogSummary VerifyLog(const std::string& directory, const std::vector<uint64_t>& numbers,
                     const LogExpectation& expectation, FindingList& findings,
                     const LogVisitor& visitor) {
  return Verifier(directory, expectation, findings, visitor).Run(numbers);
}

}  // namespace perigee::tools::inspect
