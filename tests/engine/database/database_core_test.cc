// SPDX-License-Identifier: Apache-2.0
#include "engine/database/database_core.h"

#include <doctest/doctest.h>

#include "storage/foundation/error_reason.h"
#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {
namespace {

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
  }
  const auto reopened = MustOpen(disk);
  CHECK(Content(*MustFind(*reopened, "docs")) == std::map<uint64_t, int64_t>{{1, 10}, {3, 10}});
  REQUIRE(MustFind(*reopened, "docs")->Upsert(PlaneUpsert(3, 1, 20)).ok());
  const auto crashed = disk.Crash(storage::CrashPolicy::kNothingUnsynced);
  const auto recovered = MustOpen(*crashed);
  CHECK(Content(*MustFind(*recovered, "docs")) == std::map<uint64_t, int64_t>{{1, 10}, {3, 20}});
  CHECK(recovered->Status()->epoch == 3);
}

}  // namespace
}  // namespace perigee::engine
