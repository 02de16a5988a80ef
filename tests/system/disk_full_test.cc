// SPDX-License-Identifier: Apache-2.0
//
// Goal: a full disk refuses upserts with the limit and the remedy, lets deletes go on, takes writes
// again by itself when there is room, and costs nothing that was acknowledged, even if the server
// is killed in the middle (D14). On a disk that others fill to the last byte deletes go on from the
// reserve, and the server opens; without a reserve it serves reads, and ends to be started again
// when there is room. Method: the real server on a tmpfs of a few MiB, filled by upserts over RPC
// or by the test; the clients' logs judge as in kill_test.cc.
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
constexpr uint64_t kReserveBytes = 2ULL << 20U;
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
  DiskFullCase(const std::string& io_backend, uint64_t reserve_bytes, uint64_t seed)
      : io_backend_(io_backend), disk_(kDiskBytes) {
    if (disk_.mounted()) {
      std::filesystem::create_directory(disk_.path() + "/db");
      std::filesystem::create_directory_symlink(disk_.path() + "/db", logs_.PathOf("db"));
      run_.emplace(logs_.path(), seed, reserve_bytes);
    }
  }

  bool mounted() const { return disk_.mounted(); }
  LimitedDisk& disk() { return disk_; }
  OracleRun& run() { return *run_; }
  client::Connection& connection() { return *connection_; }
  bool server_runs() { return server_->process().Running(); }

  void StartServer() {
    StartServerOnly();
    run_->Judge(*connection_);
    run_->Start(server_->address());
  }
  int EndServer(int signal) {
    server_->process().Signal(signal);
    const int code = server_->process().Wait();
    run_->Join();
    return code;
  }

  // Lets the clients end and starts the server for the test alone.
  void StartServerOnly() {
    server_.emplace(run_->database_path(), Options());
    auto connection = client::Connection::Open(server_->address(), {});
    REQUIRE_MESSAGE(connection.ok(), connection.status().ToString());
    connection_ = *std::move(connection);
  }
  int WaitForServer() { return server_->process().Wait(); }

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
  ServerProcess::Options Options() const { return {.io_backend = io_backend_}; }

  const std::string io_backend_;
  const storage::TemporaryDirectory logs_;
  LimitedDisk disk_;
  std::optional<OracleRun> run_;
  std::optional<ServerProcess> server_;
  std::unique_ptr<client::Connection> connection_;
};

void FillAndRecover(const std::string& io_backend, uint64_t seed) {
  CAPTURE(seed);
  DiskFullCase test(io_backend, kReserveBytes / 2, seed);
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

uint64_t ReserveBytes(DiskFullCase& test) {
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(test.disk().path() + "/db/RESERVE", error);
  return error ? 0 : size;
}

// More than a log file of the smallest size holds, each acknowledged on its own.
void DeleteMuch(client::Connection& connection) {
  auto fill = connection.OpenCollection(kFillCollection);
  REQUIRE(fill.ok());
  for (uint64_t id = 0; id < 60; ++id) {
    const absl::Status deleted = fill->Delete({.ids = {PointId(id)}}).status();
    REQUIRE_MESSAGE(deleted.ok(), deleted.ToString());
  }
}

void FillByOthers(const std::string& io_backend, uint64_t seed) {
  CAPTURE(seed);
  DiskFullCase test(io_backend, kReserveBytes, seed);
  if (!test.mounted()) {
    MESSAGE("skipped: 1 case, no file system can be mounted here");
    return;
  }
  test.StartServer();
  auto fill = test.connection().CreateCollection(kFillCollection,
                                                 {.vectors = {{.name = "", .dimension = 8}}});
  REQUIRE(fill.ok());
  for (uint64_t id = 0; id < 60; ++id) {
    REQUIRE(
        fill->Upsert({.points = {{.id = PointId(id), .vectors = {{"", {1, 2, 3, 4, 5, 6, 7, 8}}}}}})
            .ok());
  }
  CHECK(WaitFor([&test] { return ReserveBytes(test) == kReserveBytes; }));
  absl::SleepFor(absl::Milliseconds(200));
  test.disk().Fill();
  DeleteMuch(test.connection());
  CHECK(GetErrorReason(fill->Upsert({.points = {LargePoint(1)}}).status()) ==
        ErrorReason::kDiskFull);
  CHECK(test.server_runs());

  // Killed, it opens for writing on the disk without a byte.
  test.EndServer(SIGKILL);
  test.StartServerOnly();
  CHECK(test.connection().Status()->storage_error.empty());
  DeleteMuch(test.connection());
  CHECK(ReserveBytes(test) < kReserveBytes);

  // With room, upserts and the reserve come back.
  test.disk().Free();
  auto found = test.connection().OpenCollection(kFillCollection);
  REQUIRE(found.ok());
  CHECK(WaitFor([&found] { return found->Upsert({.points = {LargePoint(1)}}).ok(); }));
  CHECK(WaitFor([&test] { return ReserveBytes(test) == kReserveBytes; }));
  CHECK(test.EndServer(SIGTERM) == 0);
  test.StartServer();
  CHECK(test.EndServer(SIGTERM) == 0);
  MESSAGE("durability: 1 disk full to the last byte, ", test.run().acknowledged(),
          " operations acknowledged, 0 lost, 0 resurrected (", io_backend, ")");
}

void FillByOthersWithoutReserve(const std::string& io_backend, uint64_t seed) {
  CAPTURE(seed);
  DiskFullCase test(io_backend, 0, seed);
  if (!test.mounted()) {
    MESSAGE("skipped: 1 case, no file system can be mounted here");
    return;
  }
  test.StartServer();
  absl::SleepFor(absl::Milliseconds(200));
  test.disk().Fill();
  absl::SleepFor(absl::Milliseconds(300));
  CHECK(test.server_runs());
  test.EndServer(SIGKILL);
  test.StartServerOnly();
  const auto status = test.connection().Status();
  REQUIRE(status.ok());
  CHECK(status->read_only);
  CHECK(absl::StrContains(status->storage_error, "recovery mode: the disk of"));
  CHECK(GetErrorReason(test.connection()
                           .CreateCollection("more", {.vectors = {{.name = "", .dimension = 8}}})
                           .status()) == ErrorReason::kReadOnly);
  test.disk().Free();
  CHECK(test.WaitForServer() == kExitTryAgain);
  test.StartServer();
  CHECK(test.EndServer(SIGTERM) == 0);
  MESSAGE("durability: 1 disk full to the last byte without a reserve, ", test.run().acknowledged(),
          " operations acknowledged, 0 lost, 0 resurrected (", io_backend, ")");
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

  TEST_CASE(
      "without a reserve the server answers reads until there is room and then asks for a "
      "restart") {
    FillByOthersWithoutReserve("auto", TestSeed(45));
    FillByOthersWithoutReserve("posix", TestSeed(46));
  }
}

}  // namespace
}  // namespace perigee::tests
