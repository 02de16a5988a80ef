// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/collection_handle.h"

#include <doctest/doctest.h>

#include "engine/collection/collection_core.h"
#include "storage/foundation/error_reason.h"
#include "tests/engine/database/database_fixture.h"
#include "tests/engine/database/restricted_access.h"

namespace perigee::engine {
namespace {

TEST_CASE("a right that is missing is refused with its reason") {
  CHECK(RequireRight(Access::Unrestricted(), Right::kAdmin, "flush").ok());
  const Access reader = server::Authenticator::Make({Right::kRead});
  CHECK(RequireRight(reader, Right::kRead, "query").ok());
  for (const Right right : {Right::kReadVectors, Right::kWrite, Right::kAdmin, Right::kStatus}) {
    CHECK(GetErrorReason(RequireRight(reader, right, "call")) == ErrorReason::kAccessDenied);
  }
}

TEST_CASE("rights are checked before the state of the collection") {
  storage::SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  const auto docs = MustCreate(*database, "docs");
  const CollectionHandle reader(docs, server::Authenticator::Make({Right::kRead}));
  CHECK(reader.Require(Right::kRead, "query").ok());
  docs->MarkDropped();
  CHECK(reader.Require(Right::kRead, "query").code() == absl::StatusCode::kNotFound);
  CHECK(reader.Require(Right::kWrite, "upsert").code() == absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace perigee::engine
