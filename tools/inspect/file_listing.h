// SPDX-License-Identifier: Apache-2.0
//
// Shows what a log file, a manifest or a segment holds: tables for a person, or one JSON document.
//
// Invariants: a listing never fails for damage: it shows what can be read, then the findings; at
// most `limit` rows are shown, and the rest is counted.
// Thread-safety: functions without state.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "tools/inspect/finding.h"

namespace perigee::tools::inspect {

struct ListingOptions {
  std::string path = {};
  bool json = false;
  /// Records, items or rows shown; 0 for all.
  uint64_t limit = 100;
  /// Of a segment: show ids and payload.
  bool rows = false;
  uint64_t first_row = 0;
};

/// `path` is a log file, or a directory whose whole log is shown. Returns the exit code;
/// kNotFound when there is nothing at `path`.
absl::StatusOr<int> ListLog(const ListingOptions& options, std::ostream& out);
/// `path` is a manifest file, or a directory: its current manifest, and all candidates when that
/// one is damaged.
absl::StatusOr<int> ListManifest(const ListingOptions& options, std::ostream& out);
/// `path` is a segment or a deletion file.
absl::StatusOr<int> ListSegment(const ListingOptions& options, std::ostream& out);

}  // namespace perigee::tools::inspect
