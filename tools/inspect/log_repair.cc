// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/log_repair.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/status_macros.h"
#include "tools/inspect/checksum.h"
#include "tools/inspect/directory_survey.h"
#include "tools/inspect/log_verifier.h"
#include "tools/inspect/record_decoder.h"

namespace perigee::tools::inspect {
namespace {

constexpr uint64_t kNewFileBytes = 65536;  // the smallest that a writer would make
constexpr size_t kChoicesShown = 5;

absl::Status SystemError(const std::string& what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", strerror(errno)));
}

// A descriptor that is closed with the object; closing the lock's gives it back.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) {
      close(value_);
    }
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }

 private:
  int value_;
};

// Where the log can be cut: behind a whole group, all before it being whole.
struct Cut {
  uint64_t lsn = 0;
  uint64_t predecessor = 0;
  uint64_t next_slot = 0;
  uint32_t crc = 0;
  uint32_t chain = 0;
};

struct Survey {
  std::vector<Cut> cuts;
  std::vector<uint64_t> files;  // that are connected
  LogSummary summary;
  bool connected = false;
};

// What can be read of the log if the files in `numbers` were all there are.
Survey ReadLog(const std::string& directory, const std::vector<uint64_t>& numbers,
               const LogExpectation& expectation) {
  Survey survey;
  FindingList findings;
  LogVisitor visitor;
  bool whole = true;
  uint64_t next_slot = 0;
  visitor.on_group = [&](const LogFileSummary& file, const LogGroup& group) {
    if (survey.cuts.empty()) {
      FindingList ignored;
      FileFindings header_findings(ignored, "");
      const auto first = LogFile::Open(directory, file.number, header_findings);
      if (first.has_value()) {
        const LogHeader& header = first->header();
        survey.cuts.push_back({.lsn = header.first_lsn - 1,
                               .predecessor = header.predecessor,
                               .next_slot = header.first_slot,
                               .crc = header.previous_crc,
                               .chain = header.chain});
        next_slot = header.first_slot;
      }
    }
    whole = whole && group.slot == next_slot;
    if (!whole) {
      return;
    }
    next_slot = group.slot + 1;
    survey.cuts.push_back({.lsn = group.first_lsn + group.count - 1,
                           .predecessor = file.number,
                           .next_slot = next_slot,
                           .crc = group.crc,
                           .chain = group.trailer.chain});
  };
  survey.summary = VerifyLog(directory, numbers, expectation, findings, visitor);
  for (const LogFileSummary& file : survey.summary.files) {
    survey.files.push_back(file.number);
  }
  survey.connected =
      !survey.files.empty() && std::none_of(findings.findings().begin(), findings.findings().end(),
                                            [](const Finding& finding) {
                                              return finding.code == "log.missing" ||
                                                     finding.code == "log.header" ||
                                                     finding.code == "log.identity";
                                            });
  return survey;
}

// Types of all records that can be read in any log file, also behind damage, by LSN.
std::map<uint64_t, uint16_t> ReadableRecords(const std::string& directory,
                                             const std::vector<uint64_t>& numbers) {
  std::map<uint64_t, uint16_t> records;
  FindingList ignored;
  for (const uint64_t number : numbers) {
    FileFindings findings(ignored, "");
    std::optional<LogFile> file = LogFile::Open(directory, number, findings);
    for (uint64_t offset = kLogBlock; file.has_value() && offset < file->size();) {
      std::string fault;
      bool unsupported = false;
      const auto group = file->GroupAt(offset, fault, unsupported);
      if (!group.ok()) {
        break;
      }
      offset += group->has_value() ? (*group)->extent_bytes : kLogBlock;
      if (group->has_value()) {
        for (const RawRecord& record : (*group)->records) {
          records[record.lsn] = record.type;
        }
      }
    }
  }
  return records;
}

absl::Status NoSuchCut(const std::vector<Cut>& cuts, uint64_t to_lsn, uint64_t floor) {
  std::set<uint64_t> choices;
  for (const Cut& cut : cuts) {
    if (cut.lsn >= floor) {
      choices.insert(cut.lsn);
    }
  }
  if (choices.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the log cannot be cut at all: manifest or segments know of records up to LSN ", floor,
        ", and what can be read of the log ends before; restore the directory from a backup"));
  }
  std::vector<uint64_t> last;
  for (auto it = choices.rbegin(); it != choices.rend() && last.size() < kChoicesShown; ++it) {
    last.insert(last.begin(), *it);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the log cannot be cut behind LSN ", to_lsn,
                   ": it can be cut where a group of records ends, from LSN ", floor,
                   " on; the last such places are ", absl::StrJoin(last, ", ")));
}

absl::Status TakeLock(const std::string& directory, const Descriptor& lock) {
  if (lock.get() < 0) {
    return SystemError(absl::StrCat("opening ", directory, "/LOCK"));
  }
  struct flock whole = {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (fcntl(lock.get(), F_OFD_SETLK, &whole) != 0) {
    return errno == EAGAIN || errno == EACCES
               ? absl::AbortedError(
                     absl::StrCat(directory, " is open in another process; close it first"))
               : SystemError("locking the database");
  }
  return absl::OkStatus();
}

void Put(std::string& block, uint64_t offset, uint64_t value, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    block[offset + i] = static_cast<char>(value >> (8 * i) & 0xffU);
  }
}

absl::StatusOr<std::string> NewHeader(const RepairPlan& plan) {
  uint64_t salt = 0;
  if (getrandom(&salt, sizeof(salt), 0) != static_cast<ssize_t>(sizeof(salt))) {
    return SystemError("drawing a random salt");
  }
  std::string block(kLogBlock, '\0');
  block.replace(0, 8, "PERIGWAL");
  Put(block, 12, 1, 4);
  block.replace(40, 16, reinterpret_cast<const char*>(plan.database.bytes.data()), 16);
  Put(block, 56, plan.new_number, 8);
  Put(block, 64, kNewFileBytes, 8);
  Put(block, 72, salt, 8);
  Put(block, 80, plan.epoch, 8);
  Put(block, 88, plan.predecessor, 8);
  Put(block, 96, plan.first_slot, 8);
  Put(block, 104, plan.to_lsn + 1, 8);
  Put(block, 112, plan.previous_crc, 4);
  Put(block, 116, plan.chain, 4);
  Put(block, 120, plan.to_lsn, 8);
  Put(block, 8, MaskedCrc32c(std::string_view(block).substr(12)), 4);
  return block;
}

std::string QuarantineName(const RepairPlan& plan, uint64_t number) {
  return absl::StrCat(plan.directory, "/quarantine/", LogNameOf(number).substr(4), ".cut-at-",
                      plan.to_lsn);
}

// A second name for each file; log files are never written again, so it is as good as a copy.
absl::Status Quarantine(const RepairPlan& plan, RepairDisk& disk) {
  const std::string folder = absl::StrCat(plan.directory, "/quarantine");
  PERIGEE_RETURN_IF_ERROR(disk.MakeDirectory(folder));
  for (const uint64_t number : plan.quarantined) {
    const std::string from = absl::StrCat(plan.directory, "/", LogNameOf(number));
    PERIGEE_RETURN_IF_ERROR(disk.Keep(from, QuarantineName(plan, number)));
  }
  // What was done and why the files are there, for whoever looks later.
  const std::string note = absl::StrCat(folder, "/repair-", plan.new_number, "-to-", plan.to_lsn);
  if (access(note.c_str(), F_OK) != 0) {
    PERIGEE_RETURN_IF_ERROR(disk.WriteNew(note, DescribeRepair(plan)));
  }
  PERIGEE_RETURN_IF_ERROR(disk.SyncDirectory(folder));
  return disk.SyncDirectory(plan.directory);
}

}  // namespace

absl::Status RepairDisk::MakeDirectory(const std::string& path) {
  return mkdir(path.c_str(), 0700) == 0 || errno == EEXIST
             ? absl::OkStatus()
             : SystemError(absl::StrCat("making ", path));
}

absl::Status RepairDisk::Keep(const std::string& from, const std::string& to) {
  return link(from.c_str(), to.c_str()) == 0 || errno == EEXIST
             ? absl::OkStatus()
             : SystemError(absl::StrCat("keeping ", from, " in quarantine/"));
}

absl::Status RepairDisk::WriteNew(const std::string& path, const std::string& bytes) {
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.get() < 0) {
    return SystemError(absl::StrCat("creating ", path));
  }
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t count = write(file.get(), bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return SystemError(absl::StrCat("writing ", path));
    }
    done += static_cast<size_t>(count);
  }
  return fsync(file.get()) == 0 ? absl::OkStatus() : SystemError(absl::StrCat("flushing ", path));
}

absl::Status RepairDisk::GiveName(const std::string& from, const std::string& to) {
  return renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0
             ? absl::OkStatus()
             : SystemError(absl::StrCat("naming ", to));
}

absl::Status RepairDisk::Remove(const std::string& path) {
  return unlink(path.c_str()) == 0 || errno == ENOENT
             ? absl::OkStatus()
             : SystemError(absl::StrCat("removing ", path));
}

absl::Status RepairDisk::SyncDirectory(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 || fsync(file.get()) != 0) {
    return SystemError(absl::StrCat("flushing ", path));
  }
  return absl::OkStatus();
}

absl::StatusOr<RepairPlan> PlanLogRepair(const std::string& directory, uint64_t to_lsn) {
  DirectorySurvey survey;
  FindingList findings;
  PERIGEE_RETURN_IF_ERROR(SurveyDirectory(directory, survey, findings));
  const LoadedManifest loaded = LoadManifest(directory, findings);
  if (loaded.state.version == 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        directory, " has no manifest that can be read; see perigee-inspect verify first"));
  }
  const ManifestState& state = loaded.state;
  const LogExpectation expectation = {.database = state.database,
                                      .manifest_epoch = state.epoch,
                                      .applied_lsn = state.min_applied_lsn(),
                                      .manifest_durable_lsn = state.durable_lsn,
                                      .published_max_lsn = state.published_max_lsn()};
  std::vector<uint64_t> numbers = survey.logs;
  Survey log = ReadLog(directory, numbers, expectation);
  if (log.summary.end != LogEnd::kDamaged) {
    return absl::FailedPreconditionError(absl::StrCat("the log of ", directory,
                                                      " is whole up to LSN ", log.summary.last_lsn,
                                                      "; there is nothing to repair"));
  }
  if (log.summary.later_version) {
    return absl::FailedPreconditionError(
        absl::StrCat("a later version wrote the log of ", directory,
                     "; use that version, this one would give up records that are whole"));
  }
  RepairPlan plan;
  const std::map<uint64_t, uint16_t> readable = ReadableRecords(directory, numbers);
  plan.lost_up_to_lsn =
      std::max(log.summary.durable_lsn, readable.empty() ? 0 : readable.rbegin()->first);
  // A file whose header is lost hides all before it; without it the rest is connected again.
  while (!log.connected && !numbers.empty()) {
    numbers.pop_back();
    log = ReadLog(directory, numbers, expectation);
  }
  const uint64_t floor =
      std::max({state.durable_lsn, state.published_max_lsn(), state.min_applied_lsn()});
  const Cut* chosen = nullptr;
  for (const Cut& cut : log.cuts) {
    if (cut.lsn == to_lsn && to_lsn >= floor) {
      chosen = &cut;  // the last one, so that marks behind the record stay
    }
  }
  if (chosen == nullptr) {
    return NoSuchCut(log.cuts, to_lsn, floor);
  }
  plan.directory = directory;
  plan.to_lsn = to_lsn;
  plan.predecessor = chosen->predecessor;
  plan.first_slot = chosen->next_slot;
  plan.previous_crc = chosen->crc;
  plan.chain = chosen->chain;
  plan.new_number = survey.logs.back() + 1;
  plan.database = state.database;
  plan.epoch = state.epoch;
  for (const uint64_t number : survey.logs) {
    if (number >= plan.predecessor) {
      plan.quarantined.push_back(number);
    }
    if (number > plan.predecessor) {
      plan.removed.push_back(number);
    }
  }
  for (const auto& [lsn, type] : readable) {
    if (lsn > to_lsn) {
      ++plan.lost_records[RecordKindName(type)];
      ++plan.lost_readable;
    }
  }
  return plan;
}

std::string DescribeRepair(const RepairPlan& plan) {
  std::string text =
      absl::StrCat("The log of ", plan.directory, " is cut behind LSN ", plan.to_lsn, ".\n");
  if (plan.lost_up_to_lsn > plan.to_lsn) {
    absl::StrAppend(&text, "Given up: the records of LSN ", plan.to_lsn + 1, " to ",
                    plan.lost_up_to_lsn, " and whatever follows");
  } else {
    absl::StrAppend(&text, "Given up: whatever follows");
  }
  absl::StrAppend(&text, "; of these ", plan.lost_readable, " can still be read");
  std::vector<std::string> kinds;
  for (const auto& [kind, count] : plan.lost_records) {
    kinds.push_back(absl::StrCat(count, " ", kind));
  }
  absl::StrAppend(&text, kinds.empty() ? "" : " (", absl::StrJoin(kinds, ", "),
                  kinds.empty() ? "" : ")", ".\n");
  for (const uint64_t number : plan.quarantined) {
    absl::StrAppend(&text, "Kept in quarantine/: ", LogNameOf(number), "\n");
  }
  absl::StrAppend(&text, "New: ", LogNameOf(plan.new_number), ", which begins at LSN ",
                  plan.to_lsn + 1, "\n");
  return text;
}

absl::Status ApplyLogRepair(const RepairPlan& plan, RepairDisk& disk) {
  const std::string lock_path = absl::StrCat(plan.directory, "/LOCK");
  const Descriptor lock(open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  PERIGEE_RETURN_IF_ERROR(TakeLock(plan.directory, lock));
  // The plan was made without the lock.
  PERIGEE_ASSIGN_OR_RETURN(const RepairPlan again, PlanLogRepair(plan.directory, plan.to_lsn));
  if (DescribeRepair(again) != DescribeRepair(plan)) {
    return absl::AbortedError("the log changed meanwhile; look at it again");
  }
  PERIGEE_RETURN_IF_ERROR(Quarantine(plan, disk));
  const std::string folder = absl::StrCat(plan.directory, "/wal");
  const std::string temporary =
      absl::StrCat(plan.directory, "/tmp/wal-", LogNameOf(plan.new_number).substr(4));
  PERIGEE_ASSIGN_OR_RETURN(std::string bytes, NewHeader(plan));
  bytes.resize(kNewFileBytes, '\0');
  PERIGEE_RETURN_IF_ERROR(disk.Remove(temporary));  // of a repair that was cut short
  PERIGEE_RETURN_IF_ERROR(disk.WriteNew(temporary, bytes));
  // From this rename on the log is the repaired one.
  PERIGEE_RETURN_IF_ERROR(
      disk.GiveName(temporary, absl::StrCat(plan.directory, "/", LogNameOf(plan.new_number))));
  if (!CanaryActive("repair-removes-before-sync")) {
    PERIGEE_RETURN_IF_ERROR(disk.SyncDirectory(folder));
  }
  for (const uint64_t number : plan.removed) {
    PERIGEE_RETURN_IF_ERROR(disk.Remove(absl::StrCat(plan.directory, "/", LogNameOf(number))));
  }
  return disk.SyncDirectory(folder);
}

}  // namespace perigee::tools::inspect
