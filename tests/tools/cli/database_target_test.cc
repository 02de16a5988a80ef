// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/database_target.h"

#include <doctest/doctest.h>

#include "tests/support/temporary_directory.h"

namespace perigee::tools {
namespace {

TEST_CASE("a directory is locked while its target lives and free afterwards") {
  const storage::TemporaryDirectory directory;
  const std::string path = directory.PathOf("db");
  auto first = OpenTarget(path, {.create_if_missing = true});
  REQUIRE(first.ok());
  CHECK_FALSE(OpenTarget(path, {}).ok());
  REQUIRE((*first)->Close().ok());
  first->reset();
  CHECK(OpenTarget(path, {}).ok());
}

TEST_CASE("URIs that name nothing are refused") {
  for (const char* uri :
       {"", "http://x", "perigee://", "perigee://host", "perigee://host:notaport", "unix:"}) {
    CHECK_MESSAGE(OpenTarget(uri, {}).status().code() == absl::StatusCode::kInvalidArgument, uri);
  }
  const storage::TemporaryDirectory directory;
  CHECK(OpenTarget(directory.PathOf("db"), {.create_if_missing = true, .io_backend = "aio"})
            .status()
            .code() == absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace perigee::tools
