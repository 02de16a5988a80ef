// SPDX-License-Identifier: Apache-2.0
#include "storage/layout/space_reserve.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "storage/foundation/error_reason.h"
#include "storage/io/posix_file_system.h"
#include "storage/layout/durable_directory.h"
#include "tests/support/simulated_file_system.h"
#include "tests/support/temporary_directory.h"

namespace perigee::storage {
namespace {

constexpr uint64_t kStep = 256U << 10U;
constexpr uint64_t kWanted = 4 * kStep;

absl::Status DiskFull() { return ErrorWithReason(ErrorReason::kDiskFull, "no room"); }

class ReserveBed {
 public:
  explicit ReserveBed(uint64_t wanted_bytes = kWanted)
      : files_(disk_, "/db"), reserve_(files_, wanted_bytes) {
    REQUIRE(disk_.CreateDirectory("/db").ok());
    reserve_.Find();
  }
  SimulatedFileSystem& disk() { return disk_; }
  DurableDirectory& files() { return files_; }
  SpaceReserve& reserve() { return reserve_; }
  uint64_t file_bytes() const {
    const auto contents = disk_.Contents("/db/RESERVE");
    return contents.ok() ? contents->size() : 0;
  }

 private:
  SimulatedFileSystem disk_;
  DurableDirectory files_;
  SpaceReserve reserve_;
};

TEST_CASE("a reserve is made, given up step by step, and made again") {
  ReserveBed bed;
  CHECK(bed.reserve().held_bytes() == 0);
  CHECK_FALSE(bed.reserve().Release(1));
  REQUIRE(bed.reserve().Refill().ok());
  CHECK(bed.file_bytes() == kWanted);
  CHECK(bed.reserve().missing_bytes() == 0);
  int told = 0;
  bed.reserve().SetOnReleased([&told] { ++told; });
  CHECK(bed.reserve().Release(1));
  CHECK(bed.file_bytes() == 3 * kStep);
  CHECK(bed.reserve().Release(2 * kStep));
  CHECK(bed.reserve().held_bytes() == kStep);
  CHECK(bed.reserve().Release(9 * kStep));
  CHECK(bed.file_bytes() == 0);
  CHECK_FALSE(bed.reserve().Release(1));
  CHECK(told == 3);
  CHECK(bed.reserve().owed_bytes() == kWanted);
  CHECK(bed.reserve().missing_bytes() == kWanted);
  REQUIRE(bed.reserve().Refill().ok());
  CHECK(bed.file_bytes() == kWanted);
}

TEST_CASE("what an earlier process left is found, and a longer one is kept") {
  ReserveBed bed;
  bed.disk().SetContents("/db/RESERVE", std::string(kStep, 'x'));
  bed.reserve().Find();
  CHECK(bed.reserve().held_bytes() == kStep);
  bed.disk().SetContents("/db/RESERVE", std::string(2 * kWanted, 'x'));
  bed.reserve().Find();
  CHECK(bed.reserve().missing_bytes() == 0);
  REQUIRE(bed.reserve().Refill().ok());
  CHECK(bed.file_bytes() == 2 * kWanted);
}

TEST_CASE("a disk without room for the whole reserve keeps what it has") {
  ReserveBed bed;
  bed.disk().SetContents("/db/RESERVE", std::string(kStep, 'x'));
  bed.reserve().Find();
  bed.disk().SetCapacityBytes(3 * kStep);
  CHECK(GetErrorReason(bed.reserve().Refill()) == ErrorReason::kDiskFull);
  CHECK(bed.file_bytes() == kStep);
  CHECK(bed.reserve().held_bytes() == kStep);
}

TEST_CASE("a reserve that finds no room at all leaves no file and owes nothing") {
  ReserveBed bed;
  bed.disk().SetCapacityBytes(kStep);
  CHECK(GetErrorReason(bed.reserve().Refill()) == ErrorReason::kDiskFull);
  CHECK(bed.disk().Files().empty());
  CHECK(bed.reserve().owed_bytes() == 0);
  CHECK(bed.reserve().missing_bytes() == kWanted);
  bed.disk().SetCapacityBytes(2 * kWanted);
  REQUIRE(bed.reserve().Refill().ok());
  CHECK(bed.file_bytes() == kWanted);
}

TEST_CASE("work is repeated for as long as the reserve gives something up") {
  ReserveBed bed;
  REQUIRE(bed.reserve().Refill().ok());
  int runs = 0;
  CHECK(bed.reserve().Attempt([&runs] { return ++runs < 3 ? DiskFull() : absl::OkStatus(); }).ok());
  CHECK(runs == 3);
  CHECK(bed.reserve().held_bytes() == 2 * kStep);
  runs = 0;
  CHECK(GetErrorReason(bed.reserve().Attempt([&runs] {
          ++runs;
          return DiskFull();
        })) == ErrorReason::kDiskFull);
  CHECK(runs == 3);
  CHECK(bed.reserve().held_bytes() == 0);
}

TEST_CASE("only a full disk opens the reserve") {
  ReserveBed bed;
  REQUIRE(bed.reserve().Refill().ok());
  for (const absl::Status& status :
       {absl::OkStatus(), absl::UnavailableError("EIO"), absl::ResourceExhaustedError("EMFILE")}) {
    CHECK(bed.reserve().Attempt([&status] { return status; }) == status);
  }
  CHECK(bed.reserve().held_bytes() == kWanted);
}

TEST_CASE("a reserve that cannot be given up counts as used up") {
  ReserveBed bed;
  REQUIRE(bed.reserve().Refill().ok());
  bed.disk().AddErrorPlan({.kind = CallKind::kTruncate});
  CHECK_FALSE(bed.reserve().Release(1));
  CHECK(bed.reserve().held_bytes() == 0);
}

TEST_CASE("no reserve is wanted: none is made") {
  ReserveBed bed(0);
  REQUIRE(bed.reserve().Refill().ok());
  CHECK(bed.disk().Files().empty());
  CHECK_FALSE(bed.reserve().Release(1));
}

TEST_CASE("a reserve on a real disk has blocks") {
  const TemporaryDirectory directory;
  PosixFileSystem disk;
  DurableDirectory files(disk, directory.path());
  SpaceReserve reserve(files, kWanted);
  REQUIRE(reserve.Refill().ok());
  CHECK(std::filesystem::file_size(directory.PathOf("RESERVE")) == kWanted);
  CHECK(reserve.Release(kStep));
  CHECK(std::filesystem::file_size(directory.PathOf("RESERVE")) == 3 * kStep);
}

}  // namespace
}  // namespace perigee::storage
