// SPDX-License-Identifier: Apache-2.0
//
// Goal: the server runs under the seccomp profile that is shipped for containers; under a profile
// without io_uring, as most containers have it, it uses plain calls and says so (U1), and without
// openat2 it opens its files all the same.
// Method: the real server under a real filter of the kernel made from deploy/perigeed_seccomp.json,
// over both kinds of sockets: a day's work, a snapshot, a restart.
#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "perigee/client/connection.h"
#include "tests/support/program_process.h"
#include "tests/support/temporary_directory.h"

namespace perigee::tests {
namespace {

const std::string kSource = PERIGEE_SOURCE_DIR;

UpsertRequest Points(uint64_t first, uint64_t count) {
  UpsertRequest request;
  for (uint64_t id = first; id < first + count; ++id) {
    request.points.push_back({.id = PointId(id), .vectors = {{"", {static_cast<float>(id), 1}}}});
  }
  return request;
}

// The server with a filter that lacks `refused`, if that is not empty.
ServerProcess::Options Filtered(const std::string& refused, const std::string& snapshots) {
  ServerProcess::Options options;
  options.arguments = {"--listen", "127.0.0.1:0", "--snapshot-dir", snapshots};
  options.under = {kSource + "/tests/system/under_seccomp",
                   kSource + "/deploy/perigeed_seccomp.json"};
  if (!refused.empty()) {
    options.under.insert(options.under.end(), {"--without", refused});
  }
  options.under.emplace_back("--");
  return options;
}

void Work(client::Connection& connection, uint64_t day) {
  auto docs = day == 0
                  ? connection.CreateCollection("docs", {.vectors = {{.name = "", .dimension = 2}}})
                  : connection.OpenCollection("docs");
  REQUIRE_MESSAGE(docs.ok(), docs.status().ToString());
  REQUIRE(docs->Upsert(Points(day * 1000, 500)).ok());
  REQUIRE(connection.Flush().ok());
  REQUIRE(docs->Delete({.ids = {PointId(day * 1000 + 7)}}).ok());
  REQUIRE(docs->Optimize().ok());
  REQUIRE(docs->Upsert(Points(day * 1000 + 600, 5)).ok());
  CHECK(docs->Count({})->count == (day + 1) * 504);
  CHECK(docs->Query({.target = std::vector<float>{1, 1}}).ok());
  const auto snapshot = connection.CreateSnapshot("day-" + std::to_string(day));
  CHECK_MESSAGE(snapshot.ok(), snapshot.status().ToString());
}

void RunTwoDays(const std::string& refused, const std::string& said) {
  const storage::TemporaryDirectory directory;
  const std::string snapshots = directory.PathOf("snapshots");
  std::filesystem::create_directory(snapshots);
  for (uint64_t day = 0; day < 2; ++day) {
    ServerProcess server(directory.PathOf("db"), Filtered(refused, snapshots));
    const auto connection = client::Connection::Open(server.address(), {});
    REQUIRE_MESSAGE(connection.ok(), server.Log());
    Work(**connection, day);
    server.process().Signal(SIGTERM);
    CHECK(server.process().Wait() == 0);
    CHECK_MESSAGE(absl::StrContains(server.Log(), said), server.Log());
  }
}

TEST_SUITE("system") {
  TEST_CASE("the server works under the profile that is shipped") { RunTwoDays("", "io.backend"); }

  TEST_CASE("where the filter refuses io_uring the server uses plain calls and says so") {
    RunTwoDays("io_uring_setup", "posix (set up io_uring");
  }

  TEST_CASE("where the filter refuses openat2 the server works all the same") {
    RunTwoDays("openat2", "io.backend");
  }
}

}  // namespace
}  // namespace perigee::tests
