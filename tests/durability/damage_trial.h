// SPDX-License-Identifier: Apache-2.0
//
// DamageTrial: damages one file of a sample, opens the database, reads everything, and judges what
// came of it: detected (a refusal or failed reads that name what is wrong), the same answers, or
// something worse.
//
// Invariants:
//  1. A trial passes only if damage of covered bytes was detected, and otherwise the answers are
//     those of the undamaged database, or the damage was detected nevertheless.
//  2. Every answer that is given is right: collections that the damage does not touch answer as
//     before; of the touched one all calls fail.
//  3. Bytes of the last group of the log may also lose exactly the last write (D7).
//
// Thread-safety: one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "tests/durability/byte_roles.h"
#include "tests/durability/damage_sample.h"

namespace perigee::engine {

enum class OpenKind { kReadWrite, kReadOnly };

/// What came of one damage, in short.
enum class DamageOutcome {
  kRefused,       ///< the database did not open
  kFailed,        ///< it opened, and the reads of one collection fail
  kSame,          ///< all answers as before
  kSameRebuilds,  ///< all answers as before, and a state says that an index is rebuilt
  kWithoutLast,   ///< all answers as before the last write
  kOlder,         ///< all answers as at an earlier step
  kWrong,         ///< anything else
};

struct DamageFinding {
  DamageOutcome outcome = DamageOutcome::kWrong;
  std::string message = {};  ///< of the refusal or failure, or what is wrong
  /// How many steps back the answers are, when kOlder.
  size_t steps_back = 0;

  bool detected() const {
    return outcome == DamageOutcome::kRefused || outcome == DamageOutcome::kFailed;
  }
  bool same() const {
    return outcome == DamageOutcome::kSame || outcome == DamageOutcome::kSameRebuilds;
  }
};

/// What to put in place of files, by path; nothing removes the file.
using FileChanges = std::map<std::string, std::optional<std::string>>;

class DamageTrial {
 public:
  explicit DamageTrial(const DamageSample& sample);

  const DamageSample& sample() const { return sample_; }
  const ByteRoles& roles(OpenKind kind) const {
    return kind == OpenKind::kReadOnly ? read_only_roles_ : roles_;
  }

  /// Opens `disk` and compares its answers with the sample's. Changes the disk.
  DamageFinding Look(storage::SimulatedFileSystem& disk, OpenKind kind) const;

  /// Puts contents in place of files of a copy of the sample (nothing: removes the file), and
  /// CHECKs that the outcome is one that the roles of the changed bytes allow. Contents may be
  /// longer or shorter than the file's.
  DamageFinding Apply(const FileChanges& changes, OpenKind kind);
  /// Apply to one byte, changed by `mask`.
  DamageFinding Flip(const std::string& path, uint64_t offset, uint8_t mask, OpenKind kind);
  /// Puts files in place whose versions are right in themselves, so that what the roles say of
  /// bytes does not hold; CHECKs that it is detected, or that nothing changes, or that the answers
  /// are of no earlier step than `earliest_step` (an index of history).
  DamageFinding ApplyVersions(const FileChanges& changes, size_t earliest_step, OpenKind kind);

  /// What the sample's file holds.
  const std::string& Contents(const std::string& path) const { return contents_.at(path); }
  const std::map<std::string, std::string>& files() const { return contents_; }

  /// Trials so far by outcome.
  uint64_t count(DamageOutcome outcome) const;
  uint64_t count() const;
  /// "12 refused, 3 failed, ..." for the report of a campaign.
  std::string Summary() const;
  /// The rules under which nothing was noticed, each with its number of trials.
  std::string QuietRules() const;
  /// CHECKs that nothing went wrong and prints the line of a campaign of `what` ("flips").
  void Report(std::string_view what) const;

 private:
  struct Change {
    bool covered = false;
    bool derived = false;
    bool last_group = false;
    bool shorter_manifest = false;
    std::string rule = {};  // of the last changed byte that has one
  };
  DamageFinding Run(const FileChanges& changes, OpenKind kind);
  void AddChange(const std::string& path, const std::optional<std::string>& bytes, OpenKind kind,
                 Change& change) const;
  bool Allowed(const FileChanges& changes, OpenKind kind, const DamageFinding& finding);

  const DamageSample& sample_;
  const ByteRoles roles_;
  const ByteRoles read_only_roles_;
  std::map<std::string, std::string> contents_;  // of every file of the sample
  std::map<DamageOutcome, uint64_t> counts_;
  std::map<std::string, uint64_t> quiet_rules_;
};

/// The number in PERIGEE_TEST_FLIPS: how many flips all cases together make; 85,000 unless set.
uint64_t FlipsWanted();
/// The lists of the cases take every n-th flip or cut of theirs; 1 unless fewer flips are wanted
/// than the lists have.
uint64_t FlipStride();

}  // namespace perigee::engine
