// SPDX-License-Identifier: Apache-2.0
#include "engine/database/disk_space_guard.h"

#include <doctest/doctest.h>

#include "storage/foundation/error_reason.h"
#include "storage/layout/durable_directory.h"
#include "tests/support/simulated_file_system.h"

namespace perigee::engine {
namespace {

TEST_CASE("below the limit upserts are refused until five points of the disk more are free") {
  storage::SimulatedFileSystem disk;
  disk.SetContents("/file", std::string(9'000, 'x'));
  disk.SetCapacityBytes(10'000);
  DiskSpaceGuard guard(disk, "/", 1'000);
  CHECK(guard.Check().ok());
  disk.SetContents("/file", std::string(9'001, 'x'));
  CHECK(GetErrorReason(guard.Check()) == ErrorReason::kDiskFull);
  disk.SetContents("/file", std::string(8'501, 'x'));
  const absl::Status refused = guard.Check();
  CHECK(GetErrorReason(refused) == ErrorReason::kDiskFull);
  CHECK(refused.message().find("1499 bytes free, less than 1500") != std::string::npos);
  CHECK(refused.message().find("disk_free_bytes_min") != std::string::npos);
  disk.SetContents("/file", std::string(8'500, 'x'));
  CHECK(guard.Check().ok());
  disk.SetContents("/file", std::string(9'000, 'x'));
  CHECK(guard.Check().ok());
}

TEST_CASE("a small limit needs no more than twice of it to recover") {
  storage::SimulatedFileSystem disk;
  disk.SetContents("/file", std::string(99'901, 'x'));
  disk.SetCapacityBytes(100'000);
  DiskSpaceGuard guard(disk, "/", 100);
  CHECK(GetErrorReason(guard.Check()) == ErrorReason::kDiskFull);
  disk.SetContents("/file", std::string(99'801, 'x'));
  CHECK(GetErrorReason(guard.Check()) == ErrorReason::kDiskFull);
  disk.SetContents("/file", std::string(99'800, 'x'));
  CHECK(guard.Check().ok());
}

TEST_CASE("below the soft limit only what gives space back is rewritten") {
  storage::SimulatedFileSystem disk;
  disk.SetContents("/file", std::string(90'000, 'x'));
  disk.SetCapacityBytes(100'000);
  DiskSpaceGuard guard(disk, "/", 1'000);
  CHECK(guard.CheckRewrite(8'000, 8'000).ok());
  CHECK(guard.warning().empty());
  CHECK(GetErrorReason(guard.CheckRewrite(8'001, 8'000)) == ErrorReason::kDiskFull);
  disk.SetContents("/file", std::string(98'200, 'x'));
  CHECK(guard.warning().find("1800 bytes free, less than 2000") != std::string::npos);
  CHECK(GetErrorReason(guard.CheckRewrite(500, 500)) == ErrorReason::kDiskFull);
  CHECK(guard.CheckRewrite(500, 501).ok());
  CHECK(guard.CheckRewrite(900, 5'000).ok());
  CHECK(GetErrorReason(guard.CheckRewrite(901, 5'000)) == ErrorReason::kDiskFull);
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

TEST_CASE("what the reserve gave up is not free for upserts, and it comes back above the limit") {
  constexpr uint64_t kReserve = 1'000'000;
  storage::SimulatedFileSystem disk;
  disk.SetCapacityBytes(10'000'000);
  storage::DurableDirectory files(disk, "/");
  storage::SpaceReserve reserve(files, kReserve);
  reserve.Find();
  DiskSpaceGuard guard(disk, "/", 100'000, &reserve);
  REQUIRE(guard.RefillReserve());
  disk.SetContents("/file", std::string(9'000'000, 'x'));
  CHECK(GetErrorReason(guard.Check()) == ErrorReason::kDiskFull);
  REQUIRE(reserve.Release(900'000));
  CHECK(GetErrorReason(guard.Check()) == ErrorReason::kDiskFull);
  CHECK_FALSE(guard.RefillReserve());
  CHECK(guard.warning().find("the reserve for a full disk lacks 900000 of 1000000 bytes") !=
        std::string::npos);
  disk.SetContents("/file", std::string(8'800'000, 'x'));  // the reserve and twice the limit
  CHECK(guard.Check().ok());
  CHECK(guard.RefillReserve());
  CHECK(guard.Check().ok());
  CHECK(reserve.held_bytes() == kReserve);
}

TEST_CASE("on a disk without a byte the reserve is given up for what gives space back") {
  storage::SimulatedFileSystem disk;
  storage::DurableDirectory files(disk, "/");
  storage::SpaceReserve reserve(files, 1'000'000);
  reserve.Find();
  REQUIRE(reserve.Refill().ok());
  disk.SetCapacityBytes(1'000'000);
  DiskSpaceGuard guard(disk, "/", 100, &reserve);
  CHECK(GetErrorReason(guard.CheckRewrite(500'001, 900'000)) == ErrorReason::kDiskFull);
  CHECK(GetErrorReason(guard.CheckRewrite(500'000, 500'000)) == ErrorReason::kDiskFull);
  CHECK(reserve.held_bytes() == 1'000'000);
  CHECK(guard.CheckRewrite(500'000, 900'000).ok());
  CHECK(reserve.held_bytes() == 500'000);
}

TEST_CASE("not knowing the space is no reason to refuse") {
  storage::SimulatedFileSystem disk;
  DiskSpaceGuard guard(disk, "/", 1'000);
  disk.StopAfterCall(0);
  CHECK(guard.Check().ok());
  CHECK(guard.CheckRewrite(1ULL << 40U, 1).ok());
  CHECK(guard.warning().empty());
}

}  // namespace
}  // namespace perigee::engine
