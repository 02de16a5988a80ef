// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/collection_core.h"

#include <doctest/doctest.h>

#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {
namespace {

using storage::SimulatedFileSystem;

TEST_CASE("flush moves everything into sealed segments") {
  SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  const auto docs = MustCreate(*database, "docs");
  CHECK(docs->Flush().ok());
  REQUIRE(docs->Upsert(PlaneUpsert(1, 5, 1)).ok());
  REQUIRE(docs->Flush().ok());
  const auto description = docs->Describe();
  REQUIRE(description.ok());
  CHECK(description->segments_sealed == 1);
  CHECK(description->segments_growing == 0);
  CHECK(description->applied_seq == 2);
  // Deaths in sealed segments reach the manifest too.
  const auto deleted = docs->Delete({.ids = {PointId(uint64_t{1})}});
  REQUIRE(deleted.ok());
  REQUIRE(docs->Flush().ok());
  CHECK(docs->Describe()->applied_seq == deleted->seq);
  CHECK_FALSE(docs->state().HasUnsealed());
}

TEST_CASE("a dropped collection is gone for every handle") {
  SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  const auto docs = MustCreate(*database, "docs");
  REQUIRE(docs->Upsert(PlaneUpsert(1, 5, 1)).ok());
  REQUIRE(database->DropCollection("docs").ok());
  constexpr auto kNotFound = absl::StatusCode::kNotFound;
  CHECK(docs->Upsert(PlaneUpsert(1, 1, 1)).status().code() == kNotFound);
  CHECK(docs->Delete({.ids = {PointId(uint64_t{1})}}).status().code() == kNotFound);
  CHECK(docs->Get({.ids = {PointId(uint64_t{1})}}).status().code() == kNotFound);
  CHECK(docs->Query({.target = std::vector<float>{0, 0}}).status().code() == kNotFound);
  CHECK(docs->Count({}).status().code() == kNotFound);
  CHECK(docs->Scroll({}).status().code() == kNotFound);
  CHECK(docs->Describe().status().code() == kNotFound);
  CHECK(docs->Flush().code() == kNotFound);
  CHECK(docs->Optimize().code() == kNotFound);
  CHECK(database->DropCollection("docs").code() == kNotFound);
}

TEST_CASE("claims are exclusive") {
  SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  const auto docs = MustCreate(*database, "docs");
  CHECK(docs->ClaimSeal());
  CHECK_FALSE(docs->ClaimSeal());
  CHECK(docs->ClaimRewrite());
  docs->ReleaseSeal();
  CHECK(docs->ClaimSeal());
  docs->ReleaseSeal();
  docs->ReleaseRewrite();
}

TEST_CASE("a batch of queries answers from one snapshot") {
  SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  const auto docs = MustCreate(*database, "docs");
  REQUIRE(docs->Upsert(PlaneUpsert(1, 5, 1)).ok());
  const std::vector<Query> queries = {{.target = std::vector<float>{1, 1}, .limit = 2},
                                      {.target = PointId(uint64_t{3}), .limit = 9}};
  const auto answers = docs->QueryBatch(queries);
  REQUIRE(answers.ok());
  REQUIRE(answers->size() == 2);
  CHECK((*answers)[0].hits.size() == 2);
  CHECK((*answers)[0].hits[0].id == PointId(uint64_t{1}));
  CHECK((*answers)[1].hits.size() == 4);
  CHECK((*answers)[0].seq == (*answers)[1].seq);
  CHECK((*answers)[0].epoch == 1);
  CHECK(docs->Explain(queries[0])->segments.size() == 1);
}

}  // namespace
}  // namespace perigee::engine
