// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/log_connection.h"

#include <doctest/doctest.h>

#include "storage/foundation/error_reason.h"
#include "tests/storage/wal/log_test_bed.h"

namespace perigee::storage {
namespace {

bool IsDamage(const absl::Status& status) {
  return GetErrorReason(status) == ErrorReason::kDamaged;
}

TEST_CASE("a log connects to the manifest of its own time") {
  LogTestBed bed;
  CHECK(CheckLogConnection(bed.directory(), {}).ok());  // no log yet
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.Append({"a", "b"}).ok());
  REQUIRE(bed.log()->Close().ok());
  CHECK(CheckLogConnection(bed.directory(), {.epoch = 1, .applied_lsn = 0}).ok());
  CHECK(CheckLogConnection(bed.directory(), {.epoch = 7, .applied_lsn = 2}).ok());
}

TEST_CASE("a manifest that knows less epochs than the log is older than it was") {
  LogTestBed bed;
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.Append({"a"}).ok());
  CHECK(IsDamage(CheckLogConnection(bed.directory(), {.epoch = 0, .applied_lsn = 0})));
}

TEST_CASE("a header that cannot be read proves nothing") {
  LogTestBed bed;
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.Append({"a"}).ok());
  bed.disk().Corrupt(bed.directory().PathOf(LogName(1)), 100, 1);
  CHECK(CheckLogConnection(bed.directory(), {.epoch = 0, .applied_lsn = 0}).ok());
}

TEST_CASE("a log that begins behind what the manifest needs does not connect") {
  LogTestBed bed;
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.Append({"a"}).ok());
  REQUIRE(bed.Append({"b"}).ok());
  bed.Crash(CrashPolicy::kNothingUnsynced);
  REQUIRE(bed.OpenLog().ok());  // unclean: goes on in file 2, at LSN 2
  REQUIRE(bed.directory().files().Remove(LogName(1)).ok());
  CHECK(CheckLogConnection(bed.directory(), {.epoch = 9, .applied_lsn = 1}).ok());
  CHECK(IsDamage(CheckLogConnection(bed.directory(), {.epoch = 9, .applied_lsn = 0})));
}

}  // namespace
}  // namespace perigee::storage
