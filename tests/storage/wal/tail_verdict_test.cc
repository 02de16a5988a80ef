// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/tail_verdict.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace perigee::storage {
namespace {

// The rule of D7 said once more, in other words: anything that shows that the expected record, or
// the group in its place, was flushed makes it damage; only a mark with nothing behind it is clean.
TailVerdict Expected(const TailEvidence& evidence) {
  const bool record_was_flushed = evidence.log_durable_lsn >= evidence.expected_lsn ||
                                  evidence.manifest_durable_lsn >= evidence.expected_lsn ||
                                  evidence.published_max_lsn >= evidence.expected_lsn ||
                                  evidence.applied_lsn >= evidence.expected_lsn;
  if (record_was_flushed || evidence.later_group_found) {
    return TailVerdict::kDamage;
  }
  if (evidence.closed && evidence.rest_is_zero) {
    return TailVerdict::kClean;
  }
  return TailVerdict::kCut;
}

TEST_CASE("every combination of evidence has the verdict of the rule") {
  constexpr uint64_t kExpected = 10;
  constexpr uint64_t kLsns[] = {0, 9, 10, 11};
  int cases = 0;
  for (const uint64_t log : kLsns) {
    for (const uint64_t manifest : kLsns) {
      for (const uint64_t published : kLsns) {
        for (const uint64_t applied : kLsns) {
          for (int bits = 0; bits < 8; ++bits) {
            const TailEvidence evidence = {.expected_lsn = kExpected,
                                           .log_durable_lsn = log,
                                           .manifest_durable_lsn = manifest,
                                           .published_max_lsn = published,
                                           .applied_lsn = applied,
                                           .later_group_found = (bits & 1) != 0,
                                           .closed = (bits & 2) != 0,
                                           .rest_is_zero = (bits & 4) != 0};
            CHECK(JudgeTail(evidence) == Expected(evidence));
            ++cases;
          }
        }
      }
    }
  }
  CHECK(cases == 2048);
}

TEST_CASE("the cases that matter by name") {
  CHECK(JudgeTail({}) == TailVerdict::kCut);
  CHECK(JudgeTail({.expected_lsn = 4, .log_durable_lsn = 3, .closed = true}) ==
        TailVerdict::kClean);
  // Preallocated zeros behind an acknowledged group: the process died.
  CHECK(JudgeTail({.expected_lsn = 4, .log_durable_lsn = 3}) == TailVerdict::kCut);
  // A torn write.
  CHECK(JudgeTail({.expected_lsn = 4, .log_durable_lsn = 3, .rest_is_zero = false}) ==
        TailVerdict::kCut);
  // The durable mark says that record 4 was flushed, and it does not verify.
  CHECK(JudgeTail({.expected_lsn = 4, .log_durable_lsn = 4}) == TailVerdict::kDamage);
  // The newest file is gone, but a segment holds its records.
  CHECK(JudgeTail({.expected_lsn = 4, .published_max_lsn = 20}) == TailVerdict::kDamage);
  // A damaged mark: no record is missing, yet cutting here would lose what follows.
  CHECK(JudgeTail({.expected_lsn = 4,
                   .log_durable_lsn = 3,
                   .later_group_found = true,
                   .rest_is_zero = false}) == TailVerdict::kDamage);
  // Bytes behind a clean close: nothing of ours writes there; the close itself stands.
  CHECK(JudgeTail({.expected_lsn = 4, .closed = true, .rest_is_zero = false}) == TailVerdict::kCut);
}

}  // namespace
}  // namespace perigee::storage
