// SPDX-License-Identifier: Apache-2.0
//
// Goal: a database that cannot be opened does not take its host down for ever: after three failed
// opens within ten minutes the fourth serves reads and says why (D13); one that opens well is never
// taken for such a one, whatever power cuts do.
// Method: opens on a simulated disk that fail by an error, or end with their process at every call.
#include <doctest/doctest.h>

#include "absl/time/clock.h"
#include "storage/foundation/error_reason.h"
#include "storage/layout/open_attempts.h"
#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {
namespace {

using storage::CallKind;
using storage::CrashPolicy;
using storage::SimulatedFileSystem;

// Ten points in a segment, one more in the log, which was not closed.
std::unique_ptr<SimulatedFileSystem> Prepared() {
  SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  const auto docs = MustCreate(*database, "docs");
  REQUIRE(docs->Upsert(PlaneUpsert(1, 10, 1)).ok());
  REQUIRE(docs->Flush().ok());
  REQUIRE(docs->Upsert(PlaneUpsert(11, 1, 1)).ok());
  return disk.KillProcess();
}

OpenOptions Recovering() {
  OpenOptions options = SmallOptions();
  options.recovery_mode = true;
  return options;
}

void FailToOpen(SimulatedFileSystem& disk) {
  disk.AddErrorPlan({.kind = CallKind::kRead, .path_contains = "/db/wal", .forever = true});
  CHECK(absl::IsUnavailable(OpenOn(disk, Recovering()).status()));
  disk.ClearErrorPlans();
}

TEST_CASE("after three failed opens the fourth serves reads and says why") {
  const auto disk = Prepared();
  for (int i = 0; i < 3; ++i) {
    FailToOpen(*disk);
  }
  const auto database = MustOpen(*disk, Recovering());
  CHECK(database->in_recovery_mode());
  CHECK_FALSE(database->MayReopenForWriting());
  const DatabaseStatus status = *database->Status();
  CHECK(status.read_only);
  CHECK(status.storage_error.find("recovery mode: the last 3 opens failed within 10m") == 0);
  CHECK(status.storage_error.find("Input/output error") != std::string::npos);
  const auto docs = MustFind(*database, "docs");
  CHECK(Content(*docs).size() == 10);
  for (const absl::Status& refused :
       {docs->Upsert(PlaneUpsert(1, 1, 2)).status(),
        database->CreateCollection("more", PlaneSchema()).status(), database->Flush()}) {
    CHECK(GetErrorReason(refused) == ErrorReason::kReadOnly);
    CHECK(refused.message() == status.storage_error);
  }

  // It holds no lock, and whoever switches the mode off leaves it, with everything.
  CHECK(MustOpen(*disk, Recovering())->in_recovery_mode());
  {
    const auto writing = MustOpen(*disk);
    CHECK_FALSE(writing->in_recovery_mode());
    CHECK(Content(*MustFind(*writing, "docs")).size() == 11);
    CHECK_FALSE(disk->Contents("/db/OPENING").ok());
  }
  CHECK_FALSE(MustOpen(*disk, Recovering())->in_recovery_mode());
}

TEST_CASE("ten minutes later it is tried again") {
  const auto disk = Prepared();
  const storage::FailedOpens failed = {.times = std::vector(3, absl::Now() - absl::Minutes(11)),
                                       .last_reason = "long ago"};
  const auto uuid = *storage::Uuid::Parse(MustOpen(*disk->KillProcess())->Status()->uuid);
  disk->SetContents("/db/OPENING", storage::EncodeFailedOpens(uuid, failed));
  CHECK_FALSE(MustOpen(*disk, Recovering())->in_recovery_mode());
  CHECK_FALSE(disk->Contents("/db/OPENING").ok());
}

TEST_CASE("a success forgets the failures before it") {
  const auto disk = Prepared();
  for (int round = 0; round < 3; ++round) {
    FailToOpen(*disk);
    FailToOpen(*disk);
    CHECK_FALSE(MustOpen(*disk, Recovering())->in_recovery_mode());
  }
}

constexpr size_t kBytesOfThreeAttempts = 64;  // without a reason

TEST_CASE("a process that dies while opening counts, at whichever call behind the first ones") {
  uint64_t counted = 0;
  bool finished = false;
  for (uint64_t call = 1; !finished; ++call) {
    CAPTURE(call);
    auto disk = Prepared();
    for (int death = 0; death < 3 && !finished; ++death) {
      disk->StopAfterCall(call);
      { finished = OpenOn(*disk, Recovering()).ok(); }
      disk = disk->KillProcess();
    }
    const auto attempts = disk->Contents("/db/OPENING");
    const bool all_began = attempts.ok() && attempts->size() == kBytesOfThreeAttempts;
    const auto database = MustOpen(*disk, Recovering());
    if (!finished) {
      CHECK(database->in_recovery_mode() == all_began);
      counted += all_began ? 1 : 0;
    }
    if (database->in_recovery_mode()) {
      CHECK(database->Status()->storage_error.find("ended with its process") != std::string::npos);
      CHECK(Content(*MustFind(*database, "docs")).size() == 10);
      CHECK(Content(*MustFind(*MustOpen(*disk), "docs")).size() == 11);
    } else {
      CHECK(Content(*MustFind(*database, "docs")).size() == 11);
    }
  }
  CHECK(counted > 20);
}

TEST_CASE("power cuts behind opens that went well are no failed opens") {
  for (const CrashPolicy policy : {CrashPolicy::kNothingUnsynced, CrashPolicy::kEverything,
                                   CrashPolicy::kNamesOnly, CrashPolicy::kDataOnly}) {
    CAPTURE(static_cast<int>(policy));
    auto disk = Prepared();
    for (uint64_t cut = 0; cut < 6; ++cut) {
      const auto database = MustOpen(*disk, Recovering());
      CHECK_FALSE(database->in_recovery_mode());
      CHECK(MustFind(*database, "docs")->Upsert(PlaneUpsert(20 + cut, 1, 1)).ok());
      auto after = disk->Crash(policy, cut);
      disk = std::move(after);
    }
    CHECK(Content(*MustFind(*MustOpen(*disk, Recovering()), "docs")).size() == 17);
  }
}

TEST_CASE("a snapshot carries neither the reserve nor failed opens") {
  SimulatedFileSystem disk;
  OpenOptions options = Recovering();
  options.creation.reserve_bytes = 8192;
  const auto database = MustOpen(disk, options);
  REQUIRE(disk.Contents("/db/RESERVE").ok());
  disk.SetContents("/db/OPENING", "anything");
  REQUIRE(MustCreate(*database, "docs")->Upsert(PlaneUpsert(1, 3, 1)).ok());
  REQUIRE(database->CreateSnapshot("/snapshot", {}).ok());
  CHECK(disk.Contents("/snapshot/IDENTITY").ok());
  CHECK_FALSE(disk.Contents("/snapshot/RESERVE").ok());
  CHECK_FALSE(disk.Contents("/snapshot/OPENING").ok());
}

}  // namespace
}  // namespace perigee::engine
