// SPDX-License-Identifier: Apache-2.0
#include "engine/database/scrub_ledger.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "absl/hash/hash.h"

namespace perigee::engine {
namespace {

// No time is 0 on the disk, and one that lies ahead is none.
absl::Time TimeOf(int64_t unix_ms, absl::Time now) {
  const absl::Time time = absl::FromUnixMillis(unix_ms);
  return unix_ms == 0 || time > now ? absl::InfinitePast() : time;
}

int64_t UnixMillis(absl::Time time) {
  return time == absl::InfinitePast() ? 0 : std::max<int64_t>(absl::ToUnixMillis(time), 0);
}

}  // namespace

uint64_t ScrubLedger::Segment::bytes() const {
  return entry.file_bytes + (entry.deletion.has_value() ? entry.deletion->file_bytes : 0);
}

ScrubLedger::ScrubLedger(const Options& options)
    : options_(options), order_(storage::Uuid::Random()) {}

void ScrubLedger::Resume(const storage::ScrubRecord& record, absl::Time now) {
  resumed_ms_ = record.verified_at_ms;
  last_full_pass_ = TimeOf(record.last_full_pass_ms, now);
  damages_found_ = record.damages_found;
  current_ = record.current_segment;
  current_offset_ = record.current_offset;
  current_since_ = TimeOf(record.current_since_ms, now);
}

// In place, so that a shortage of memory half way leaves what is known.
void ScrubLedger::Observe(const storage::ManifestState& state, absl::Time now) {
  ++observations_;
  uint64_t bytes_total = 0;
  for (const auto& [collection, collection_entry] : state.collections) {
    for (const auto& [uuid, entry] : collection_entry.segments) {
      if (!segments_.contains(uuid)) {
        const auto resumed = resumed_ms_.find(uuid);
        const absl::Time verified_at =
            resumed == resumed_ms_.end() ? observed_at_ : TimeOf(resumed->second, now);
        segments_.emplace(uuid, Segment{.looked_at = verified_at, .verified_at = verified_at});
      }
      Segment& segment = segments_.at(uuid);
      segment.collection = collection;
      segment.entry = entry;
      segment.last_observed = observations_;
      bytes_total += segment.bytes();
    }
  }
  std::erase_if(segments_, [this](const auto& segment) {
    return segment.second.last_observed != observations_;
  });
  bytes_total_ = bytes_total;
  resumed_ms_.clear();
  observed_at_ = now;
  const auto current = segments_.find(current_);
  if (current == segments_.end() || current_offset_ >= current->second.entry.file_bytes) {
    LeaveCurrent();
  }
}

void ScrubLedger::LeaveCurrent() {
  current_ = {};
  current_offset_ = 0;
  current_since_ = absl::InfinitePast();
}

bool ScrubLedger::IsDue(absl::Time looked_at, absl::Time now) const {
  return looked_at <= now - options_.verify_every || looked_at > now;
}

std::optional<ScrubLedger::Due> ScrubLedger::Next(absl::Time now) {
  const auto due = [](const Segment& segment, uint64_t offset) {
    return Due{.collection = segment.collection, .entry = segment.entry, .offset = offset};
  };
  if (const auto current = segments_.find(current_); current != segments_.end()) {
    in_pass_ = true;
    // What was read too long ago is read once more.
    return due(current->second, IsDue(current_since_, now) ? 0 : current_offset_);
  }
  const Segment* next = nullptr;
  std::tuple<absl::Time, size_t> next_key;
  for (const auto& [uuid, segment] : segments_) {
    const std::tuple key(segment.looked_at > now ? absl::InfinitePast() : segment.looked_at,
                         absl::HashOf(order_.ToString(), uuid.ToString()));
    if (IsDue(segment.looked_at, now) && (next == nullptr || key < next_key)) {
      next = &segment;
      next_key = key;
    }
  }
  if (next == nullptr && in_pass_) {
    last_full_pass_ = now;
  }
  in_pass_ = next != nullptr;
  return next == nullptr ? std::nullopt : std::optional(due(*next, 0));
}

void ScrubLedger::Advance(const storage::Uuid& segment, uint64_t offset, absl::Time now) {
  if (!segments_.contains(segment)) {
    return;
  }
  if (current_ != segment || offset < current_offset_ || current_since_ == absl::InfinitePast()) {
    current_since_ = now;
  }
  current_ = segment;
  current_offset_ = offset;
}

bool ScrubLedger::Settle(const storage::Uuid& segment, const std::string& damage, absl::Time now) {
  const absl::Time since = segment == current_ ? current_since_ : now;
  if (segment == current_) {
    LeaveCurrent();
  }
  const auto found = segments_.find(segment);
  if (found == segments_.end()) {
    return false;
  }
  const bool is_new = !damage.empty() && found->second.damage.empty();
  damages_found_ += is_new ? 1 : 0;
  found->second.damage = damage;
  found->second.looked_at = damage.empty() ? since : now;
  if (damage.empty()) {
    found->second.verified_at = since;
  }
  return is_new;
}

uint64_t ScrubLedger::bytes_verified(absl::Time now) const {
  uint64_t bytes = 0;
  for (const auto& [uuid, segment] : segments_) {
    if (uuid == current_) {
      bytes += current_offset_;
    } else if (!IsDue(segment.looked_at, now) && segment.damage.empty()) {
      bytes += segment.bytes();
    }
  }
  return bytes;
}

uint64_t ScrubLedger::bytes_per_second() const {
  const double needed =
      static_cast<double>(bytes_total_) / absl::ToDoubleSeconds(options_.finish_within);
  return std::max(options_.bytes_per_second_min, static_cast<uint64_t>(std::ceil(needed)));
}

storage::ScrubRecord ScrubLedger::Record(const storage::Uuid& database) const {
  storage::ScrubRecord record;
  record.database_uuid = database;
  record.last_full_pass_ms = UnixMillis(last_full_pass_);
  record.damages_found = damages_found_;
  record.current_segment = current_;
  record.current_offset = current_offset_;
  record.current_since_ms = UnixMillis(current_since_);
  for (const auto& [uuid, segment] : segments_) {
    // A damaged segment is looked at again by the next process: what it finds is not kept.
    const bool known = segment.verified_at != absl::InfinitePast() && segment.damage.empty();
    if (known) {
      record.verified_at_ms.emplace_hint(record.verified_at_ms.end(), uuid,
                                         UnixMillis(segment.verified_at));
    }
  }
  return record;
}

}  // namespace perigee::engine
