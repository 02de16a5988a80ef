// SPDX-License-Identifier: Apache-2.0
#include "server/auth/authenticator.h"

#include <doctest/doctest.h>

namespace perigee::server {
namespace {

using Kind = PresentedCredential::Kind;

TEST_CASE("no credential does for near peers alone") {
  const Authenticator authenticator({});
  for (const Peer::Kind near : {Peer::Kind::kUnixSocket, Peer::Kind::kLoopback}) {
    const auto access = authenticator.Authenticate({.kind = Kind::kNone}, {near, "uid 7"});
    REQUIRE(access.ok());
    CHECK(access->principal() == "uid 7");
    CHECK(access->Has(Right::kWrite));
    CHECK(access->Has(Right::kAdmin));
  }
  CHECK(authenticator.Authenticate({.kind = Kind::kNone}, {Peer::Kind::kRemote, "x"})
            .status()
            .code() == absl::StatusCode::kUnauthenticated);
  CHECK(Authenticator({.accept_remote_without_key = true})
            .Authenticate({.kind = Kind::kNone}, {Peer::Kind::kRemote, "x"})
            .ok());
}

TEST_CASE("other credentials are refused with one and the same message") {
  const Authenticator authenticator({});
  const auto key = authenticator.Authenticate({.kind = Kind::kApiKey}, {Peer::Kind::kLoopback, ""});
  const auto unknown =
      authenticator.Authenticate({.kind = Kind::kUnknown}, {Peer::Kind::kUnixSocket, ""});
  CHECK(key.status().code() == absl::StatusCode::kUnauthenticated);
  CHECK(key.status() == unknown.status());
}

}  // namespace
}  // namespace perigee::server
