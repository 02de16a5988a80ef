// SPDX-License-Identifier: Apache-2.0
#include "engine/database/catalog_operation.h"

#include <doctest/doctest.h>

#include "storage/foundation/error_reason.h"
#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {
namespace {

struct Bench {
  CreateOperation Create(const std::string& name) {
    CreateCollectionRecord record;
    record.collection = storage::Uuid::Random();
    record.name = name;
    record.schema = PlaneSchema();
    return CreateOperation(record, environment, catalog);
  }

  std::shared_ptr<CollectionEnvironment> environment =
      std::make_shared<CollectionEnvironment>(EngineState::Options{});
  CollectionCatalog catalog;
};

TEST_CASE("a collection enters the catalog when its record is applied, and leaves it likewise") {
  Bench bench;
  CreateOperation create = bench.Create("docs");
  REQUIRE(create.Resolve({}).ok());
  CHECK(bench.catalog.size() == 0);
  create.Apply(5);
  const std::shared_ptr<CollectionCore> docs = create.created();
  CHECK(bench.catalog.FindName("docs") == docs);
  CHECK(docs->identity().created_lsn == 5);
  CHECK(docs->state().applied_lsn() == 5);
  CHECK(bench.Create("docs").Resolve({}).code() == absl::StatusCode::kAlreadyExists);

  DropOperation drop(docs, bench.catalog);
  REQUIRE(drop.Resolve({}).ok());
  CHECK_FALSE(docs->dropped());
  drop.Apply(6);
  CHECK(docs->dropped());
  CHECK(bench.catalog.size() == 0);
  CHECK(drop.Resolve({}).code() == absl::StatusCode::kNotFound);
}

TEST_CASE("changes of the catalog begin a group") {
  Bench bench;
  CreateOperation first = bench.Create("a");
  CreateOperation second = bench.Create("b");
  storage::CommitOperation* const earlier[] = {&first};
  CHECK(second.Resolve(earlier).code() == absl::StatusCode::kAborted);
  first.Apply(1);
  DropOperation drop(first.created(), bench.catalog);
  AttachOperation attach(first.created(), {});
  CHECK(drop.Resolve(earlier).code() == absl::StatusCode::kAborted);
  CHECK(attach.Resolve(earlier).code() == absl::StatusCode::kAborted);
  CHECK(attach.Resolve({}).ok());
}

}  // namespace
}  // namespace perigee::engine
