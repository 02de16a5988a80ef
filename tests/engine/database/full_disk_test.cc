// SPDX-License-Identifier: Apache-2.0
//
// Goal: a disk that others fill to the last byte stops upserts and nothing else, ends nothing, and
// costs nothing that was acknowledged; with room again everything goes on by itself (D14).
// Method: a database on a simulated disk whose capacity is set to what is used, with a reserve and
// without one, across every change of such an episode after which the power may go.
#include <doctest/doctest.h>

#include <cerrno>
#include <functional>

#include "storage/foundation/error_reason.h"
#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {
namespace {

using storage::CrashPolicy;
using storage::SimulatedFileSystem;

constexpr uint64_t kReserveBytes = 3ULL << 20U;
constexpr uint64_t kRoomBytes = 1ULL << 30U;

uint64_t UsedBytes(const SimulatedFileSystem& disk) {
  uint64_t used = 0;
  for (const std::string& path : disk.Files()) {
    used += disk.Contents("/" + path)->size();
  }
  return used;
}

void FillUp(SimulatedFileSystem& disk) { disk.SetCapacityBytes(UsedBytes(disk)); }

OpenOptions WithReserve(uint64_t reserve_bytes = kReserveBytes) {
  OpenOptions options = SmallOptions();
  options.creation.reserve_bytes = reserve_bytes;
  options.disk_free_bytes_min = 64U << 10U;
  options.recovery_mode = true;
  return options;
}

uint64_t HeldBytes(const DatabaseCore& database) {
  return database.environment().directory->reserve().held_bytes();
}

absl::Status DeleteOne(CollectionCore& collection, uint64_t id) {
  return collection.Delete({.ids = {PointId(id)}}).status();
}

TEST_CASE("on a disk without a byte deletes go on in the reserve, and with room all goes on") {
  SimulatedFileSystem disk;
  const auto database = MustOpen(disk, WithReserve());
  const auto docs = MustCreate(*database, "docs");
  REQUIRE(docs->Upsert(PlaneUpsert(1, 100, 1)).ok());
  REQUIRE(docs->Flush().ok());
  REQUIRE(HeldBytes(*database) == kReserveBytes);
  FillUp(disk);
  CHECK(GetErrorReason(docs->Upsert(PlaneUpsert(1, 1, 2)).status()) == ErrorReason::kDiskFull);
  for (uint64_t id = 1; id <= 60; ++id) {  // more than a log file holds
    const absl::Status deleted = DeleteOne(*docs, id);
    REQUIRE_MESSAGE(deleted.ok(), deleted.ToString());
  }
  CHECK(docs->Flush().ok());  // the manifest and the deletion file
  CHECK(HeldBytes(*database) < kReserveBytes);
  CHECK(database->environment().state.storage_error().ok());
  const auto warnings = database->Status()->warnings;
  REQUIRE_FALSE(warnings.empty());
  CHECK(warnings.back().find("the reserve for a full disk lacks") != std::string::npos);
  CHECK(GetErrorReason(docs->Upsert(PlaneUpsert(1, 1, 2)).status()) == ErrorReason::kDiskFull);

  disk.SetCapacityBytes(kRoomBytes);
  CHECK(docs->Upsert(PlaneUpsert(200, 1, 2)).ok());
  REQUIRE(database->Flush().ok());
  CHECK(HeldBytes(*database) == kReserveBytes);
  CHECK(database->Status()->warnings.empty());
  const auto content = Content(*docs);
  CHECK(content.size() == 41);
  const auto reopened = MustOpen(*disk.Crash(CrashPolicy::kNothingUnsynced), WithReserve());
  CHECK(Content(*MustFind(*reopened, "docs")) == content);
}

TEST_CASE("the reserve is not made where upserts would be refused afterwards") {
  SimulatedFileSystem disk;
  disk.SetCapacityBytes(kReserveBytes + (64U << 10U));
  const auto database = MustOpen(disk, WithReserve());
  CHECK(HeldBytes(*database) == 0);
  CHECK_FALSE(disk.Contents("/db/RESERVE").ok());
  const auto docs = MustCreate(*database, "docs");
  CHECK(docs->Upsert(PlaneUpsert(1, 1, 1)).ok());
  REQUIRE(database->Flush().ok());
  CHECK(HeldBytes(*database) == 0);
  disk.SetCapacityBytes(kRoomBytes);
  REQUIRE(database->Flush().ok());
  CHECK(HeldBytes(*database) == kReserveBytes);
}

TEST_CASE("without a reserve a full disk refuses work and ends nothing") {
  SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  const auto docs = MustCreate(*database, "docs");
  REQUIRE(docs->Upsert(PlaneUpsert(1, 10, 1)).ok());
  FillUp(disk);
  for (int attempt = 0; attempt < 3; ++attempt) {
    CHECK(GetErrorReason(docs->Flush()) == ErrorReason::kDiskFull);
    CHECK(GetErrorReason(docs->Upsert(PlaneUpsert(1, 1, 2)).status()) == ErrorReason::kDiskFull);
  }
  CHECK(DeleteOne(*docs, 1).ok());  // the log file has room
  CHECK(database->environment().state.storage_error().ok());
  disk.SetCapacityBytes(kRoomBytes);
  CHECK(docs->Flush().ok());
  CHECK(docs->Upsert(PlaneUpsert(20, 1, 2)).ok());
  CHECK(Content(*docs).size() == 10);
  const auto reopened = MustOpen(*disk.Crash(CrashPolicy::kNothingUnsynced));
  CHECK(Content(*MustFind(*reopened, "docs")).size() == 10);
}

TEST_CASE("a manifest that finds no room at an edit goes on in a new file") {
  for (const uint64_t skip : {uint64_t{0}, uint64_t{1}, uint64_t{2}, uint64_t{3}}) {
    CAPTURE(skip);
    SimulatedFileSystem disk;
    const auto database = MustOpen(disk);
    const auto docs = MustCreate(*database, "docs");
    REQUIRE(docs->Upsert(PlaneUpsert(1, 10, 1)).ok());
    disk.AddErrorPlan({.kind = storage::CallKind::kWrite,
                       .path_contains = "/db/MANIFEST",
                       .skip = skip,
                       .error_number = ENOSPC,
                       .short_bytes = 512});
    CHECK(docs->Flush().ok());
    CHECK(docs->Upsert(PlaneUpsert(5, 10, 2)).ok());
    CHECK(docs->Flush().ok());
    CHECK(database->environment().state.storage_error().ok());
    const auto reopened = MustOpen(*disk.Crash(CrashPolicy::kNothingUnsynced));
    CHECK(Content(*MustFind(*reopened, "docs")).size() == 14);
  }
}

TEST_CASE("with a reserve a database opens for writing on a disk without a byte") {
  for (const bool killed : {false, true}) {
    CAPTURE(killed);
    SimulatedFileSystem before;
    auto database = MustOpen(before, WithReserve());
    const auto docs = MustCreate(*database, "docs");
    REQUIRE(docs->Upsert(PlaneUpsert(1, 10, 1)).ok());
    if (!killed) {
      REQUIRE(database->Close().ok());
    }
    const auto disk = before.KillProcess();
    FillUp(*disk);
    const auto opened = MustOpen(*disk, WithReserve());
    CHECK_FALSE(opened->in_recovery_mode());
    CHECK(opened->Status()->storage_error.empty());
    const auto found = MustFind(*opened, "docs");
    CHECK(Content(*found).size() == 10);
    CHECK(DeleteOne(*found, 1).ok());
    CHECK(GetErrorReason(found->Upsert(PlaneUpsert(1, 1, 2)).status()) == ErrorReason::kDiskFull);
    CHECK(HeldBytes(*opened) < kReserveBytes);
  }
}

TEST_CASE("without one it opens read-only, says why, and opens for writing with room") {
  SimulatedFileSystem disk;
  {
    const auto database = MustOpen(disk);
    const auto docs = MustCreate(*database, "docs");
    REQUIRE(docs->Upsert(PlaneUpsert(1, 10, 1)).ok());
    REQUIRE(docs->Flush().ok());
    REQUIRE(docs->Upsert(PlaneUpsert(11, 1, 1)).ok());
  }
  FillUp(disk);
  const auto full = disk.KillProcess();
  const OpenOptions lenient = WithReserve(0);
  for (int attempt = 0; attempt < 4; ++attempt) {
    const auto database = MustOpen(*full, lenient);
    CHECK(database->in_recovery_mode());
    CHECK_FALSE(database->MayReopenForWriting());
    const DatabaseStatus status = *database->Status();
    CHECK(status.read_only);
    CHECK(status.storage_error.find("recovery mode: the disk of /db has no room") == 0);
    const auto docs = MustFind(*database, "docs");
    CHECK(Content(*docs).size() == 10);  // the eleventh is in the log
    const absl::Status refused = docs->Upsert(PlaneUpsert(1, 1, 2)).status();
    CHECK(GetErrorReason(refused) == ErrorReason::kReadOnly);
    CHECK(refused.message() == status.storage_error);
    full->SetCapacityBytes(kRoomBytes);
    CHECK(database->MayReopenForWriting());
    FillUp(*full);
    if (attempt < 2) {  // a third would count as a series of failures
      CHECK(GetErrorReason(OpenOn(*full).status()) == ErrorReason::kDiskFull);
    }
  }
  full->SetCapacityBytes(kRoomBytes);
  const auto database = MustOpen(*full, lenient);
  CHECK_FALSE(database->in_recovery_mode());
  CHECK(Content(*MustFind(*database, "docs")).size() == 11);
}

TEST_CASE("what deletes left dead is rewritten in the reserve and gives space back") {
  SimulatedFileSystem disk;
  const auto database = MustOpen(disk, WithReserve());
  const auto docs = MustCreate(*database, "docs");
  REQUIRE(docs->Upsert(PlaneUpsert(1, 4'000, 1)).ok());
  REQUIRE(docs->Flush().ok());
  FillUp(disk);
  for (uint64_t first = 1; first <= 3'900; first += 100) {
    DeleteRequest request;
    for (uint64_t id = first; id < first + 100; ++id) {
      request.ids.push_back(PointId(id));
    }
    REQUIRE(docs->Delete(request).ok());
  }
  REQUIRE(docs->Flush().ok());
  const uint64_t before = docs->Describe()->disk_bytes;
  const absl::Status optimized = docs->Optimize();
  CHECK_MESSAGE(optimized.ok(), optimized.ToString());
  CHECK(docs->Describe()->disk_bytes < before / 2);
  CHECK(Content(*docs).size() == 100);
}

// An episode: the disk fills, deletes and an edit go on, room comes back.
void Episode(SimulatedFileSystem& disk, std::map<uint64_t, int64_t>* acknowledged,
             std::map<uint64_t, int64_t>* in_flight) {
  const auto apply = [&](const std::function<absl::Status()>& write, uint64_t id, int64_t value) {
    if (disk.stopped()) {
      return;  // what was in flight when the power went stays so
    }
    std::map<uint64_t, int64_t> after = *acknowledged;
    if (value == 0) {
      after.erase(id);
    } else {
      after[id] = value;
    }
    *in_flight = after;
    if (write().ok()) {
      *acknowledged = after;
    }
  };
  const auto database = OpenOn(disk, WithReserve(1U << 20U));
  if (!database.ok()) {
    return;
  }
  const auto docs = (*database)->FindCollection("docs");
  FillUp(disk);
  for (uint64_t id = 1; id <= 20; ++id) {
    apply([&] { return DeleteOne(**docs, id); }, id, 0);
  }
  (*docs)->Flush().IgnoreError();
  disk.SetCapacityBytes(kRoomBytes);
  apply([&] { return (*docs)->Upsert(PlaneUpsert(50, 1, 7)).status(); }, 50, 7);
  (*database)->Flush().IgnoreError();
}

TEST_SUITE("crash") {
  TEST_CASE("a power cut after every change of a full disk's episode loses nothing") {
    SimulatedFileSystem prepared;
    {
      const auto database = MustOpen(prepared, WithReserve(1U << 20U));
      const auto docs = MustCreate(*database, "docs");
      REQUIRE(docs->Upsert(PlaneUpsert(1, 30, 1)).ok());
      REQUIRE(docs->Flush().ok());
      REQUIRE(docs->Upsert(PlaneUpsert(1, 30, 2)).ok());
    }
    std::map<uint64_t, int64_t> start;
    for (uint64_t id = 1; id <= 30; ++id) {
      start[id] = 2;
    }
    uint64_t states = 0;
    bool finished = false;
    for (uint64_t change = 0; !finished; ++change) {
      CAPTURE(change);
      const auto disk = prepared.KillProcess();
      disk->StopAfterChange(change);
      auto acknowledged = start;
      auto in_flight = start;
      Episode(*disk, &acknowledged, &in_flight);
      finished = !disk->stopped();
      for (const CrashPolicy policy : {CrashPolicy::kNothingUnsynced, CrashPolicy::kEverything,
                                       CrashPolicy::kRandomSectors, CrashPolicy::kNamesOnly}) {
        CAPTURE(static_cast<int>(policy));
        const auto cut = disk->Crash(policy, change);
        for (const bool full : {false, true}) {
          const auto again = cut->KillProcess();
          again->SetCapacityBytes(full ? UsedBytes(*again) : kRoomBytes);
          const auto database = MustOpen(*again, WithReserve(1U << 20U));
          if (full && database->in_recovery_mode()) {
            continue;  // the power cut took the reserve; the other turn shows that nothing is lost
          }
          const auto found = Content(*MustFind(*database, "docs"));
          CHECK((found == acknowledged || found == in_flight));
          ++states;
        }
      }
    }
    MESSAGE("durability: ", states, " crash states of a full disk, 0 lost, 0 resurrected");
  }
}

}  // namespace
}  // namespace perigee::engine
