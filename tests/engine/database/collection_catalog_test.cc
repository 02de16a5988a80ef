// SPDX-License-Identifier: Apache-2.0
#include "engine/database/collection_catalog.h"

#include <doctest/doctest.h>

#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {
namespace {

std::shared_ptr<CollectionCore> Named(const std::string& name) {
  CollectionIdentity identity;
  identity.uuid = storage::Uuid::Random();
  identity.name = name;
  identity.schema = std::make_shared<const CollectionSchema>(PlaneSchema());
  return CollectionCore::Make(std::make_shared<CollectionEnvironment>(EngineState::Options{}),
                              std::move(identity), {});
}

TEST_CASE("collections are found by name and uuid until they are removed") {
  CollectionCatalog catalog;
  const auto docs = Named("docs");
  catalog.Add(docs);
  catalog.Add(Named("apples"));
  CHECK(catalog.size() == 2);
  CHECK(catalog.FindName("docs") == docs);
  CHECK(catalog.FindUuid(docs->uuid()) == docs);
  CHECK(catalog.List().front()->name() == "apples");
  catalog.Remove(docs->uuid());
  catalog.Remove(docs->uuid());
  CHECK(catalog.FindName("docs") == nullptr);
  CHECK(catalog.FindUuid(docs->uuid()) == nullptr);
  CHECK(catalog.size() == 1);
}

TEST_CASE("a wrong name is told the nearest one") {
  CollectionCatalog catalog;
  CHECK(catalog.Require("docs").status().code() == absl::StatusCode::kNotFound);
  catalog.Add(Named("documents"));
  const absl::Status missing = catalog.Require("document").status();
  CHECK(missing.code() == absl::StatusCode::kNotFound);
  CHECK(std::string(missing.message()).find("documents") != std::string::npos);
  CHECK(catalog.Require("documents").ok());
}

}  // namespace
}  // namespace perigee::engine
