// SPDX-License-Identifier: Apache-2.0
//
// LogOutput: the server's log on standard error: text for people at a terminal, otherwise one JSON
// object a line: {"ts":"2026-01-31T12:00:00.123Z","level":"info","event":"server.listening",
// "msg":"..."}.
//
// Invariants: a line is written with one call, so that lines of several threads do not mix; text
// that is not UTF-8 is repaired, never left out.
// Thread-safety: functions without state; the installed sink is called under the log's lock.
#pragma once

#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "storage/foundation/log.h"

namespace perigee::server {

enum class LogFormat { kText, kJson };

/// One line with its newline.
std::string FormatLogLine(LogFormat format, absl::Time time, LogLevel level, std::string_view event,
                          std::string_view message);

/// Sends lines of at least `level` to standard error.
void InstallLogOutput(LogLevel level);

}  // namespace perigee::server
