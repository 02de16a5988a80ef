// SPDX-License-Identifier: Apache-2.0
#include "bench/harness/server_under_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace perigee::bench {
namespace {

constexpr const char* kScheme = "perigee://";

}  // namespace

ServerUnderTest::ServerUnderTest(const std::string& program, const std::string& directory,
                                 const std::string& address) {
  const std::string listen =
      address.rfind(kScheme, 0) == 0 ? address.substr(std::string(kScheme).size()) : address;
  pid_ = fork();
  if (pid_ == 0) {
    execl(program.c_str(), program.c_str(), "--data", directory.c_str(), "--listen", listen.c_str(),
          "--log-level", "warning", static_cast<char*>(nullptr));
    _exit(127);
  }
}

void ServerUnderTest::Stop() {
  if (const int pid = std::exchange(pid_, -1); pid > 0) {
    kill(pid, SIGTERM);
    waitpid(pid, nullptr, 0);
  }
}

absl::StatusOr<std::string> FreeLoopbackAddress() {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool found =
      probe >= 0 && bind(probe, generic, length) == 0 && getsockname(probe, generic, &length) == 0;
  if (probe >= 0) {
    close(probe);
  }
  if (!found) {
    return absl::UnavailableError("no port of the loopback interface is free");
  }
  return absl::StrCat(kScheme, "127.0.0.1:", ntohs(address.sin_port));
}

absl::StatusOr<std::unique_ptr<client::Connection>> ConnectSoon(const std::string& address) {
  absl::Status last;
  for (int attempt = 0; attempt < 600; ++attempt) {
    absl::StatusOr<std::unique_ptr<client::Connection>> connection =
        client::Connection::Open(address, {});
    if (connection.ok()) {
      return connection;
    }
    last = connection.status();
    absl::SleepFor(absl::Milliseconds(50));
  }
  return last;
}

}  // namespace perigee::bench
