// SPDX-License-Identifier: Apache-2.0
//
// OracleState: what must be stored for one writer, from its log: every acknowledged operation, and
// of the one without an answer all or nothing. Never the smaller of what is there and what was
// acknowledged.
//
// Invariants:
//  1. A writer has one operation under way at a time, and its points are its own: its stored
//     points are the result of a prefix of its operations, so a hole shows.
//  2. An operation that a reader saw must be there (promise 2).
//  3. Positions in the log grow with a writer's operations and are never given twice.
//
// Thread-safety: one thread at a time.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "tests/support/oracle_log.h"
#include "tests/support/reference_collection.h"

namespace perigee::tests {

/// Encoded id to point.
using StoredPoints = std::map<std::string, Point>;

struct OracleStored {
  StoredPoints points = {};
  std::optional<StoredPoints> side = {};  ///< nothing when the side collection is not there
};

/// The positions that an epoch's acknowledged operations had.
struct SeqRange {
  uint64_t first = 0;
  uint64_t last = 0;
};

class OracleState {
 public:
  OracleState(uint32_t writer, CollectionSchema schema)
      : writer_(writer), schema_(std::move(schema)), points_(schema_) {}

  /// kDataLoss when the entry contradicts the ones before: an answer that a right server cannot
  /// give, or something seen that nobody wrote.
  absl::Status Apply(const OracleEntry& entry);

  /// Compares with what a recovered database holds: the entry that settles the operation under
  /// way, if there is one; kDataLoss when the points are neither of the two allowed states.
  absl::StatusOr<std::optional<OracleEntry>> Judge(const OracleStored& stored) const;

  uint64_t acknowledged() const { return acknowledged_; }
  const std::map<uint64_t, SeqRange>& seqs() const { return seqs_; }
  const ReferenceCollection& points() const { return points_; }

 private:
  /// What `operation` must be answered; kOk also does it.
  static absl::StatusCode Do(const OracleOperation& operation, const CollectionSchema& schema,
                             ReferenceCollection& points, std::optional<ReferenceCollection>& side);
  absl::Status Wrong(std::string_view what) const;
  absl::Status TakeAnswer(const OracleEntry& entry);
  absl::Status TakeSeq(uint64_t seq, uint64_t epoch);

  const uint32_t writer_;
  const CollectionSchema schema_;
  ReferenceCollection points_;
  std::optional<ReferenceCollection> side_;
  std::optional<OracleOperation> under_way_;
  uint64_t number_ = 0;  // of the latest intent
  bool seen_ = false;    // what is under way
  uint64_t acknowledged_ = 0;
  std::map<uint64_t, SeqRange> seqs_;  // by epoch
};

/// kDataLoss when epochs of any of the writers overlap in their positions: one was given twice.
absl::Status CheckSeqs(const std::vector<const OracleState*>& writers);

}  // namespace perigee::tests
