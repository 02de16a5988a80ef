// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/engine_operation.h"

#include <doctest/doctest.h>

#include "engine/collection/collection_writer.h"
#include "engine/database/catalog_operation.h"
#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {
namespace {

using storage::CommitOperation;

// A collection in which operations are resolved by hand, as the log writer does it.
struct Bench {
  Bench() : database(MustOpen(disk)), docs(MustCreate(*database, "docs")) {
    REQUIRE(docs->Upsert(PlaneUpsert(1, 2, 1)).ok());
  }

  std::unique_ptr<UpsertOperation> Upsert(uint64_t id, UpsertMode mode) const {
    auto payload = EncodeUpsertRequest(PlaneUpsert(id, 1, 2), docs->uuid(), docs->schema());
    return UpsertOperation::Make(docs, *std::move(payload), mode).value();
  }
  std::unique_ptr<DeleteOperation> Delete(uint64_t id) const {
    const std::string encoded = PointId(id).Encode();
    return DeleteOperation::Make(docs, EncodeRecord(DeleteRecord{docs->uuid(), {encoded}})).value();
  }

  storage::SimulatedFileSystem disk;
  std::shared_ptr<DatabaseCore> database;
  std::shared_ptr<CollectionCore> docs;
};

absl::StatusCode Resolve(EngineOperation& operation, std::vector<CommitOperation*> earlier = {}) {
  return operation.Resolve(earlier).code();
}

TEST_CASE("conditional writes look at stored points") {
  const Bench bench;
  CHECK(Resolve(*bench.Upsert(1, UpsertMode::kUpsert)) == absl::StatusCode::kOk);
  CHECK(Resolve(*bench.Upsert(1, UpsertMode::kInsert)) == absl::StatusCode::kAlreadyExists);
  CHECK(Resolve(*bench.Upsert(1, UpsertMode::kUpdate)) == absl::StatusCode::kOk);
  CHECK(Resolve(*bench.Upsert(9, UpsertMode::kInsert)) == absl::StatusCode::kOk);
  CHECK(Resolve(*bench.Upsert(9, UpsertMode::kUpdate)) == absl::StatusCode::kNotFound);
}

TEST_CASE("a conditional write waits for earlier writes of its id in the group") {
  const Bench bench;
  const auto upsert = bench.Upsert(9, UpsertMode::kUpsert);
  const auto deletion = bench.Delete(1);
  const std::vector<CommitOperation*> earlier = {upsert.get(), deletion.get()};
  CHECK(Resolve(*bench.Upsert(9, UpsertMode::kInsert), earlier) == absl::StatusCode::kAborted);
  CHECK(Resolve(*bench.Upsert(9, UpsertMode::kUpdate), earlier) == absl::StatusCode::kAborted);
  CHECK(Resolve(*bench.Upsert(1, UpsertMode::kUpdate), earlier) == absl::StatusCode::kAborted);
  CHECK(Resolve(*bench.Upsert(1, UpsertMode::kUpsert), earlier) == absl::StatusCode::kOk);
  CHECK(Resolve(*bench.Upsert(8, UpsertMode::kInsert), earlier) == absl::StatusCode::kOk);
}

TEST_CASE("ids of another group are forgotten, even if its operations had the same address") {
  const Bench bench;
  GroupIds ids;
  const std::string nine = PointId(uint64_t{9}).Encode();
  auto upsert = bench.Upsert(9, UpsertMode::kUpsert);
  std::vector<CommitOperation*> earlier = {upsert.get()};
  CHECK(ids.Contains(earlier, *bench.docs, nine));
  upsert = bench.Upsert(8, UpsertMode::kUpsert);
  earlier = {upsert.get()};
  CHECK_FALSE(ids.Contains(earlier, *bench.docs, nine));
  CHECK_FALSE(ids.Contains({}, *bench.docs, nine));
}

TEST_CASE("writes behind a drop wait for it, and then find nothing") {
  Bench bench;
  CollectionCatalog catalog;
  DropOperation drop(bench.docs, catalog);
  const std::vector<CommitOperation*> earlier = {&drop};
  CHECK(Resolve(*bench.Upsert(9, UpsertMode::kUpsert), earlier) == absl::StatusCode::kAborted);
  CHECK(Resolve(*bench.Delete(1), earlier) == absl::StatusCode::kAborted);
  bench.docs->MarkDropped();
  CHECK(Resolve(*bench.Upsert(9, UpsertMode::kUpsert)) == absl::StatusCode::kNotFound);
  CHECK(Resolve(*bench.Delete(1)) == absl::StatusCode::kNotFound);
}

TEST_CASE("a conditional write waits for a bulk load in its group") {
  const Bench bench;
  AttachOperation attach(bench.docs, {});
  const std::vector<CommitOperation*> earlier = {&attach};
  CHECK(Resolve(*bench.Upsert(9, UpsertMode::kInsert), earlier) == absl::StatusCode::kAborted);
  CHECK(Resolve(*bench.Upsert(9, UpsertMode::kUpsert), earlier) == absl::StatusCode::kOk);
}

TEST_CASE("bytes that are no record of the collection are refused before they are logged") {
  const Bench bench;
  CHECK(UpsertOperation::Make(bench.docs, "nonsense", UpsertMode::kUpsert).status().code() ==
        absl::StatusCode::kInternal);
  CHECK(DeleteOperation::Make(bench.docs, "nonsense").status().code() ==
        absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace perigee::engine
