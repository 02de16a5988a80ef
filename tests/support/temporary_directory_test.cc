// SPDX-License-Identifier: Apache-2.0
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

namespace perigee::storage {
namespace {

TEST_CASE("a temporary directory goes away with all that is in it") {
  std::string path;
  {
    const TemporaryDirectory directory;
    const TemporaryDirectory other;
    CHECK(directory.path() != other.path());
    path = directory.path();
    CHECK(std::filesystem::is_directory(path));
    CHECK(std::filesystem::is_empty(path));
    std::ofstream(directory.PathOf("file")) << "x";
    CHECK(std::filesystem::exists(path + "/file"));
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace perigee::storage
