// SPDX-License-Identifier: Apache-2.0
//
// Goal: verify may run while a writer works, and accuses nobody. Method: one thread writes, seals,
// compacts, loads in bulk, drops and creates; another verifies in a loop.
#include <doctest/doctest.h>

#include <atomic>
#include <sstream>
#include <thread>

#include "perigee/bulk_loader.h"
#include "tests/support/temporary_directory.h"
#include "tests/tools/inspect/database_kinds.h"
#include "tools/inspect/database_verifier.h"
#include "tools/inspect/verify_report.h"

namespace perigee::tools::inspect {
namespace {

constexpr int kRounds = 12;

void WriteRound(Database& database, int round) {
  const auto first = static_cast<uint64_t>(round) * 37;
  tests::UpsertRange(database, "docs", first, 150, round);
  tests::DeleteRange(database, "docs", first + 20, 30);
  REQUIRE(database.Flush().ok());
  tests::UpsertRange(database, "docs", first + 10, 40, round);
  if (round % 3 == 1) {
    auto docs = database.OpenCollection("docs");
    REQUIRE(docs.ok());
    REQUIRE(docs->Optimize().ok());
  }
  if (round % 4 == 2) {
    REQUIRE(database.CreateCollection("other", tests::TwoVectors()).ok());
    tests::UpsertRange(database, "other", 0, 20, round);
    REQUIRE(database.DropCollection("other").ok());
  }
  for (uint64_t id = 0; id < 25; ++id) {
    tests::UpsertRange(database, "docs", 5000 + id, 1, round);
  }
}

TEST_SUITE_BEGIN("slow");

TEST_CASE("a database that is being written has no findings") {
  storage::TemporaryDirectory directory;
  const std::string path = directory.PathOf("db");
  const auto database = tests::OpenSmall(path);
  REQUIRE(database->CreateCollection("docs", tests::TwoVectors()).ok());
  std::atomic<bool> done = false;
  int verified = 0;
  int repeated = 0;
  std::string findings;
  std::thread verifier([&] {
    while (!done.load() && findings.empty()) {
      const auto report = VerifyDatabase(path, {});
      if (!report.ok() || !report->findings.clean()) {
        std::ostringstream text;
        if (report.ok()) {
          PrintReport(*report, text);
        }
        findings = report.ok() ? text.str() : std::string(report.status().message());
      }
      ++verified;
      repeated += report.ok() && report->passes > 1 ? 1 : 0;
    }
  });
  for (int round = 0; round < kRounds; ++round) {
    WriteRound(*database, round);
  }
  done.store(true);
  verifier.join();
  CHECK_MESSAGE(findings.empty(), findings);
  MESSAGE("durability: verify beside a writer: ", verified, " runs, 0 findings, ", repeated,
          " with a second look");
  CHECK(verified > 0);
  CHECK(database->Close().ok());
  CHECK(VerifyDatabase(path, {})->findings.clean());
}

TEST_SUITE_END();

}  // namespace
}  // namespace perigee::tools::inspect
