// SPDX-License-Identifier: Apache-2.0
#include "perigee/version.h"

#include <doctest/doctest.h>

namespace perigee {
namespace {

TEST_CASE("the version line names program, version, instruction set and formats") {
  const std::string line = VersionLine("perigeed");
  CHECK(line.starts_with(std::string("perigeed ") + Version()));
  CHECK(line.find("format 1 to 1") != std::string::npos);
  CHECK(line.find('\n') == std::string::npos);
}

}  // namespace
}  // namespace perigee
