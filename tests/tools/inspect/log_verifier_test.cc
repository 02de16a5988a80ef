// SPDX-License-Identifier: Apache-2.0
//
// Goal: the verdict on a log's end is that of the log page (D7). Method: logs of the public API,
// with extents damaged one by one, files missing and evidence from elsewhere.
#include "tools/inspect/log_verifier.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/support/temporary_directory.h"
#include "tests/tools/inspect/database_kinds.h"
#include "tools/inspect/checksum.h"
#include "tools/inspect/database_verifier.h"
#include "tools/inspect/log_repair.h"

namespace perigee::tools::inspect {
namespace {

struct Fixture {
  Fixture() {
    // Three times opened, so three files; nothing is sealed, so all of them count.
    for (uint64_t round = 0; round < 3; ++round) {
      const auto database = tests::OpenSmall(path);
      if (round == 0) {
        REQUIRE(database->CreateCollection("docs", tests::TwoVectors()).ok());
      }
      tests::UpsertRange(*database, "docs", round, 2, 1);
      tests::DeleteRange(*database, "docs", round, 1);
      REQUIRE(database->Close().ok());
    }
    FindingList ignored;
    const LoadedManifest loaded = LoadManifest(path, ignored);
    expectation = {.database = loaded.state.database, .manifest_epoch = loaded.state.epoch};
    DirectorySurvey survey;
    REQUIRE(SurveyDirectory(path, survey, ignored).ok());
    numbers = survey.logs;
  }
  LogSummary Verify() {
    list = {};
    groups.clear();
    LogVisitor visitor;
    visitor.on_group = [this](const LogFileSummary& file, const LogGroup& group) {
      groups.emplace_back(file.number, group.offset);
    };
    return VerifyLog(path, numbers, expectation, list, visitor);
  }
  void Change(uint64_t number, uint64_t offset) {
    const std::string name = path + "/" + LogNameOf(number);
    std::string bytes = tests::ReadBytes(name);
    bytes[offset] = static_cast<char>(bytes[offset] ^ 0x10);
    tests::WriteBytes(name, bytes);
  }

  storage::TemporaryDirectory directory;
  std::string path = directory.PathOf("db");
  LogExpectation expectation;
  std::vector<uint64_t> numbers;
  std::vector<std::pair<uint64_t, uint64_t>> groups;
  FindingList list;
};

TEST_CASE_FIXTURE(Fixture, "a closed log of several files") {
  const LogSummary summary = Verify();
  CHECK(summary.files.size() == 3);
  CHECK(summary.end == LogEnd::kClosed);
  CHECK(summary.last_lsn == 7);
  CHECK(list.findings().empty());
}

TEST_CASE_FIXTURE(Fixture, "damage to any group but the last is damage") {
  Verify();
  const auto all = groups;
  REQUIRE(all.size() > 6);
  for (size_t i = 0; i + 1 < all.size(); ++i) {
    Change(all[i].first, all[i].second + 9);
    CHECK(Verify().end == LogEnd::kDamaged);
    CHECK_FALSE(list.clean());
    Change(all[i].first, all[i].second + 9);
  }
  Change(all.back().first, all.back().second + 9);
  CHECK(Verify().end == LogEnd::kCut);
  CHECK(list.clean());
}

TEST_CASE_FIXTURE(Fixture, "what the manifest knows to be durable must be there") {
  Verify();
  Change(groups.back().first, groups.back().second + 9);
  Change(groups[groups.size() - 2].first, groups[groups.size() - 2].second + 9);
  expectation.manifest_durable_lsn = 7;
  CHECK(Verify().end == LogEnd::kDamaged);
}

// The group is gone and so is the header of the next, but its trailer tells what was flushed.
TEST_CASE_FIXTURE(Fixture, "a trailer behind two damaged groups is evidence") {
  const std::string copy = directory.PathOf("one");
  {
    const auto database = tests::OpenSmall(copy);
    REQUIRE(database->CreateCollection("docs", tests::TwoVectors()).ok());
    for (uint64_t id = 0; id < 4; ++id) {
      tests::UpsertRange(*database, "docs", id, 1, 1);
    }
    tests::CopyDirectory(copy, copy + ".killed");
  }
  path = copy + ".killed";
  FindingList ignored;
  expectation = {.database = LoadManifest(path, ignored).state.database, .manifest_epoch = 1};
  numbers = {1};
  REQUIRE(Verify().end == LogEnd::kCut);
  const size_t last = groups.size() - 1;
  Change(1, groups[last].second + 9);
  Change(1, groups[last - 1].second + 9);
  const LogSummary summary = Verify();
  CHECK(summary.end == LogEnd::kDamaged);
  CHECK_FALSE(list.clean());
}

// The engine's reader has the same test (log_recovery_test).
TEST_CASE_FIXTURE(Fixture, "what only looks like a later version's group is a torn tail") {
  const std::string name = path + "/" + LogNameOf(numbers.back());
  const std::string bytes = tests::ReadBytes(name);
  Verify();
  const uint64_t first = groups[groups.size() - 2].second;
  const uint64_t behind = groups.back().second + kLogBlock;
  const auto put = [](std::string& text, size_t at, uint32_t value) {
    for (unsigned i = 0; i < 4; ++i) {
      text[at + i] = static_cast<char>(value >> (8 * i) & 0xffU);
    }
  };
  std::string header = bytes.substr(first, 64);
  header[48] = 2;
  put(header, 4, MaskedCrc32c(std::string_view(header).substr(8)));
  std::string torn = bytes;
  torn.replace(behind + kLogBlock, header.size(), header);
  tests::WriteBytes(name, torn);
  CHECK(Verify().end == LogEnd::kCut);
  CHECK(list.clean());

  std::string trailer = bytes.substr(first + kLogBlock - 64, 64);
  put(trailer, 32, static_cast<uint32_t>(behind + kLogBlock));
  put(trailer, 44, MaskedCrc32c(std::string_view(header).substr(8)));
  put(trailer, 4, MaskedCrc32c(std::string_view(trailer).substr(8)));
  torn.replace(behind + 2 * kLogBlock - 64, trailer.size(), trailer);
  tests::WriteBytes(name, torn);
  const LogSummary summary = Verify();
  CHECK(summary.end == LogEnd::kDamaged);
  CHECK(summary.later_version);
  CHECK(list.Has(Severity::kUnsupported));
  CHECK_FALSE(list.Has(Severity::kDamage));
  CHECK(absl::IsFailedPrecondition(PlanLogRepair(path, 3).status()));
}

TEST_CASE_FIXTURE(Fixture, "missing files") {
  const std::vector<uint64_t> all = numbers;
  numbers = {all[0], all[2]};
  CHECK(Verify().end == LogEnd::kDamaged);
  expectation.applied_lsn = 5;  // what the missing file held is in segments
  numbers = {all[1], all[2]};
  CHECK(Verify().end == LogEnd::kClosed);
  numbers.clear();
  CHECK(Verify().end == LogEnd::kDamaged);
  expectation.applied_lsn = 0;
  CHECK(Verify().end == LogEnd::kNone);
}

TEST_CASE_FIXTURE(Fixture, "a log of a later epoch than the manifest") {
  expectation.manifest_epoch = 1;
  Verify();
  CHECK_FALSE(list.clean());
}

}  // namespace
}  // namespace perigee::tools::inspect
