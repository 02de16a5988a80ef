// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/peer_address.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <kj/io.h>
#include <netinet/in.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace perigee::server {
namespace {

bool Loopback(const char* text) {
  sockaddr_in ipv4 = {};
  ipv4.sin_family = AF_INET;
  if (inet_pton(AF_INET, text, &ipv4.sin_addr) == 1) {
    return IsLoopback(reinterpret_cast<const sockaddr*>(&ipv4));
  }
  sockaddr_in6 ipv6 = {};
  ipv6.sin6_family = AF_INET6;
  REQUIRE(inet_pton(AF_INET6, text, &ipv6.sin6_addr) == 1);
  return IsLoopback(reinterpret_cast<const sockaddr*>(&ipv6));
}

TEST_CASE("what is loopback") {
  for (const char* text : {"127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"}) {
    CAPTURE(text);
    CHECK(Loopback(text));
  }
  for (const char* text :
       {"0.0.0.0", "128.0.0.1", "10.0.0.1", "::", "::2", "::ffff:10.0.0.1", "fe80::1"}) {
    CAPTURE(text);
    CHECK(!Loopback(text));
  }
  sockaddr other = {};
  other.sa_family = AF_UNIX;
  CHECK(!IsLoopback(&other));
}

TEST_CASE("addresses in words") {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(7474);
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  CHECK(AddressText(reinterpret_cast<const sockaddr*>(&address)) == "127.0.0.1:7474");
}

TEST_CASE("the peer of a Unix socket is its user") {
  auto io = kj::setupAsyncIo();
  int ends[2] = {-1, -1};
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  auto stream = io.lowLevelProvider->wrapSocketFd(kj::AutoCloseFd(ends[0]));
  const kj::AutoCloseFd other(ends[1]);
  const auto peer = PeerOf(*stream, true);
  REQUIRE(peer.ok());
  CHECK(peer->kind == Peer::Kind::kUnixSocket);
  CHECK(peer->name == absl::StrCat("uid ", geteuid()));
}

}  // namespace
}  // namespace perigee::server
