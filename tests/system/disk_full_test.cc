// SPDX-License-Identifier: Apache-2.0
//
// Goal: a full disk refuses upserts with the limit and the remedy, lets deletes go on, takes writes
// again by itself when there is room, and costs nothing that was acknowledged, even if the server
// is killed in the middle (D14). A disk that others fill to the last byte may end the server with
// 74 and keep it from opening, and loses nothing either. Method: the real server on a tmpfs of a
// few MiB, filled by upserts over RPC or by the test; the clients' logs judge as in kill_test.cc.
#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <functional>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "perigee/client/connection.h"
#include "storage/foundation/error_reason.h"
#include "tests/support/limited_disk.h"
#include "tests/support/operation_stream.h"
#include "tests/support/program_process.h"
#include "tests/support/test_seed.h"
#include "tests/system/kill_loop.h"
#include "tests/system/oracle_run.h"

namespace perigee::tests {
namespace {

constexpr uint64_t kDiskBytes = 24ULL << 20U;
constexpr int kExitIoError = 74;
constexpr int kExitTryAgain = 75;
constexpr const char* kFillCollection = "fill";

bool WaitFor(const std::function<bool()>& condition) {
  for (int i = 0; i < 3'000; ++i) {
    if (condition()) {
      return true;
    }
    absl::SleepFor(absl::Milliseconds(10));
  }
  return false;
}

Point LargePoint(uint64_t id) {
  return {.id = PointId(id),
          .vectors = {{"", {1, 2, 3, 4, 5, 6, 7, 8}}},
          .payload = {{"text", std::string(60'000, 'x')}}};
}

// A database on a small disk, with the clients of an OracleRun and one more that fills it.
class DiskFullCase {
 public:
  explicit DiskFullCase(const std::string& io_backend, uint64_t seed)
      : io_backend_(io_backend), disk_(kDiskBytes) {
    if (disk_.mounted()) {
      std::filesystem::create_directory(disk_.path() + "/db");
      std::filesystem::create_directory_symlink(disk_.path() + "/db", logs_.PathOf("db"));
      run_.emplace(logs_.path(), seed);
    }
  }

  bool mounted() const { return disk_.mounted(); }
  LimitedDisk& disk() { return disk_; }
  OracleRun& run() { return *run_; }
  client::Connection& connection() { return *connection_; }
  bool server_runs() { return server_->process().Running(); }

  void StartServer() {
    server_.emplace(run_->database_path(), ServerProcess::Options{.io_backend = io_backend_});
    auto connection = client::Connection::Open(server_->address(), {});
    REQUIRE_MESSAGE(connection.ok(), connection.status().ToString());
    connection_ = *std::move(connection);
    run_->Judge(*connection_);
    run_->Start(server_->address());
  }
  int EndServer(int signal) {
    server_->process().Signal(signal);
    const int code = server_->process().Wait();
    run_->Join();
    return code;
  }

  // Starts the server and ends it as soon as it answers or fails; its exit code.
  int TryToOpen() {
    ProgramProcess server("perigeed",
                          {"--data", run_->database_path(), "--listen",
                           "unix:" + logs_.PathOf("opening.sock"), "--io-backend", io_backend_},
                          logs_.PathOf("opening.log"));
    WaitFor([&] {
      return !server.Running() ||
             client::Connection::Open("unix:" + logs_.PathOf("opening.sock"), {}).ok();
    });
    server.Signal(SIGTERM);
    return server.Wait();
  }

  // Upserts until the disk is too full for more; how many went through, and the refusal.
  uint64_t FillByUpserts(absl::Status* refused) {
    auto fill = connection_->OpenCollection(kFillCollection);
    if (!fill.ok()) {
      fill = connection_->CreateCollection(kFillCollection,
                                           {.vectors = {{.name = "", .dimension = 8}}});
    }
    REQUIRE_MESSAGE(fill.ok(), fill.status().ToString());
    for (uint64_t count = 0;; ++count) {
      *refused = fill->Upsert({.points = {LargePoint(count)}}).status();
      if (!refused->ok()) {
        return count;
      }
    }
  }

 private:
  const std::string io_backend_;
  const storage::TemporaryDirectory logs_;
  LimitedDisk disk_;
  std::optional<OracleRun> run_;
  std::optional<ServerProcess> server_;
  std::unique_ptr<client::Connection> connection_;
};

void FillAndRecover(const std::string& io_backend, uint64_t seed) {
  CAPTURE(seed);
  DiskFullCase test(io_backend, seed);
  if (!test.mounted()) {
    MESSAGE("skipped: 1 case, no file system can be mounted here");
    return;
  }
  test.StartServer();
  absl::Status refused;
  CHECK(test.FillByUpserts(&refused) > 20);
  REQUIRE_MESSAGE(GetErrorReason(refused) == ErrorReason::kDiskFull, refused.ToString());
  CHECK(absl::StrContains(refused.message(), "bytes free, less than"));
  CHECK(absl::StrContains(refused.message(), "Free some space"));
  const auto status = test.connection().Status();
  REQUIRE(status.ok());
  REQUIRE_FALSE(status->warnings.empty());
  CHECK(absl::StrContains(status->warnings.back(), "upserts are refused"));

  // Killed while it refuses, it opens and refuses on, and deletes go on.
  test.EndServer(SIGKILL);
  test.StartServer();
  auto fill = test.connection().OpenCollection(kFillCollection);
  REQUIRE(fill.ok());
  CHECK(GetErrorReason(fill->Upsert({.points = {LargePoint(7'777)}}).status()) ==
        ErrorReason::kDiskFull);
  for (uint64_t id = 0; id < 20; ++id) {
    CHECK(fill->Delete({.ids = {PointId(id)}}).ok());
  }

  // With room again writes are taken again, by the same process.
  REQUIRE(test.connection().DropCollection(kFillCollection).ok());
  auto probe =
      test.connection().CreateCollection("probe", {.vectors = {{.name = "", .dimension = 8}}});
  REQUIRE_MESSAGE(probe.ok(), probe.status().ToString());
  CHECK(WaitFor([&probe, &test] {
    test.connection().Flush().IgnoreError();  // what only the log holds comes into segments
    return probe->Upsert({.points = {LargePoint(1)}}).ok();
  }));
  CHECK(test.server_runs());
  absl::SleepFor(absl::Milliseconds(200));
  test.EndServer(SIGKILL);
  test.StartServer();
  CHECK(test.EndServer(SIGTERM) == 0);
  MESSAGE("durability: 1 full disk, 2 kills, ", test.run().acknowledged(),
          " operations acknowledged, 0 lost, 0 resurrected (", io_backend, ")");
}

void FillByOthers(const std::string& io_backend, uint64_t seed) {
  CAPTURE(seed);
  DiskFullCase test(io_backend, seed);
  if (!test.mounted()) {
    MESSAGE("skipped: 1 case, no file system can be mounted here");
    return;
  }
  test.StartServer();
  absl::SleepFor(absl::Milliseconds(200));
  test.disk().Fill();
  absl::SleepFor(absl::Milliseconds(300));
  const int code = test.EndServer(SIGKILL);
  CHECK((code == 128 + SIGKILL || code == kExitIoError));
  const int opened = test.TryToOpen();
  CHECK((opened == 0 || opened == kExitIoError || opened == kExitTryAgain));
  test.disk().Free();
  test.StartServer();
  CHECK(test.EndServer(SIGTERM) == 0);
  MESSAGE("durability: 1 disk full to the last byte, ", test.run().acknowledged(),
          " operations acknowledged, 0 lost, 0 resurrected (", io_backend, "; server ended with ",
          code, ", open on the full disk with ", opened, ")");
}

TEST_SUITE("system kill") {
  TEST_CASE("a full disk loses nothing and recovers by itself - io_uring where the kernel allows") {
    FillAndRecover("auto", TestSeed(41));
  }

  TEST_CASE("a full disk loses nothing and recovers by itself - posix") {
    FillAndRecover("posix", TestSeed(42));
  }

  TEST_CASE("a disk that others fill to the last byte costs nothing acknowledged") {
    FillByOthers("auto", TestSeed(43));
    FillByOthers("posix", TestSeed(44));
  }
}

}  // namespace
}  // namespace perigee::tests
