// SPDX-License-Identifier: Apache-2.0
#include "engine/database/database_core.h"

#include <doctest/doctest.h>

#include "storage/foundation/error_reason.h"
#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {
namespace {

using storage::CallKind;
using storage::SimulatedFileSystem;

TEST_CASE("what was written is there after a clean close and after a crash") {
  SimulatedFileSystem disk;
  {
    const auto database = MustOpen(disk);
    const auto docs = MustCreate(*database, "docs");
    const auto written = docs->Upsert(PlaneUpsert(1, 3, 10));
    REQUIRE_MESSAGE(written.ok(), written.status().ToString());
    CHECK(written->seq == 2);
    CHECK(written->epoch == 1);
    CHECK(written->affected == 3);
    const auto deleted = docs->Delete({.ids = {PointId(uint64_t{2}), PointId(uint64_t{9})}});
    REQUIRE(deleted.ok());
    CHECK(deleted->affected == 1);
    CHECK(Content(*docs) == std::map<uint64_t, int64_t>{{1, 10}, {3, 10}});
    CHECK(database->Close().ok());
    CHECK(database->Close().ok());
    CHECK(docs->Upsert(PlaneUpsert(1, 1, 1)).status().code() ==
          absl::StatusCode::kFailedPrecondition);
    CHECK(database->Status().status().code() == absl::StatusCode::kFailedPrecondition);
    CHECK(database->Flush().code() == absl::StatusCode::kFailedPrecondition);
  }
  const auto reopened = MustOpen(disk);
  CHECK(Content(*MustFind(*reopened, "docs")) == std::map<uint64_t, int64_t>{{1, 10}, {3, 10}});
  REQUIRE(MustFind(*reopened, "docs")->Upsert(PlaneUpsert(3, 1, 20)).ok());
  const auto crashed = disk.Crash(storage::CrashPolicy::kNothingUnsynced);
  const auto recovered = MustOpen(*crashed);
  CHECK(Content(*MustFind(*recovered, "docs")) == std::map<uint64_t, int64_t>{{1, 10}, {3, 20}});
  CHECK(recovered->Status()->epoch == 3);
}

TEST_CASE("insert and update depend on what is stored") {
  SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  const auto docs = MustCreate(*database, "docs");
  UpsertRequest insert = PlaneUpsert(1, 2, 1);
  insert.mode = UpsertMode::kInsert;
  CHECK(docs->Upsert(insert).ok());
  CHECK(docs->Upsert(insert).status().code() == absl::StatusCode::kAlreadyExists);
  UpsertRequest update = PlaneUpsert(2, 2, 2);
  update.mode = UpsertMode::kUpdate;
  CHECK(docs->Upsert(update).status().code() == absl::StatusCode::kNotFound);
  CHECK(Content(*docs) == std::map<uint64_t, int64_t>{{1, 1}, {2, 1}});
}

TEST_CASE("a read-only open shows the published state beside a running writer") {
  SimulatedFileSystem disk;
  const auto writer = MustOpen(disk);
  const auto docs = MustCreate(*writer, "docs");
  REQUIRE(docs->Upsert(PlaneUpsert(1, 3, 1)).ok());
  REQUIRE(docs->Flush().ok());
  REQUIRE(docs->Upsert(PlaneUpsert(2, 5, 2)).ok());
  const auto files = disk.Files();
  OpenOptions options = SmallOptions();
  options.read_only = true;
  const auto reader = MustOpen(disk, options);
  const auto seen = MustFind(*reader, "docs");
  CHECK(Content(*seen) == std::map<uint64_t, int64_t>{{1, 1}, {2, 1}, {3, 1}});
  const auto status = reader->Status();
  REQUIRE(status.ok());
  CHECK(status->read_only);
  CHECK(status->as_of_seq == 2);
  CHECK(GetErrorReason(seen->Upsert(PlaneUpsert(1, 1, 1)).status()) == ErrorReason::kReadOnly);
  CHECK(GetErrorReason(reader->DropCollection("docs")) == ErrorReason::kReadOnly);
  CHECK(GetErrorReason(reader->Flush()) == ErrorReason::kReadOnly);
  CHECK(reader->Close().ok());
  CHECK(disk.Files() == files);
  options.read_only = true;
  SimulatedFileSystem empty;
  CHECK_FALSE(OpenOn(empty, options).ok());
  CHECK(empty.Files().empty());
}

TEST_CASE("a failed flush of the log ends writing, is told once, and loses nothing acknowledged") {
  SimulatedFileSystem disk;
  int calls = 0;
  OpenOptions options = SmallOptions();
  options.on_storage_failed = [&calls](const absl::Status&) { ++calls; };
  const auto database = MustOpen(disk, options);
  const auto docs = MustCreate(*database, "docs");
  REQUIRE(docs->Upsert(PlaneUpsert(1, 2, 1)).ok());
  disk.AddErrorPlan({.kind = CallKind::kSync, .path_contains = "wal"});
  CHECK(GetErrorReason(docs->Upsert(PlaneUpsert(3, 1, 1)).status()) == ErrorReason::kStorageFailed);
  CHECK(GetErrorReason(docs->Upsert(PlaneUpsert(4, 1, 1)).status()) == ErrorReason::kStorageFailed);
  CHECK(GetErrorReason(docs->Flush()) == ErrorReason::kStorageFailed);
  CHECK(calls == 1);
  CHECK(Content(*docs) == std::map<uint64_t, int64_t>{{1, 1}, {2, 1}});
  CHECK_FALSE(database->Status()->storage_error.empty());
  CHECK(disk.syncs_after_failed_sync() == 0);
  CHECK(database->Close().ok());
  const auto reopened = MustOpen(disk);
  const auto content = Content(*MustFind(*reopened, "docs"));
  CHECK(content.contains(1));
  CHECK(content.contains(2));
  CHECK_FALSE(content.contains(4));
}

TEST_CASE("a failed manifest ends writing and the next open goes on from the log") {
  SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  const auto docs = MustCreate(*database, "docs");
  REQUIRE(docs->Upsert(PlaneUpsert(1, 2, 1)).ok());
  disk.AddErrorPlan({.kind = CallKind::kSync, .path_contains = "MANIFEST"});
  CHECK(GetErrorReason(docs->Flush()) == ErrorReason::kStorageFailed);
  CHECK(GetErrorReason(docs->Upsert(PlaneUpsert(3, 1, 1)).status()) == ErrorReason::kStorageFailed);
  CHECK(Content(*docs).size() == 2);
  REQUIRE(database->Close().ok());
  const auto reopened = MustOpen(disk);
  CHECK(Content(*MustFind(*reopened, "docs")).size() == 2);
}

TEST_CASE("every call that fails while opening leaves a directory that opens") {
  SimulatedFileSystem prepared;
  {
    const auto database = MustOpen(prepared);
    const auto docs = MustCreate(*database, "docs");
    REQUIRE(docs->Upsert(PlaneUpsert(1, 6, 1)).ok());
    REQUIRE(docs->Flush().ok());
    REQUIRE(docs->Upsert(PlaneUpsert(4, 6, 2)).ok());
  }
  bool finished = false;
  for (uint64_t call = 1; !finished; ++call) {
    CAPTURE(call);
    const auto disk = prepared.KillProcess();
    disk->AddErrorPlan({.call_number = call});
    {
      const auto database = OpenOn(*disk);
      finished = disk->planned_failures() == 0;
      if (database.ok()) {
        (*database)->Close().IgnoreError();
      }
    }
    CHECK(disk->syncs_after_failed_sync() == 0);
    disk->ClearErrorPlans();
    const auto database = MustOpen(*disk);
    CHECK(Content(*MustFind(*database, "docs")).size() == 9);
  }
}

TEST_CASE("reopening 200 times changes nothing but epoch and log") {
  SimulatedFileSystem disk;
  {
    const auto database = MustOpen(disk);
    const auto docs = MustCreate(*database, "docs");
    REQUIRE(docs->Upsert(PlaneUpsert(1, 5, 1)).ok());
    REQUIRE(docs->Flush().ok());
    REQUIRE(docs->Upsert(PlaneUpsert(3, 5, 2)).ok());
  }
  size_t files = 0;
  for (uint64_t i = 0; i < 200; ++i) {
    const auto database = MustOpen(disk);
    REQUIRE(Content(*MustFind(*database, "docs")).size() == 7);
    REQUIRE(database->Status()->epoch == i + 2);
    REQUIRE(database->Status()->seq == 3);
    REQUIRE(database->Status()->warnings.empty());
    if (i == 2) {
      files = disk.Files().size();
    }
  }
  CHECK(disk.Files().size() <= files + 200);
}

TEST_CASE("the name of a dropped collection can be used again") {
  SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  const auto first = MustCreate(*database, "docs");
  REQUIRE(first->Upsert(PlaneUpsert(1, 5, 1)).ok());
  REQUIRE(first->Flush().ok());
  REQUIRE(database->DropCollection("docs").ok());
  const auto second = MustCreate(*database, "docs");
  CHECK(second->uuid() != first->uuid());
  CHECK(Content(*second).empty());
  const auto crashed = disk.Crash(storage::CrashPolicy::kNothingUnsynced);
  const auto recovered = MustOpen(*crashed);
  CHECK(Content(*MustFind(*recovered, "docs")).empty());
  CHECK(MustFind(*recovered, "docs")->uuid() == second->uuid());
}

}  // namespace
}  // namespace perigee::engine
