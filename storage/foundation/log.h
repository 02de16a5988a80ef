// SPDX-License-Identifier: Apache-2.0
//
// Levelled log with one replaceable sink, so that a host process gets our lines in its own log. The
// library itself never writes to standard output or standard error: the default sink drops
// everything; programs under server/ and tools/ install one.
//
// Invariants: a line never holds a vector, a payload or a key; each has a stable event name.
// Thread-safety: Log and SetLogSink may be called from every thread; the sink is called under a
// lock.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace perigee {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// Upper-case name of a level, for sinks that print it.
std::string_view LogLevelName(LogLevel level);

/// Receives one line: its level, a stable event name such as "wal.poisoned", and the text.
using LogSink =
    std::function<void(LogLevel level, std::string_view event, std::string_view message)>;

/// Replaces the process-wide sink; an empty function drops all lines (the default).
void SetLogSink(LogSink sink);

/// Sends one line to the sink.
void Log(LogLevel level, std::string_view event, std::string_view message);

}  // namespace perigee
