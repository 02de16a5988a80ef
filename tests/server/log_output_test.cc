// SPDX-License-Identifier: Apache-2.0
#include "server/log_output.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace perigee::server {
namespace {

TEST_CASE("log lines are one line of text or one JSON object") {
  const absl::Time time = absl::FromUnixMillis(1'767'225'600'123);
  CHECK(FormatLogLine(LogFormat::kText, time, LogLevel::kInfo, "a.b", "two\nlines") ==
        "2026-01-01T00:00:00.123Z INFO a.b: two lines\n");
  const std::string line =
      FormatLogLine(LogFormat::kJson, time, LogLevel::kError, "a.b", "\"\n\xff");
  CHECK(line.find('\n') == line.size() - 1);
  const auto parsed = nlohmann::json::parse(line);
  CHECK(parsed["ts"] == "2026-01-01T00:00:00.123Z");
  CHECK(parsed["level"] == "error");
  CHECK(parsed["event"] == "a.b");
  CHECK(parsed["msg"].get<std::string>().substr(0, 2) == "\"\n");
}

}  // namespace
}  // namespace perigee::server
