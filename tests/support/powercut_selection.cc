// SPDX-License-Identifier: Apache-2.0
// Takes the place of storage/io/file_system_selection.cc in programs of the tests: the same
// programs, from the same sources, on a PowercutFileSystem over the backend that they ask for. The
// linker takes the definition it meets first, so nothing of this is in what is installed.
//
//   PERIGEE_POWERCUT_SPILL     the spill directory; required
//   PERIGEE_POWERCUT_SEED      what reaches the disk early; 0 or absent: nothing
//   PERIGEE_POWERCUT_AT_CALL   at this change, counted from 1, the process hangs a moment and
//                              kills itself
//   PERIGEE_POWERCUT_FAILURES  "CALL:PATH_PART:NUMBER", comma between several; see PowercutFailure
#include <cstdlib>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "storage/foundation/check.h"
#include "storage/io/file_system_selection.h"
#include "storage/io/posix_file_system.h"
#include "storage/io/uring_file_system.h"
#include "storage/io/uring_ring.h"
#include "tests/support/powercut_file_system.h"

namespace perigee::storage {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

PowercutOptions OptionsOfEnvironment() {
  PowercutOptions options;
  options.spill_directory = Variable("PERIGEE_POWERCUT_SPILL");
  PERIGEE_CHECK(!options.spill_directory.empty(), "PERIGEE_POWERCUT_SPILL is not set");
  options.seed = std::strtoull(Variable("PERIGEE_POWERCUT_SEED").c_str(), nullptr, 10);
  options.kill_at_call = std::strtoull(Variable("PERIGEE_POWERCUT_AT_CALL").c_str(), nullptr, 10);
  const std::string failures = Variable("PERIGEE_POWERCUT_FAILURES");
  for (const absl::string_view text : absl::StrSplit(failures, ',', absl::SkipEmpty())) {
    const std::vector<std::string> parts = absl::StrSplit(text, ':');
    PowercutFailure failure;
    PERIGEE_CHECK(parts.size() == 3 && absl::SimpleAtoi(parts[2], &failure.number),
                  "not CALL:PATH_PART:NUMBER: ", text);
    failure.call = parts[0];
    failure.path_part = parts[1];
    options.failures.push_back(std::move(failure));
  }
  return options;
}

}  // namespace

absl::Status ProbeUring() { return UringRing::Create().status(); }

absl::StatusOr<SelectedFileSystem> SelectFileSystem(BackendChoice choice) {
  std::unique_ptr<FileSystem> disk;
  if (choice != BackendChoice::kPosix && ProbeUring().ok()) {
    disk = std::make_unique<UringFileSystem>();
  } else {
    disk = std::make_unique<PosixFileSystem>();
  }
  std::string description = absl::StrCat("power cut over ", disk->name());
  return SelectedFileSystem{
      std::make_unique<PowercutFileSystem>(std::move(disk), OptionsOfEnvironment()),
      std::move(description)};
}

}  // namespace perigee::storage
