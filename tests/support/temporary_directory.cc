// SPDX-License-Identifier: Apache-2.0
#include "tests/support/temporary_directory.h"

#include <cstdlib>
#include <filesystem>

#include "storage/foundation/check.h"

namespace perigee::storage {

TemporaryDirectory::TemporaryDirectory() {
  std::string parent = "/tmp";
  for (const char* variable : {"TEST_TMPDIR", "TMPDIR"}) {
    const char* value = std::getenv(variable);
    if (value != nullptr && *value != '\0') {
      parent = value;
      break;
    }
  }
  path_ = parent + "/perigee-test-XXXXXX";
  PERIGEE_CHECK(mkdtemp(path_.data()) != nullptr, "cannot make a directory in ", parent);
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryDirectory::PathOf(std::string_view name) const {
  return path_ + "/" + std::string(name);
}

}  // namespace perigee::storage
