// SPDX-License-Identifier: Apache-2.0
#include "server/server_process.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "perigee/client/connection.h"
#include "tests/server/served_database.h"
#include "tests/support/program_process.h"
#include "tests/support/temporary_directory.h"

namespace perigee::server {
namespace {

using tests::ProgramProcess;

// perigeed as a child process, and what it says.
class Perigeed {
 public:
  Perigeed(const storage::TemporaryDirectory& directory, std::vector<std::string> arguments)
      : log_path_(directory.PathOf("log" + std::to_string(++count_))),
        process_("perigeed", std::move(arguments), log_path_) {}

  ProgramProcess& process() { return process_; }
  std::string Log() const {
    std::ostringstream text;
    text << std::ifstream(log_path_).rdbuf();
    return text.str();
  }
  bool Says(const std::string& words) {
    for (int i = 0; i < 3'000 && Log().find(words) == std::string::npos; ++i) {
      if (!process_.Running()) {
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return Log().find(words) != std::string::npos;
  }
  /// The address after the n-th "listening on ".
  std::string Address() {
    REQUIRE_MESSAGE(Says("listening on "), Log());
    const std::string log = Log();
    const size_t begin = log.find("listening on ") + 13;
    return log.substr(begin, log.find_first_of("\"\n", begin) - begin);
  }

 private:
  static inline int count_ = 0;
  const std::string log_path_;
  ProgramProcess process_;
};

// Whether a tracer attaches to the process within some seconds.
bool IsTraced(const std::string& pid) {
  for (int i = 0; i < 300; ++i) {
    std::ifstream status("/proc/" + pid + "/status");
    for (std::string line; std::getline(status, line);) {
      if (line.rfind("TracerPid:", 0) == 0 && line.find_first_of("123456789") != line.npos) {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));  // all threads
        return true;
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

TEST_SUITE("system") {
  TEST_CASE("perigeed listens where it says and ends when it is told") {
    const storage::TemporaryDirectory directory;
    for (const int signal : {SIGTERM, SIGINT}) {
      Perigeed server(directory, {"--data", directory.PathOf("db"), "--listen", "127.0.0.1:0"});
      const auto connection = client::Connection::Open(server.Address(), {});
      REQUIRE_MESSAGE(connection.ok(), connection.status().ToString());
      CHECK((*connection)->Status().ok());
      server.process().Signal(signal);
      CHECK(server.process().Wait() == 0);
    }
  }

  TEST_CASE("what was acknowledged is there after a clean end") {
    const storage::TemporaryDirectory directory;
    const std::vector<std::string> arguments = {"--data", directory.PathOf("db"), "--listen",
                                                "unix:" + directory.PathOf("s")};
    {
      Perigeed server(directory, arguments);
      auto connection = client::Connection::Open(server.Address(), {});
      REQUIRE(connection.ok());
      auto docs = (*connection)->CreateCollection("docs", PlainSchema());
      REQUIRE(docs->Upsert(PlainPoints(10)).ok());
      server.process().Signal(SIGTERM);
      CHECK(server.process().Wait() == 0);
    }
    struct stat file = {};
    CHECK(stat(directory.PathOf("s").c_str(), &file) != 0);
    Perigeed server(directory, arguments);
    auto connection = client::Connection::Open(server.Address(), {});
    REQUIRE(connection.ok());
    CHECK((*connection)->OpenCollection("docs")->Count({})->count == 10);
  }

  TEST_CASE("a second signal ends the server at once") {
    const storage::TemporaryDirectory directory;
    Perigeed server(directory, {"--data", directory.PathOf("db"), "--listen",
                                "unix:" + directory.PathOf("s"), "--threads", "1"});
    const auto connection = client::Connection::Open(server.Address(), {});
    REQUIRE(connection.ok());
    auto docs = (*connection)->CreateCollection("docs", PlainSchema(256));
    REQUIRE(docs.ok());
    for (int i = 0; i < 4; ++i) {
      UpsertRequest request = PlainPoints(4'000, 256);
      for (Point& point : request.points) {
        point.id = point.id.integer() + static_cast<uint64_t>(i) * 4'000;
      }
      REQUIRE(docs->Upsert(request).ok());
    }
    // Builds an index for longer than this test waits.
    std::thread busy([&docs]() { docs->Optimize().IgnoreError(); });
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    server.process().Signal(SIGTERM);
    REQUIRE(server.Says("server.draining"));
    server.process().Signal(SIGINT);
    const int code = server.process().Wait();
    busy.join();
    // A machine that built the index in the meantime ended cleanly.
    CHECK((code == 130 || code == 0));
  }

  TEST_CASE("addresses that cannot be had end with 73 and touch nothing") {
    const storage::TemporaryDirectory directory;
    Perigeed first(directory, {"--data", directory.PathOf("db"), "--listen", "127.0.0.1:0"});
    const std::string taken = first.Address().substr(10);
    Perigeed second(directory, {"--data", directory.PathOf("other"), "--listen", taken});
    CHECK(second.process().Wait() == 73);
    CHECK(second.Log().find(taken) != std::string::npos);
    struct stat file = {};
    CHECK(stat(directory.PathOf("other").c_str(), &file) != 0);
  }

  TEST_CASE("a locked directory ends with 75, a directory of something else with 78") {
    const storage::TemporaryDirectory directory;
    Perigeed first(directory, {"--data", directory.PathOf("db"), "--listen", "127.0.0.1:0"});
    first.Address();
    Perigeed second(directory, {"--data", directory.PathOf("db"), "--listen", "127.0.0.1:0"});
    CHECK(second.process().Wait() == 75);

    const std::string other = directory.PathOf("other");
    REQUIRE(mkdir(other.c_str(), 0755) == 0);
    std::ofstream(other + "/precious.txt") << "mine";
    Perigeed third(directory, {"--data", other, "--listen", "127.0.0.1:0"});
    CHECK(third.process().Wait() == 78);
    struct stat file = {};
    CHECK(stat((other + "/IDENTITY").c_str(), &file) != 0);
  }

  TEST_CASE("addresses beyond loopback end with 78 unless it is insecure on purpose") {
    const storage::TemporaryDirectory directory;
    const std::string data = directory.PathOf("db");
    Perigeed refused(directory, {"--data", data, "--listen", "0.0.0.0:0"});
    CHECK(refused.process().Wait() == 78);
    Perigeed allowed(directory, {"--data", data, "--listen", "0.0.0.0:0", "--insecure"});
    allowed.Address();
    allowed.process().Signal(SIGTERM);
    CHECK(allowed.process().Wait() == 0);
  }

  TEST_CASE("a storage failure ends the server with 74") {
    const storage::TemporaryDirectory directory;
    Perigeed server(directory, {"--data", directory.PathOf("db"), "--listen",
                                "unix:" + directory.PathOf("s"), "--io-backend", "posix"});
    const auto connection = client::Connection::Open(server.Address(), {});
    REQUIRE(connection.ok());
    auto docs = (*connection)->CreateCollection("docs", PlainSchema());
    REQUIRE(docs->Upsert(PlainPoints(1)).ok());
    const std::string pid = std::to_string(server.process().pid());
    const std::string strace =
        "strace -f -qq -o /dev/null -e trace=fdatasync,fsync -e inject=fdatasync,fsync:error=EIO "
        "-p " +
        pid + " 2>/dev/null &";
    REQUIRE(std::system(strace.c_str()) == 0);
    if (!IsTraced(pid)) {
      MESSAGE("skipped: strace cannot attach here");
      return;
    }
    const auto written = docs->Upsert(PlainPoints(1));
    CHECK(written.status().code() == absl::StatusCode::kUnavailable);
    CHECK(server.process().Wait() == 74);
  }

  TEST_CASE("wrong usage ends with 64, help and version with 0") {
    const storage::TemporaryDirectory directory;
    CHECK(Perigeed(directory, {}).process().Wait() == 64);
    CHECK(Perigeed(directory, {"--data", "x", "--nonsense"}).process().Wait() == 64);
    Perigeed help(directory, {"--help"});
    CHECK(help.process().ReadAll().find("--data") != std::string::npos);
    CHECK(help.process().Wait() == 0);
    Perigeed version(directory, {"--version"});
    CHECK(version.process().ReadAll().find("perigeed") == 0);
    CHECK(version.process().Wait() == 0);
  }
}

}  // namespace
}  // namespace perigee::server
