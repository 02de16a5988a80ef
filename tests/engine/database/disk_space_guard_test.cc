// SPDX-License-Identifier: Apache-2.0
#include "engine/database/disk_space_guard.h"

#include <doctest/doctest.h>

#include "storage/foundation/error_reason.h"
#include "tests/support/simulated_file_system.h"

namespace perigee::engine {
namespace {

// A disk of which exactly `bytes` are free.
void SetFree(storage::SimulatedFileSystem& disk, uint64_t bytes) {
  const storage::SpaceStatus space = disk.Space("/").value();
  disk.SetCapacityBytes(space.total_bytes - space.available_bytes + bytes);
}

TEST_CASE("below the limit upserts are refused until there is a quarter more") {
  storage::SimulatedFileSystem disk;
  disk.SetCapacityBytes(10'000);
  DiskSpaceGuard guard(disk, "/", 1'000);
  CHECK(guard.Check().ok());
  SetFree(disk, 999);
  CHECK(GetErrorReason(guard.Check()) == ErrorReason::kDiskFull);
  SetFree(disk, 1'200);
  CHECK(GetErrorReason(guard.Check()) == ErrorReason::kDiskFull);
  SetFree(disk, 1'250);
  CHECK(guard.Check().ok());
  SetFree(disk, 1'000);
  CHECK(guard.Check().ok());
}

TEST_CASE("the default limit is a share of the disk") {
  storage::SimulatedFileSystem disk;
  disk.SetContents("/file", std::string(960, 'x'));
  disk.SetCapacityBytes(1'000);
  DiskSpaceGuard guard(disk, "/", 0);
  CHECK(GetErrorReason(guard.Check()) == ErrorReason::kDiskFull);
  disk.SetContents("/file", std::string(900, 'x'));
  CHECK(guard.Check().ok());
}

TEST_CASE("not knowing the space is no reason to refuse") {
  storage::SimulatedFileSystem disk;
  DiskSpaceGuard guard(disk, "/", 1'000);
  disk.StopAfterCall(0);
  CHECK(guard.Check().ok());
}

}  // namespace
}  // namespace perigee::engine
