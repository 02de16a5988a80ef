// SPDX-License-Identifier: Apache-2.0
//
// Goal: a server that a supervisor starts again and again into the same failure answers reads at
// the fourth start and says why; an operator gets out of it, and nothing was lost (D13).
// Method: the real server with an acknowledged record of its log damaged, so that it does not open;
// the byte is put right in the end.
#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "perigee/client/connection.h"
#include "storage/foundation/error_reason.h"
#include "tests/support/program_process.h"
#include "tests/support/temporary_directory.h"

namespace perigee::tests {
namespace {

constexpr int kExitIoError = 74;

Point SmallPoint(uint64_t id) { return {.id = PointId(id), .vectors = {{"", {1, 2}}}}; }

// A byte of the first record of the newest log file, changed and changed back.
void FlipLogByte(const std::string& directory) {
  std::filesystem::path newest;
  for (const auto& entry : std::filesystem::directory_iterator(directory + "/wal")) {
    newest = std::max(newest, entry.path());
  }
  std::fstream file(newest, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(4096 + 100);
  const char byte = static_cast<char>(file.get() ^ 1);
  file.seekp(4096 + 100);
  file.put(byte);
  REQUIRE(file.good());
}

int OpenAndFail(const std::string& data, const storage::TemporaryDirectory& directory,
                const std::string& mode) {
  ProgramProcess server("perigeed",
                        {"--data", data, "--listen", "unix:" + directory.PathOf("failing.sock"),
                         "--reserve", "0", "--recovery-mode", mode},
                        directory.PathOf("failing.log"));
  return server.Wait();
}

TEST_SUITE("system kill") {
  TEST_CASE("a server that cannot be opened serves reads at the fourth start and tells why") {
    const storage::TemporaryDirectory directory;
    const std::string data = directory.PathOf("db");
    const ServerProcess::Options options = {.arguments = {"--reserve", "0"}};
    {
      ServerProcess server(data, options);
      const auto connection = client::Connection::Open(server.address(), {});
      REQUIRE(connection.ok());
      auto docs =
          (*connection)->CreateCollection("docs", {.vectors = {{.name = "", .dimension = 2}}});
      REQUIRE(docs.ok());
      REQUIRE(docs->Upsert({.points = {SmallPoint(1), SmallPoint(2)}}).ok());
      REQUIRE((*connection)->Flush().ok());
      REQUIRE(docs->Upsert({.points = {SmallPoint(3)}}).ok());
      server.process().Signal(SIGTERM);
      REQUIRE(server.process().Wait() == 0);
    }
    FlipLogByte(data);
    for (int start = 0; start < 3; ++start) {
      CHECK(OpenAndFail(data, directory, "auto") == kExitIoError);
    }
    {
      ServerProcess server(data, options);
      const auto connection = client::Connection::Open(server.address(), {});
      REQUIRE(connection.ok());
      const auto status = (*connection)->Status();
      REQUIRE(status.ok());
      CHECK(status->read_only);
      CHECK(absl::StrContains(status->storage_error, "recovery mode: the last 3 opens failed"));
      CHECK(absl::StrContains(status->storage_error, "damaged"));
      CHECK(absl::StrContains(server.Log(), "open.recovery_mode"));
      auto docs = (*connection)->OpenCollection("docs");
      REQUIRE(docs.ok());
      CHECK(docs->Count({})->count == 2);
      const absl::Status refused = docs->Upsert({.points = {SmallPoint(4)}}).status();
      CHECK(GetErrorReason(refused) == ErrorReason::kReadOnly);
      CHECK(absl::StrContains(refused.message(), "recovery mode"));
      // It holds no lock, so that another try can be made beside it.
      CHECK(OpenAndFail(data, directory, "off") == kExitIoError);
      server.process().Signal(SIGTERM);
      CHECK(server.process().Wait() == kExitIoError);
    }
    FlipLogByte(data);
    ServerProcess server(data, {.arguments = {"--recovery-mode", "off"}});
    const auto connection = client::Connection::Open(server.address(), {});
    REQUIRE(connection.ok());
    auto docs = (*connection)->OpenCollection("docs");
    REQUIRE(docs.ok());
    CHECK(docs->Count({})->count == 3);
    CHECK(docs->Upsert({.points = {SmallPoint(4)}}).ok());
    server.process().Signal(SIGTERM);
    CHECK(server.process().Wait() == 0);
  }
}

}  // namespace
}  // namespace perigee::tests
