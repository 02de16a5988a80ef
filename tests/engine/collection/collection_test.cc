// SPDX-License-Identifier: Apache-2.0
#include "perigee/collection.h"

#include <doctest/doctest.h>

#include "engine/collection/collection_handle.h"
#include "engine/database/database_core.h"
#include "perigee/database.h"
#include "tests/engine/database/database_fixture.h"
#include "tests/engine/database/restricted_access.h"
#include "tests/support/temporary_directory.h"

namespace perigee {
namespace {

// The code with which every method answers a handle with `rights`, by name. A method that is not
// here has no test of its rights.
std::map<std::string, absl::StatusCode> CodesWith(std::initializer_list<Right> rights) {
  const storage::TemporaryDirectory directory;
  const auto database =
      Database::Open(directory.path(), {.access = Access::Unrestricted()}).value();
  auto everything = database->CreateCollection("docs", engine::PlaneSchema()).value();
  REQUIRE(everything.Upsert(engine::PlaneUpsert(1, 2, 1)).ok());
  Collection docs(std::make_shared<engine::CollectionHandle>(
      database->core()->FindCollection("docs").value(), server::Authenticator::Make(rights)));
  const Query query{.target = std::vector<float>{1, 1}};
  Query with_vectors = query;
  with_vectors.with_vectors.kind = VectorSelector::Kind::kAll;
  const std::vector<Query> batch = {query};
  const std::vector<Query> vector_batch = {query, with_vectors};
  GetRequest get{.ids = {PointId(uint64_t{1})}};
  GetRequest get_vectors = get;
  get_vectors.with_vectors = with_vectors.with_vectors;
  ScrollRequest scroll_vectors;
  scroll_vectors.with_vectors = with_vectors.with_vectors;
  return {
      {"Upsert", docs.Upsert(engine::PlaneUpsert(1, 1, 1)).status().code()},
      {"Delete", docs.Delete({.ids = {PointId(uint64_t{1})}}).status().code()},
      {"Get", docs.Get(get).status().code()},
      {"Get vectors", docs.Get(get_vectors).status().code()},
      {"Query", docs.Query(query).status().code()},
      {"Query vectors", docs.Query(with_vectors).status().code()},
      {"QueryBatch", docs.QueryBatch(batch).status().code()},
      {"QueryBatch vectors", docs.QueryBatch(vector_batch).status().code()},
      {"Count", docs.Count({}).status().code()},
      {"Scroll", docs.Scroll({}).status().code()},
      {"Scroll vectors", docs.Scroll(scroll_vectors).status().code()},
      {"Explain", docs.Explain(query).status().code()},
      {"Describe", docs.Describe().status().code()},
      {"Flush", docs.Flush().code()},
      {"Optimize", docs.Optimize().code()},
  };
}

std::map<std::string, absl::StatusCode> Allowed(const std::vector<std::string>& allowed) {
  std::map<std::string, absl::StatusCode> codes;
  for (const auto& [name, code] : CodesWith({})) {
    codes[name] = absl::StatusCode::kPermissionDenied;
  }
  for (const std::string& name : allowed) {
    codes[name] = absl::StatusCode::kOk;
  }
  return codes;
}

TEST_CASE("every method checks its right") {
  const std::vector<std::string> reads = {"Get",    "Query",   "QueryBatch", "Count",
                                          "Scroll", "Explain", "Describe"};
  CHECK(CodesWith({}) == Allowed({}));
  CHECK(CodesWith({Right::kReadVectors}) == Allowed({}));
  CHECK(CodesWith({Right::kStatus}) == Allowed({}));
  CHECK(CodesWith({Right::kRead}) == Allowed(reads));
  CHECK(CodesWith({Right::kWrite}) == Allowed({"Upsert", "Delete"}));
  CHECK(CodesWith({Right::kAdmin}) == Allowed({"Flush", "Optimize"}));
  std::vector<std::string> with_vectors = reads;
  with_vectors.insert(with_vectors.end(),
                      {"Get vectors", "Query vectors", "QueryBatch vectors", "Scroll vectors"});
  CHECK(CodesWith({Right::kRead, Right::kReadVectors}) == Allowed(with_vectors));
}

TEST_CASE("a handle knows its collection") {
  const storage::TemporaryDirectory directory;
  const auto database =
      Database::Open(directory.path(), {.access = Access::Unrestricted()}).value();
  const Collection docs = database->CreateCollection("docs", engine::PlaneSchema()).value();
  const Collection copy = docs;
  CHECK(copy.name() == "docs");
  CHECK(copy.schema() == engine::PlaneSchema());
}

}  // namespace
}  // namespace perigee
