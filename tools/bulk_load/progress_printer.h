// SPDX-License-Identifier: Apache-2.0
//
// ProgressPrinter: tells how a bulk load goes: one line that is rewritten on a terminal, one line
// every ten seconds elsewhere, or one JSON object a second.
//
// Invariants: prints to the stream it was given only, and nothing at all for a load that is over
// quickly unless it is a terminal or JSON is asked for. Thread-safety: one thread at a time.
#pragma once

#include <chrono>
#include <functional>
#include <ostream>
#include <string>

#include "perigee/bulk_loader.h"

namespace perigee::tools {

enum class ProgressStyle { kNone, kTerminal, kLines, kJson };

class ProgressPrinter {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  ProgressPrinter(std::ostream& out, ProgressStyle style,
                  Clock clock = &std::chrono::steady_clock::now);

  /// May be called often; prints when it is time to.
  void Update(const BulkLoadProgress& progress);
  /// Ends a terminal's line, so that other output starts on its own.
  void Finish();

 private:
  std::string Text(const BulkLoadProgress& progress, double seconds) const;

  std::ostream& out_;
  ProgressStyle style_;
  Clock clock_;
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point stage_started_;
  std::chrono::steady_clock::time_point last_printed_;
  BulkLoadStage stage_ = BulkLoadStage::kReading;
  size_t columns_printed_ = 0;
};

/// "reading", "building", "verifying", "publishing" or "done".
const char* BulkLoadStageName(BulkLoadStage stage);

}  // namespace perigee::tools
