// SPDX-License-Identifier: Apache-2.0
#include "server/log_output.h"

#include <unistd.h>

#include <cctype>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::server {
namespace {

// A newline in a message would look like a second line.
std::string OneLine(std::string_view message) {
  std::string line(message);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ') {
      c = ' ';
    }
  }
  return line;
}

}  // namespace

std::string FormatLogLine(LogFormat format, absl::Time time, LogLevel level, std::string_view event,
                          std::string_view message) {
  const std::string stamp = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
  if (format == LogFormat::kText) {
    return absl::StrCat(stamp, " ", Absl(LogLevelName(level)), " ", Absl(event), ": ",
                        OneLine(message), "\n");
  }
  nlohmann::ordered_json line;
  line["ts"] = stamp;
  line["level"] = absl::AsciiStrToLower(Absl(LogLevelName(level)));
  line["event"] = std::string(event);
  line["msg"] = std::string(message);
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

void InstallLogOutput(LogLevel level) {
  const LogFormat format = isatty(STDERR_FILENO) != 0 ? LogFormat::kText : LogFormat::kJson;
  SetLogSink([level, format](LogLevel of_line, std::string_view event, std::string_view message) {
    if (of_line < level) {
      return;
    }
    const std::string line = FormatLogLine(format, absl::Now(), of_line, event, message);
    // A log that cannot be written has nowhere to complain.
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
  });
}

}  // namespace perigee::server
