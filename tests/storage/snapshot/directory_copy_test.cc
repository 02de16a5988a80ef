// SPDX-License-Identifier: Apache-2.0
#include "storage/snapshot/directory_copy.h"

#include <doctest/doctest.h>

#include <cerrno>

#include "storage/encoding/byte_codec.h"
#include "tests/support/simulated_file_system.h"

namespace perigee::storage {
namespace {

const std::string kLog = "wal/0000000000000001.wal";
const std::string kSegment = "seg/55555555-5555-5555-5555-555555555555";

// A disk with two files to be copied.
void Prepare(SimulatedFileSystem& disk) {
  REQUIRE(disk.CreateDirectory("/from").ok());
  REQUIRE(disk.SyncDirectory("/").ok());
  disk.SetContents("/from/log", std::string(10'000, 'l'));
  disk.SetContents("/from/segment", std::string(5'000, 's'));
}

absl::Status CopyAll(SimulatedFileSystem& disk) {
  auto copy = DirectoryCopy::Begin(disk, "/to", nullptr);
  if (!copy.ok()) {
    return copy.status();
  }
  for (const absl::Status& status :
       {(*copy)->Copy(kLog, "/from/log", 8'192, 12'288), (*copy)->Write("CURRENT", "hello"),
        (*copy)->Share(kSegment, "/from/segment", 5'000)}) {
    if (!status.ok()) {
      return status;
    }
  }
  return (*copy)->Finish();
}

TEST_CASE("a copy holds what was put in, with its checksums") {
  SimulatedFileSystem disk;
  Prepare(disk);
  auto copy = DirectoryCopy::Begin(disk, "/to/", nullptr);
  REQUIRE_MESSAGE(copy.ok(), copy.status().ToString());
  REQUIRE((*copy)->Copy(kLog, "/from/log", 8'192, 12'288).ok());
  REQUIRE((*copy)->Share(kSegment, "/from/segment", 5'000).ok());
  REQUIRE((*copy)->Write("CURRENT", "hello").ok());
  const std::string log = std::string(8'192, 'l') + std::string(4'096, '\0');
  CHECK((*copy)->files()[0] == SnapshotFile{kLog, 12'288, Sha256(AsBytes(log))});
  CHECK((*copy)->files()[1] ==
        SnapshotFile{kSegment, 5'000, Sha256(AsBytes(std::string(5'000, 's')))});
  CHECK((*copy)->copied_bytes() == 8'192 + 5);
  CHECK(disk.Stat("/to").status().code() == absl::StatusCode::kNotFound);
  REQUIRE((*copy)->Finish().ok());
  copy->reset();
  const auto after = disk.Crash(CrashPolicy::kNothingUnsynced);
  CHECK(after->Contents("/to/" + kLog).value() == log);
  CHECK(after->Contents("/to/" + kSegment).value() == std::string(5'000, 's'));
  CHECK(after->Contents("/to/CURRENT").value() == "hello");
}

TEST_CASE("names that are taken are refused and left alone") {
  SimulatedFileSystem disk;
  Prepare(disk);
  REQUIRE(disk.CreateDirectory("/to").ok());
  CHECK(DirectoryCopy::Begin(disk, "/to", nullptr).status().code() ==
        absl::StatusCode::kAlreadyExists);
  REQUIRE(disk.CreateDirectory("/other.unfinished").ok());
  disk.SetContents("/other.unfinished/mine", "x");
  CHECK(DirectoryCopy::Begin(disk, "/other", nullptr).status().code() ==
        absl::StatusCode::kAlreadyExists);
  CHECK(disk.Contents("/other.unfinished/mine").value() == "x");
  CHECK(DirectoryCopy::Begin(disk, "/missing/to", nullptr).status().code() ==
        absl::StatusCode::kNotFound);
  CHECK(DirectoryCopy::Begin(disk, "", nullptr).status().code() ==
        absl::StatusCode::kInvalidArgument);
}

TEST_CASE("a source that is too short, or progress that says stop, leaves nothing") {
  SimulatedFileSystem disk;
  Prepare(disk);
  {
    auto copy = DirectoryCopy::Begin(disk, "/to", nullptr);
    REQUIRE(copy.ok());
    CHECK((*copy)->Copy(kLog, "/from/log", 20'000, 20'000).code() == absl::StatusCode::kDataLoss);
  }
  CHECK(disk.Stat("/to.unfinished").status().code() == absl::StatusCode::kNotFound);
  {
    auto copy = DirectoryCopy::Begin(disk, "/to", [](uint64_t bytes) {
      return bytes > 100 ? absl::CancelledError("enough") : absl::OkStatus();
    });
    REQUIRE(copy.ok());
    CHECK((*copy)->Copy(kLog, "/from/log", 8'192, 8'192).code() == absl::StatusCode::kCancelled);
  }
  CHECK(disk.Stat("/to.unfinished").status().code() == absl::StatusCode::kNotFound);
}

TEST_CASE("links that are not possible become copies") {
  SimulatedFileSystem disk;
  Prepare(disk);
  ErrorPlan plan;
  plan.kind = CallKind::kLink;
  plan.error_number = EXDEV;
  disk.AddErrorPlan(plan);
  auto copy = DirectoryCopy::Begin(disk, "/to", nullptr);
  REQUIRE(copy.ok());
  REQUIRE((*copy)->Share(kSegment, "/from/segment", 5'000).ok());
  CHECK((*copy)->copied_bytes() == 5'000);
  REQUIRE((*copy)->Finish().ok());
  CHECK(disk.Contents("/to/" + kSegment).value() == std::string(5'000, 's'));
}

TEST_CASE("a power cut at any point leaves the whole directory or none") {
  for (uint64_t change = 0;; ++change) {
    SimulatedFileSystem disk;
    Prepare(disk);
    const uint64_t before = disk.changes();
    disk.StopAfterChange(before + change);
    const bool finished = CopyAll(disk).ok();
    for (const CrashPolicy policy :
         {CrashPolicy::kNothingUnsynced, CrashPolicy::kEverything, CrashPolicy::kRandomSectors}) {
      const auto after = disk.Crash(policy, change);
      CHECK(after->Contents("/from/segment").value() == std::string(5'000, 's'));
      if (after->Stat("/to").ok()) {
        CHECK(after->Contents("/to/CURRENT").value() == "hello");
        CHECK(after->Contents("/to/" + kLog).value().size() == 12'288);
        CHECK(after->Contents("/to/" + kSegment).value() == std::string(5'000, 's'));
      } else {
        CHECK_FALSE(finished);
      }
    }
    if (!disk.stopped()) {
      REQUIRE(finished);
      return;
    }
  }
}

}  // namespace
}  // namespace perigee::storage
