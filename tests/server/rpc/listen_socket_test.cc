// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/listen_socket.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>
#include <optional>

#include "tests/support/temporary_directory.h"

namespace perigee::server {
namespace {

absl::StatusOr<ListenSocket> Open(const std::string& address, bool allow_remote = false) {
  const auto parsed = ParseListenAddress(address);
  REQUIRE(parsed.ok());
  return ListenSocket::Open(*parsed, {.allow_remote = allow_remote});
}

bool Exists(const std::string& path) {
  struct stat file = {};
  return lstat(path.c_str(), &file) == 0;
}

// Leaves the file of a socket on which nobody listens.
void LeaveStaleSocket(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  REQUIRE(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  close(fd);
}

TEST_CASE("port 0 takes a free port and tells it") {
  const auto socket = Open("127.0.0.1:0");
  REQUIRE(socket.ok());
  CHECK(socket->client_address().find("perigee://127.0.0.1:") == 0);
  CHECK(socket->client_address() != "perigee://127.0.0.1:0");
}

TEST_CASE("a port in use is refused") {
  const auto first = Open("127.0.0.1:0");
  REQUIRE(first.ok());
  const std::string taken = first->client_address().substr(10);
  CHECK(Open(taken).status().code() == absl::StatusCode::kAlreadyExists);
}

TEST_CASE("beyond loopback only when it is asked for") {
  CHECK(Open("0.0.0.0:0").status().code() == absl::StatusCode::kPermissionDenied);
  CHECK(Open("0.0.0.0:0", true).ok());
  CHECK(Open("127.0.0.2:0").ok());
}

TEST_CASE("a Unix socket is its owner's alone and goes with the server") {
  const storage::TemporaryDirectory directory;
  const std::string path = directory.PathOf("s");
  {
    const auto socket = Open("unix:" + path);
    REQUIRE(socket.ok());
    struct stat file = {};
    REQUIRE(stat(path.c_str(), &file) == 0);
    CHECK((file.st_mode & 0777U) == 0600U);
  }
  CHECK(!Exists(path));
}

TEST_CASE("a stale Unix socket is replaced, one in use and other files are not") {
  const storage::TemporaryDirectory directory;
  const std::string stale = directory.PathOf("stale");
  LeaveStaleSocket(stale);
  REQUIRE(Exists(stale));
  std::optional<ListenSocket> socket = *Open("unix:" + stale);
  CHECK(Open("unix:" + stale).status().code() == absl::StatusCode::kAlreadyExists);
  CHECK(Exists(stale));

  const std::string file = directory.PathOf("file");
  std::ofstream(file) << "precious";
  CHECK(Open("unix:" + file).status().code() == absl::StatusCode::kAlreadyExists);
  CHECK(Exists(file));
}

TEST_CASE("a directory that is missing is named") {
  const auto socket = Open("unix:/nowhere/s");
  CHECK(!socket.ok());
  CHECK(std::string(socket.status().message()).find("/nowhere/s") != std::string::npos);
}

}  // namespace
}  // namespace perigee::server
