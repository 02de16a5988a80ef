// SPDX-License-Identifier: Apache-2.0
//
// ScrubLedger: which segment was verified when, which is to be verified next, and what was found;
// the bookkeeping of SegmentScrubber, without files and clocks of its own.
//
// Invariants:
//  1. It knows exactly the segments that the manifest named when it was last observed.
//  2. The segment that was looked at longest ago is due first; those of an equal age in an order
//     that each ledger draws anew, so that a database whose record cannot be kept is covered, too.
//  3. A time that lies ahead (a clock was put back) counts as none.
//  4. A segment that appears between two looks was read back when it was written, so it counts as
//     verified at the first of them; one that is there at the first look counts as the record says.
//
// Thread-safety: like a standard container.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "storage/layout/scrub_record.h"
#include "storage/manifest/manifest_state.h"

namespace perigee::engine {

class ScrubLedger {
 public:
  struct Options {
    /// A segment that was looked at less than this ago is left alone.
    absl::Duration verify_every = absl::Hours(72);
    /// Reading goes so fast that everything can be read within this: three days of rest and two of
    /// reading, which even stretched by restarts stay below the seven days that are promised.
    absl::Duration finish_within = absl::Hours(48);
    uint64_t bytes_per_second_min = 8ULL << 20U;
  };
  struct Segment {
    storage::Uuid collection = {};
    storage::SegmentEntry entry = {};
    absl::Time looked_at = absl::InfinitePast();
    absl::Time verified_at = absl::InfinitePast();  ///< read as it should be
    std::string damage = {};                        ///< what the last look found
    uint64_t last_observed = 0;                     ///< number of the look

    uint64_t bytes() const;  ///< of the file and of its deletion file
  };
  struct Due {
    storage::Uuid collection = {};
    storage::SegmentEntry entry = {};
    uint64_t offset = 0;  ///< verified up to here
  };

  explicit ScrubLedger(const Options& options);

  /// Goes on where `record` ended. Requires: nothing was observed yet.
  void Resume(const storage::ScrubRecord& record, absl::Time now);
  /// What the manifest names now; what it names no longer is forgotten.
  void Observe(const storage::ManifestState& state, absl::Time now);

  /// What to verify now; without anything, a full pass ends.
  std::optional<Due> Next(absl::Time now);
  /// The first `offset` bytes of the segment are verified: where it was left, or a new beginning.
  void Advance(const storage::Uuid& segment, uint64_t offset, absl::Time now);
  /// The segment was looked at, to its end or to its damage; empty `damage`: it was as it should be
  /// when that began. True when a damage is new.
  bool Settle(const storage::Uuid& segment, const std::string& damage, absl::Time now);

  const std::map<storage::Uuid, Segment>& segments() const { return segments_; }
  uint64_t bytes_total() const { return bytes_total_; }
  /// Of these, what need not be verified now.
  uint64_t bytes_verified(absl::Time now) const;
  /// The rate that is asked for, or more where the time would not do.
  uint64_t bytes_per_second() const;
  absl::Time last_full_pass() const { return last_full_pass_; }
  uint64_t damages_found() const { return damages_found_; }
  /// The segment that is being verified; nil when none is.
  const storage::Uuid& current() const { return current_; }
  storage::ScrubRecord Record(const storage::Uuid& database) const;

 private:
  bool IsDue(absl::Time looked_at, absl::Time now) const;
  void LeaveCurrent();

  const Options options_;
  const storage::Uuid order_;
  std::map<storage::Uuid, Segment> segments_;
  std::map<storage::Uuid, int64_t> resumed_ms_;  // until the first look
  absl::Time observed_at_ = absl::InfinitePast();
  uint64_t observations_ = 0;
  uint64_t bytes_total_ = 0;
  bool in_pass_ = false;  // something was due at the last Next
  absl::Time last_full_pass_ = absl::InfinitePast();
  uint64_t damages_found_ = 0;
  storage::Uuid current_;
  uint64_t current_offset_ = 0;
  absl::Time current_since_ = absl::InfinitePast();
};

}  // namespace perigee::engine
