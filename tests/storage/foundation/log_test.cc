// SPDX-License-Identifier: Apache-2.0
#include "storage/foundation/log.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace perigee {
namespace {

TEST_CASE("the sink gets level, event and text until it is taken away") {
  std::vector<std::string> lines;
  SetLogSink([&lines](LogLevel level, std::string_view event, std::string_view message) {
    lines.push_back(std::string(LogLevelName(level)) + " " + std::string(event) + " " +
                    std::string(message));
  });
  Log(LogLevel::kWarning, "wal.poisoned", "flush failed");
  SetLogSink({});
  Log(LogLevel::kError, "nobody", "listens");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0] == "WARNING wal.poisoned flush failed");
}

}  // namespace
}  // namespace perigee
