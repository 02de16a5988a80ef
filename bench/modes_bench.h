// SPDX-License-Identifier: Apache-2.0
//
// `perigee-bench modes`: one data set loaded offline, then the same questions asked embedded and
// through a server, with hnswlib building and searching the same rows beside it.
//
// Invariants: half of the questions warm up and are not reported; the others are asked in turns by
// all sides, five times, and the medians are kept; recall comes from exact answers of the same run.
// Thread-safety: one thread.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "bench/harness/figures.h"

namespace perigee::bench {

struct ModesOptions {
  std::string dataset = {};  ///< directory with base.npy, payload.jsonl, queries.npy
  std::string work = {};     ///< a directory for the database; must not exist
  std::string server = {};   ///< path of perigeed; empty: no server part
  uint64_t rows_max = 0;     ///< 0: all
  uint64_t questions_max = 1'000;
  bool with_hnswlib = true;
};

absl::Status RunModes(const ModesOptions& options, Figures& figures);

}  // namespace perigee::bench
