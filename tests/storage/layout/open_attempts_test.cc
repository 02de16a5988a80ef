// SPDX-License-Identifier: Apache-2.0
#include "storage/layout/open_attempts.h"

#include <doctest/doctest.h>

#include "storage/encoding/byte_codec.h"
#include "storage/foundation/error_reason.h"
#include "tests/support/simulated_file_system.h"

namespace perigee::storage {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

class AttemptsBed {
 public:
  AttemptsBed() {
    DataDirectory::Options options;
    options.create_if_missing = true;
    options.initialise_contents = [](DataDirectory& directory) {
      return directory.files().WriteAtomically(kCurrentName, AsBytes("stands for a manifest"));
    };
    directory_ = *DataDirectory::Open(disk_, "/db", options);
  }
  SimulatedFileSystem& disk() { return disk_; }
  DataDirectory& directory() { return *directory_; }
  void FailAt(absl::Time time) { OpenAttempts(*directory_).Begin(time); }
  std::string DiagnosisAt(absl::Time time) { return OpenAttempts(*directory_).Diagnosis(time); }
  bool exists() const { return disk_.Contents("/db/OPENING").ok(); }

 private:
  SimulatedFileSystem disk_;
  std::unique_ptr<DataDirectory> directory_;
};

TEST_CASE("the third failure in a row within ten minutes is diagnosed, and a success forgets all") {
  AttemptsBed bed;
  for (int i = 0; i < 3; ++i) {
    CHECK(bed.DiagnosisAt(kNow).empty());
    bed.FailAt(kNow + absl::Minutes(i));
  }
  CHECK_FALSE(bed.DiagnosisAt(kNow + absl::Minutes(10)).empty());
  CHECK(bed.DiagnosisAt(kNow + absl::Minutes(10) + absl::Microseconds(1)).empty());
  bed.FailAt(kNow + absl::Minutes(11));  // the first one is forgotten for it
  CHECK_FALSE(bed.DiagnosisAt(kNow + absl::Minutes(11)).empty());
  OpenAttempts attempts(bed.directory());
  attempts.Begin(kNow);
  CHECK(bed.exists());
  REQUIRE(attempts.Succeeded().ok());
  CHECK_FALSE(bed.exists());
  CHECK(bed.DiagnosisAt(kNow).empty());
}

TEST_CASE("a clock that was set back by hours tells nothing") {
  AttemptsBed bed;
  for (int i = 0; i < 3; ++i) {
    bed.FailAt(kNow);
  }
  CHECK_FALSE(bed.DiagnosisAt(kNow - absl::Minutes(5)).empty());
  CHECK(bed.DiagnosisAt(kNow - absl::Hours(5)).empty());
}

TEST_CASE("the diagnosis tells what the last open said, or that it said nothing") {
  AttemptsBed bed;
  bed.FailAt(kNow);
  bed.FailAt(kNow);
  bed.FailAt(kNow);
  CHECK(bed.DiagnosisAt(kNow).find("without telling why") != std::string::npos);
  OpenAttempts attempts(bed.directory());
  attempts.Begin(kNow);
  attempts.Failed(absl::DataLossError("page 7 " + std::string(5'000, 'x')));
  CHECK(bed.DiagnosisAt(kNow).find("page 7") != std::string::npos);
  CHECK(OpenAttempts(bed.directory()).before().last_reason.size() == OpenAttempts::kReasonBytesMax);
}

TEST_CASE("a removal is durable and so is no failure that was none") {
  AttemptsBed bed;
  {
    OpenAttempts attempts(bed.directory());
    attempts.Begin(kNow);
    REQUIRE(bed.disk().SyncDirectory("/db").ok());
    REQUIRE(attempts.Succeeded().ok());
  }
  const auto cut = bed.disk().Crash(CrashPolicy::kNothingUnsynced);
  CHECK_FALSE(cut->Contents("/db/OPENING").ok());
}

TEST_CASE("a file that is damaged or of another database means nothing and is replaced") {
  AttemptsBed bed;
  const FailedOpens failed = {.times = {kNow, kNow, kNow}, .last_reason = "why"};
  const std::string good = EncodeFailedOpens(bed.directory().database_uuid(), failed);
  CHECK(*DecodeFailedOpens(bed.directory().database_uuid(), AsBytes(good)) == failed);
  for (size_t size = 0; size < good.size(); ++size) {
    CHECK_FALSE(DecodeFailedOpens(bed.directory().database_uuid(),
                                  AsBytes(std::string_view(good).substr(0, size)))
                    .ok());
  }
  for (size_t at = 0; at < good.size(); ++at) {
    std::string flipped = good;
    flipped[at] = static_cast<char>(flipped[at] ^ 4);
    CHECK_FALSE(DecodeFailedOpens(bed.directory().database_uuid(), AsBytes(flipped)).ok());
  }
  for (const std::string& bytes :
       {std::string(), std::string(9'000, 'x'), EncodeFailedOpens(Uuid::Random(), failed)}) {
    bed.disk().SetContents("/db/OPENING", bytes);
    CHECK(bed.DiagnosisAt(kNow).empty());
  }
  bed.FailAt(kNow);
  OpenAttempts attempts(bed.directory());
  CHECK(attempts.before().times == std::vector<absl::Time>{kNow});
  REQUIRE(attempts.Succeeded().ok());
  CHECK_FALSE(bed.exists());
}

TEST_CASE("what keeps the file from being written keeps nothing else") {
  AttemptsBed bed;
  for (const int error : {ENOSPC, EIO, EMFILE}) {
    bed.disk().AddErrorPlan({.path_contains = "OPENING", .skip = 1, .error_number = error});
    OpenAttempts attempts(bed.directory());
    attempts.Begin(kNow);
    CHECK(attempts.Succeeded().ok());
    CHECK_FALSE(bed.exists());
    bed.disk().ClearErrorPlans();
  }
}

}  // namespace
}  // namespace perigee::storage
