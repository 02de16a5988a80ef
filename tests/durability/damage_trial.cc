// SPDX-License-Identifier: Apache-2.0
#include "tests/durability/damage_trial.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/foundation/error_reason.h"

namespace perigee::engine {
namespace {

using storage::SimulatedFileSystem;

constexpr uint64_t kFlipsOfTheGate = 85'000;

OpenOptions OptionsOf(OpenKind kind) {
  OpenOptions options = SmallOptions();
  options.create_if_missing = false;
  options.read_only = kind == OpenKind::kReadOnly;
  return options;
}

// Statuses by which damage may be told: what else an open can say is an accident.
bool TellsOfDamage(const absl::Status& status) {
  const std::optional<ErrorReason> reason = GetErrorReason(status);
  return status.code() == absl::StatusCode::kDataLoss || reason == ErrorReason::kDamaged ||
         reason == ErrorReason::kUnknownFormat || reason == ErrorReason::kNotADatabase ||
         reason == ErrorReason::kFenced;
}

DamageFinding Wrong(std::string message) {
  return {.outcome = DamageOutcome::kWrong, .message = std::move(message)};
}

// Whether `reading` is `step` but for collections of which every call fails and says why.
bool IsStep(const DatabaseReading& reading, const DatabaseReading& step) {
  return reading.size() == step.size() &&
         std::all_of(reading.begin(), reading.end(), [&step](const auto& entry) {
           const auto found = step.find(entry.first);
           return found != step.end() &&
                  (!entry.second.status.ok() || SameAnswers(entry.second, found->second));
         });
}

DamageFinding Judge(const DatabaseReading& reading, const std::vector<DatabaseReading>& history) {
  DamageFinding finding{.outcome = DamageOutcome::kSame};
  for (const auto& [name, answers] : reading) {
    if (!answers.contradiction.empty()) {
      return Wrong(absl::StrCat("collection ", name, ": ", answers.contradiction));
    }
    if (!answers.status.ok()) {
      if (!TellsOfDamage(answers.status) || !answers.state.starts_with("damaged: ")) {
        return Wrong(absl::StrCat(answers.status.ToString(), ", state ", answers.state));
      }
      finding.outcome = DamageOutcome::kFailed;
      finding.message = std::string(answers.status.message());
    } else if (finding.outcome == DamageOutcome::kSame &&
               answers.state.find("index: rebuilding") != std::string::npos) {
      finding.outcome = DamageOutcome::kSameRebuilds;
    }
  }
  for (size_t back = 0; back < history.size(); ++back) {
    if (!IsStep(reading, history[history.size() - 1 - back])) {
      continue;
    }
    finding.steps_back = back;
    if (back > 0 && finding.same()) {
      finding.outcome = back == 1 ? DamageOutcome::kWithoutLast : DamageOutcome::kOlder;
      finding.message = absl::StrCat("the answers are those of ", back, " steps before the end");
    }
    return finding;
  }
  return Wrong("answers that the database never gave");
}

std::string Describe(const FileChanges& changes, OpenKind kind) {
  std::string text = kind == OpenKind::kReadOnly ? "read-only, " : "";
  for (const auto& [path, bytes] : changes) {
    absl::StrAppend(&text, path, bytes.has_value() ? "" : " missing", ", ");
  }
  return text;
}

bool NamesAFile(const std::string& message) {
  const std::string_view kinds[] = {"wal/", "seg/", "del/", "MANIFEST-", "CURRENT", "IDENTITY"};
  return std::any_of(std::begin(kinds), std::end(kinds), [&message](std::string_view kind) {
    return message.find(kind) != std::string::npos;
  });
}

}  // namespace

DamageTrial::DamageTrial(const DamageSample& sample)
    : sample_(sample), roles_(RolesOf(*sample.disk)), read_only_roles_(ReadOnlyRolesOf(roles_)) {
  for (const std::string& path : sample.disk->Files()) {
    contents_[path] = *sample.disk->Contents(path);
  }
}

DamageFinding DamageTrial::Look(SimulatedFileSystem& disk, OpenKind kind) const {
  const auto database = OpenOn(disk, OptionsOf(kind), sample_.tuning);
  if (!database.ok()) {
    return TellsOfDamage(database.status())
               ? DamageFinding{.outcome = DamageOutcome::kRefused,
                               .message = std::string(database.status().message())}
               : Wrong(database.status().ToString());
  }
  return Judge(ReadEverything(**database),
               kind == OpenKind::kReadOnly ? sample_.published : sample_.history);
}

DamageFinding DamageTrial::Run(const FileChanges& changes, OpenKind kind) {
  const auto disk = CopyOf(*sample_.disk);
  for (const auto& [path, bytes] : changes) {
    if (bytes.has_value()) {
      disk->SetContents(path, *bytes);
    } else {
      REQUIRE(disk->RemoveFile(path).ok());
    }
  }
  DamageFinding finding = Look(*disk, kind);
  ++counts_[finding.outcome];
  return finding;
}

DamageFinding DamageTrial::Apply(const FileChanges& changes, OpenKind kind) {
  DamageFinding finding = Run(changes, kind);
  if (!Allowed(changes, kind, finding)) {
    finding.outcome = DamageOutcome::kWrong;
    ++counts_[DamageOutcome::kWrong];
    CHECK_MESSAGE(false, Describe(changes, kind), finding.message);
  }
  return finding;
}

DamageFinding DamageTrial::Flip(const std::string& path, uint64_t offset, uint8_t mask,
                                OpenKind kind) {
  CAPTURE(offset);
  CAPTURE(static_cast<int>(mask));
  std::string bytes = contents_.at(path);
  bytes[offset] = static_cast<char>(static_cast<uint8_t>(bytes[offset]) ^ mask);
  return Apply({{path, std::move(bytes)}}, kind);
}

DamageFinding DamageTrial::ApplyVersions(const FileChanges& changes, size_t earliest_step,
                                         OpenKind kind) {
  DamageFinding finding = Run(changes, kind);
  const size_t last_step = sample_.history.size() - 1;
  const bool allowed = finding.outcome != DamageOutcome::kWrong &&
                       (!finding.detected() || NamesAFile(finding.message)) &&
                       last_step - finding.steps_back >= earliest_step;
  if (!allowed) {
    finding.outcome = DamageOutcome::kWrong;
    ++counts_[DamageOutcome::kWrong];
    CHECK_MESSAGE(false, Describe(changes, kind), finding.message, "; allowed from step ",
                  earliest_step, " of ", last_step);
  }
  return finding;
}

void DamageTrial::AddChange(const std::string& path, const std::optional<std::string>& bytes,
                            OpenKind kind, Change& change) const {
  const std::string& before = contents_.at(path);
  const FileRoles& file = roles(kind).files.at(path);
  const std::string_view after = bytes.has_value() ? std::string_view(*bytes) : std::string_view();
  const size_t common = std::min(before.size(), after.size());
  size_t at = 0;
  while (true) {
    const auto differ = std::mismatch(before.begin() + static_cast<std::ptrdiff_t>(at),
                                      before.begin() + static_cast<std::ptrdiff_t>(common),
                                      after.begin() + static_cast<std::ptrdiff_t>(at));
    at = static_cast<size_t>(differ.first - before.begin());
    if (at == common) {
      break;
    }
    const RoleSpan* span = file.SpanAt(at);
    const ByteRole role = span == nullptr ? ByteRole::kCovered : span->role;
    change.rule = span == nullptr ? change.rule : span->rule;
    change.covered = change.covered || role == ByteRole::kCovered;
    change.derived = change.derived || role == ByteRole::kDerived;
    change.last_group = change.last_group || role == ByteRole::kLastGroup;
    ++at;
  }
  if (file.unread) {
    change.rule = file.spans.front().rule;
    return;
  }
  if (before.size() == after.size() && bytes.has_value()) {
    return;
  }
  // The length itself is covered, except that a manifest may end early, like one that a crash cut,
  // and have something behind its last mark.
  const bool manifest_tail = path == roles_.manifest && common >= roles_.manifest_checkpoint_end;
  change.covered = change.covered || !manifest_tail;
  change.shorter_manifest = change.shorter_manifest || (manifest_tail && common < before.size());
  change.rule =
      "manifest_format: a manifest that lost its end is an older one; the log has the rest";
}

bool DamageTrial::Allowed(const FileChanges& changes, OpenKind kind, const DamageFinding& finding) {
  Change change;
  bool named = false;
  for (const auto& [path, bytes] : changes) {
    AddChange(path, bytes, kind, change);
    named = named || finding.message.find(path.substr(path.rfind('/') + 1)) != std::string::npos;
  }
  if (finding.outcome == DamageOutcome::kWrong) {
    return false;
  }
  if (finding.detected()) {
    // What was not hit answers as before. A manifest without its end is told by the log.
    named = named || (change.shorter_manifest && NamesAFile(finding.message));
    return named && finding.steps_back == 0;
  }
  if (change.covered) {
    return false;
  }
  ++quiet_rules_[change.rule];
  // A read-only open of a manifest that lost its end shows an older published state, and says so
  // by as_of_seq; the log, which it does not read, would tell.
  if (change.shorter_manifest && kind == OpenKind::kReadOnly) {
    return true;
  }
  if (change.last_group && finding.outcome == DamageOutcome::kWithoutLast) {
    return true;
  }
  return finding.same() && (!change.derived || finding.outcome == DamageOutcome::kSameRebuilds);
}

uint64_t DamageTrial::count(DamageOutcome outcome) const {
  const auto found = counts_.find(outcome);
  return found == counts_.end() ? 0 : found->second;
}

uint64_t DamageTrial::count() const {
  uint64_t sum = 0;
  for (const auto& [outcome, trials] : counts_) {
    sum += trials;
  }
  return sum;
}

std::string DamageTrial::Summary() const {
  return absl::StrCat(count(DamageOutcome::kRefused), " refused, ", count(DamageOutcome::kFailed),
                      " failed reads, ", count(DamageOutcome::kSameRebuilds), " answered exactly, ",
                      count(DamageOutcome::kSame), " without effect, ",
                      count(DamageOutcome::kWithoutLast), " without the last write, ",
                      count(DamageOutcome::kOlder), " at an earlier published state, ",
                      count(DamageOutcome::kWrong), " wrong answers");
}

std::string DamageTrial::QuietRules() const {
  std::string text;
  for (const auto& [rule, trials] : quiet_rules_) {
    absl::StrAppend(&text, "\n  ", trials, " under ", rule);
  }
  return text;
}

void DamageTrial::Report(std::string_view what) const {
  CHECK(count(DamageOutcome::kWrong) == 0);
  MESSAGE("durability: ", count(), " ", std::string(what), ", 0 undetected: ", Summary());
  MESSAGE("nothing changed, as the formats have it:", QuietRules());
}

uint64_t FlipsWanted() {
  const char* text = std::getenv("PERIGEE_TEST_FLIPS");
  return text == nullptr ? kFlipsOfTheGate : std::strtoull(text, nullptr, 10);
}

uint64_t FlipStride() {
  return std::max<uint64_t>(kFlipsOfTheGate / std::max<uint64_t>(FlipsWanted(), 1), 1);
}

}  // namespace perigee::engine
