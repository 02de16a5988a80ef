// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/log_file_preparer.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <string>

#include "tests/storage/wal/log_test_bed.h"

namespace perigee::storage {
namespace {

constexpr uint64_t kBytes = 65536;

std::string TemporaryPath(LogTestBed& bed, uint64_t number) {
  return bed.directory().PathOf(TemporaryName(LogName(number)));
}

TEST_CASE("a prepared file is zero and flushed and has its size") {
  for (const bool background : {false, true}) {
    LogTestBed bed;
    LogFilePreparer preparer(bed.directory(), background);
    preparer.Request(3, kBytes);
    const auto file = preparer.Take(3, kBytes, 100);
    REQUIRE(file.ok());
    CHECK(file->number == 3);
    CHECK(file->file_bytes == kBytes);
    const auto crashed = bed.disk().Crash(CrashPolicy::kDataOnly);
    CHECK(*bed.disk().Contents(TemporaryPath(bed, 3)) == std::string(kBytes, '\0'));
    CHECK(preparer.Stop().ok());
  }
}

TEST_CASE("a prepared file that is too small or of another number is replaced") {
  LogTestBed bed;
  LogFilePreparer preparer(bed.directory(), true);
  preparer.Request(3, kBytes);
  auto file = preparer.Take(3, kBytes, 2 * kBytes);
  REQUIRE(file.ok());
  CHECK(file->file_bytes == 2 * kBytes);
  preparer.Request(4, kBytes);
  file = preparer.Take(5, kBytes, 0);
  REQUIRE(file.ok());
  CHECK(file->number == 5);
}

TEST_CASE("a full disk fails the call only and leaves no file behind") {
  LogTestBed bed;
  LogFilePreparer preparer(bed.directory(), false);
  bed.disk().AddErrorPlan({.kind = CallKind::kWrite, .error_number = ENOSPC});
  CHECK(preparer.Take(3, kBytes, 0).status().code() == absl::StatusCode::kResourceExhausted);
  CHECK_FALSE(bed.disk().Contents(TemporaryPath(bed, 3)).ok());
  CHECK(preparer.Take(3, kBytes, 0).ok());
}

TEST_CASE("a failure in the background is tried again when the file is needed") {
  LogTestBed bed;
  bed.disk().AddErrorPlan({.kind = CallKind::kSync, .error_number = ENOSPC});
  LogFilePreparer preparer(bed.directory(), true);
  preparer.Request(3, kBytes);
  auto file = preparer.Take(3, kBytes, 0);
  if (!file.ok()) {  // the thread had not begun, so the caller met the failure
    file = preparer.Take(3, kBytes, 0);
  }
  CHECK(file.ok());
  CHECK(bed.disk().syncs_after_failed_sync() == 0);
}

TEST_CASE("stopping removes a file that nobody took") {
  LogTestBed bed;
  {
    LogFilePreparer preparer(bed.directory(), true);
    preparer.Request(3, kBytes);
    CHECK(preparer.Stop().ok());
    CHECK(preparer.Stop().ok());
  }
  CHECK_FALSE(bed.disk().Contents(TemporaryPath(bed, 3)).ok());
}

}  // namespace
}  // namespace perigee::storage
