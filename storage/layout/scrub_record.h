// SPDX-License-Identifier: Apache-2.0
//
// ScrubRecord: the contents of the file SCRUB: when each segment was last verified, and how far the
// one has come that is being verified (docs/formats/scrub_format.md). It spares work and holds no
// data: a database whose SCRUB is lost, damaged, old or of another database verifies everything
// once more.
//
// Invariants: DecodeScrubRecord accepts exactly what EncodeScrubRecord writes.
// Thread-safety: plain values and functions without state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "storage/encoding/uuid.h"

namespace perigee::storage {

/// As many segments as a manifest may name (N19).
inline constexpr size_t kScrubSegmentsMax = 20'000;
inline constexpr size_t kScrubRecordBytesMax = size_t{1} << 20U;

struct ScrubRecord {
  Uuid database_uuid = {};
  /// When nothing was left to verify, in milliseconds of Unix time; 0: not yet.
  int64_t last_full_pass_ms = 0;
  /// Damaged segments found since the file was begun.
  uint64_t damages_found = 0;
  /// The segment that is being verified, how many of its bytes are, and when that began; nil and 0:
  /// none.
  Uuid current_segment = {};
  uint64_t current_offset = 0;
  int64_t current_since_ms = 0;
  /// When each segment was last read as it should be, in milliseconds of Unix time.
  std::map<Uuid, int64_t> verified_at_ms = {};

  friend bool operator==(const ScrubRecord&, const ScrubRecord&) = default;
};

/// Requires: at most kScrubSegmentsMax segments, and no negative times.
std::string EncodeScrubRecord(const ScrubRecord& record);
/// kDataLoss when the bytes are not exactly those of an encoder; kUnknownFormat for another
/// version.
absl::StatusOr<ScrubRecord> DecodeScrubRecord(std::span<const std::byte> bytes);

}  // namespace perigee::storage
