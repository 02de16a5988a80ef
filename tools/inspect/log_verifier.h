// SPDX-License-Identifier: Apache-2.0
//
// Verifies the log of a directory: which files belong together, whether all of them hold what their
// successors rely on, and where the log ends (D7), as docs/formats/wal_format.md describes it.
//
// Invariants: nothing is changed; records come in the order of their LSNs, each once, and those
// that are applied already come too.
// Thread-safety: a function without state.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/inspect/finding.h"
#include "tools/inspect/log_decoder.h"
#include "tools/inspect/uuid.h"

namespace perigee::tools::inspect {

/// What the rest of the directory says about its log.
struct LogExpectation {
  Uuid database = {};
  uint64_t manifest_epoch = 0;
  uint64_t applied_lsn = 0;  ///< replay starts behind it
  uint64_t manifest_durable_lsn = 0;
  uint64_t published_max_lsn = 0;  ///< of rows in segments
};

enum class LogEnd {
  kNone,     ///< no log file, and none is missed
  kClosed,   ///< closed cleanly
  kCut,      ///< what follows was never acknowledged; a writer goes on in a new file
  kDamaged,  ///< something acknowledged is damaged or missing
};

struct LogFileSummary {
  uint64_t number = 0;
  uint64_t bytes = 0;
  uint64_t epoch = 0;
  uint64_t predecessor = 0;
  uint64_t first_slot = 0;
  uint64_t first_lsn = 0;
  uint64_t last_lsn = 0;  ///< first LSN - 1 without records
  uint64_t groups = 0;
  uint64_t records = 0;
  uint64_t end_offset = 0;  ///< behind the last valid group
};

struct LogSummary {
  std::vector<LogFileSummary> files = {};  ///< oldest first
  std::vector<uint64_t> leftovers = {};    ///< numbers of files that are not part of the log
  LogEnd end = LogEnd::kNone;
  bool later_version = false;  ///< damaged only in that this program does not understand a group
  uint64_t last_lsn = 0;
  uint64_t durable_lsn = 0;  ///< the D of D7
  uint64_t bytes = 0;
};

struct LogVisitor {
  /// Called with each record of a valid group.
  std::function<void(const LogGroup&, const RawRecord&, FileFindings&)> on_record = nullptr;
  std::function<void(const LogFileSummary&, const LogGroup&)> on_group = nullptr;
  /// Called with bytes read, for progress.
  std::function<void(uint64_t)> on_bytes = nullptr;
};

std::string_view LogEndName(LogEnd end);

/// `numbers` are those of the files in wal/, ascending.
LogSummary VerifyLog(const std::string& directory, const std::vector<uint64_t>& numbers,
                     const LogExpectation& expectation, FindingList& findings,
                     const LogVisitor& visitor);

}  // namespace perigee::tools::inspect
