// SPDX-License-Identifier: Apache-2.0
//
// `perigee-bench wal`: durable upserts of one small point by 1, 8 and 64 writers, embedded and
// through perigeed, beside plain 4 KiB write + fdatasync calls on the same disk.
//
// Invariants:
//  1. The plain writes go where the log's do: direct I/O to a file whose blocks were written
//  before.
//  2. Writers and plain writes take turns of a fifth of a second, so that both see the same disk; a
//     ratio is between medians of one such run.
//  3. Batches per fdatasync are counted from the log's groups after the run, not by the code that
//     is measured.
// Thread-safety: one call at a time.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "bench/harness/figures.h"

namespace perigee::bench {

struct WalOptions {
  std::string work = {};    ///< a directory for the databases; must not exist
  std::string server = {};  ///< path of perigeed; empty: no server part
  double seconds = 4;       ///< of writing per row of the table
};

absl::Status RunWal(const WalOptions& options, Figures& figures);

}  // namespace perigee::bench
