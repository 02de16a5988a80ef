// SPDX-License-Identifier: Apache-2.0
#include "storage/io/file_system_selection.h"

#include <doctest/doctest.h>

#include <vector>

#include "storage/foundation/log.h"

namespace perigee::storage {
namespace {

TEST_CASE("posix is always there and says that it was asked for") {
  const auto selected = SelectFileSystem(BackendChoice::kPosix);
  REQUIRE(selected.ok());
  CHECK(std::string(selected->file_system->name()) == "posix");
  CHECK(selected->description == "posix (asked for)");
}

TEST_CASE("the choice follows the probe and one line says so") {
  std::vector<std::string> lines;
  SetLogSink([&lines](LogLevel, std::string_view event, std::string_view message) {
    if (event == "io.backend") {
      lines.emplace_back(message);
    }
  });
  const absl::Status probed = ProbeUring();
  const auto automatic = SelectFileSystem(BackendChoice::kAuto);
  const auto demanded = SelectFileSystem(BackendChoice::kIoUring);
  SetLogSink({});
  REQUIRE(automatic.ok());
  REQUIRE_FALSE(lines.empty());
  CHECK(lines[0] == automatic->description);
  if (probed.ok()) {
    CHECK(std::string(automatic->file_system->name()) == "io_uring");
    CHECK(automatic->description == "io_uring");
    REQUIRE(demanded.ok());
    CHECK(std::string(demanded->file_system->name()) == "io_uring");
  } else {
    CHECK(std::string(automatic->file_system->name()) == "posix");
    CHECK(automatic->description == "posix (" + std::string(probed.message()) + ")");
    CHECK(demanded.status() == probed);
  }
  CHECK(ProbeUring() == probed);
}

}  // namespace
}  // namespace perigee::storage
