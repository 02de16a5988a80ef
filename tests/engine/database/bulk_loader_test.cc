// SPDX-License-Identifier: Apache-2.0
#include "perigee/bulk_loader.h"

#include <doctest/doctest.h>

#include "tests/engine/database/database_fixture.h"
#include "tests/engine/database/restricted_access.h"
#include "tests/support/temporary_directory.h"

namespace perigee {
namespace {

TEST_CASE("a loader fills a collection on a real disk") {
  const storage::TemporaryDirectory directory;
  const auto database =
      Database::Open(directory.path(), {.access = Access::Unrestricted()}).value();
  auto docs = database->CreateCollection("docs", engine::PlaneSchema()).value();
  auto loader = BulkLoader::Start(*database, "docs", {});
  REQUIRE(loader.ok());
  for (uint64_t id = 0; id < 3'000; ++id) {
    REQUIRE((*loader)->Add(engine::PlanePoint(id, 1)).ok());
  }
  const auto report = (*loader)->Publish();
  REQUIRE_MESSAGE(report.ok(), report.status().ToString());
  CHECK(report->rows == 3'000);
  CHECK(docs.Count({})->count == 3'000);
  CHECK(docs.Describe()->vectors[0].vectors_unindexed == 0);
}

TEST_CASE("a loader needs a collection, the right to write and a writer's handle") {
  const storage::TemporaryDirectory directory;
  {
    const auto database =
        Database::Open(directory.path(), {.access = Access::Unrestricted()}).value();
    REQUIRE(database->CreateCollection("docs", engine::PlaneSchema()).ok());
    CHECK(BulkLoader::Start(*database, "cods", {}).status().code() == absl::StatusCode::kNotFound);
    const auto reader = database->WithAccess(server::Authenticator::Make({Right::kRead}));
    CHECK(BulkLoader::Start(*reader, "docs", {}).status().code() ==
          absl::StatusCode::kPermissionDenied);
  }
  const auto reader =
      Database::Open(directory.path(), {.access = Access::Unrestricted(), .read_only = true})
          .value();
  CHECK(BulkLoader::Start(*reader, "docs", {}).status().code() ==
        absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace perigee
