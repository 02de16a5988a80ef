// SPDX-License-Identifier: Apache-2.0
#include "engine/database/database_status.h"

#include <doctest/doctest.h>

#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {
namespace {

TEST_CASE("status gathers identity, positions, sizes and collections") {
  storage::SimulatedFileSystem disk;
  const auto database = MustOpen(disk);
  const auto docs = MustCreate(*database, "docs");
  MustCreate(*database, "apples");
  REQUIRE(docs->Upsert(PlaneUpsert(1, 3, 1)).ok());
  const auto status = database->Status();
  REQUIRE(status.ok());
  CHECK(status->uuid.size() == 36);
  CHECK_FALSE(status->version.empty());
  CHECK(status->epoch == 1);
  CHECK_FALSE(status->read_only);
  CHECK(status->io_backend == "simulated");
  CHECK_FALSE(status->simd.empty());
  CHECK(status->durability == "durable");
  CHECK(status->seq == 3);
  CHECK(status->log_files >= 1);
  CHECK(status->log_bytes > 0);
  CHECK(status->disk_free_bytes > 0);
  CHECK(status->storage_error.empty());
  CHECK(status->warnings.empty());
  REQUIRE(status->collections.size() == 2);
  CHECK(status->collections[0].name == "apples");
  CHECK(status->collections[1].points == 3);
}

}  // namespace
}  // namespace perigee::engine
