// SPDX-License-Identifier: Apache-2.0
//
// `perigee-bench recovery`: how long a database takes to open and to give its first right answers:
// after its process was killed with a log to replay, and after a clean close with its rows in
// segments.
//
// Invariants:
//  1. Times run from the call of Open, in a process that had no other database open. Every answer
//     is compared with what is known of the rows; a wrong one ends the run with an error.
//  2. A cold opening follows the dropping of the page cache; when that is not permitted there are
//     no figures named cold.
// Thread-safety: one call at a time.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "bench/harness/figures.h"

namespace perigee::bench {

struct RecoveryOptions {
  std::string work = {};     ///< a directory for the databases
  std::string dataset = {};  ///< directory with base.npy; empty: vectors in random clusters
  uint32_t dimension = 0;    ///< the first so many components; 0: all, or 128 for clusters
  uint64_t rows = 1'000'000;
  uint64_t log_bytes = uint64_t{1} << 30;
  bool reuse = false;  ///< open the segments that an earlier run left in `work`
};

absl::Status RunRecovery(const RecoveryOptions& options, Figures& figures);

}  // namespace perigee::bench
