// SPDX-License-Identifier: Apache-2.0
#include "storage/io/uring_file_system.h"

#include <doctest/doctest.h>

#include "storage/io/file_system_selection.h"
#include "tests/conformance/file_system_conformance.h"
#include "tests/support/temporary_directory.h"

namespace perigee::storage {
namespace {

TEST_CASE("io_uring keeps the promises of a file system") {
  if (const absl::Status probed = ProbeUring(); !probed.ok()) {
    MESSAGE("io_uring is not tested here: ", std::string(probed.message()));
    return;
  }
  for (const FileSystemCase& test : FileSystemCases()) {
    SUBCASE(test.name) {
      const TemporaryDirectory directory;
      UringFileSystem disk;
      test.run(disk, directory.path());
    }
  }
  CHECK(std::string(UringFileSystem().name()) == "io_uring");
}

}  // namespace
}  // namespace perigee::storage
