// SPDX-License-Identifier: Apache-2.0
#include "client/server_address.h"

#include <doctest/doctest.h>

#include <string>

namespace perigee::client {
namespace {

TEST_CASE("addresses of servers") {
  CHECK(ParseServerAddress("perigee://127.0.0.1:7474")->host == "127.0.0.1");
  CHECK(ParseServerAddress("perigee://127.0.0.1:7474")->port == 7474);
  CHECK(ParseServerAddress("perigee://db.example:1")->host == "db.example");
  CHECK(ParseServerAddress("perigee://[::1]:65535")->host == "::1");
  CHECK(ParseServerAddress("unix:/run/perigee.sock")->unix_path == "/run/perigee.sock");
  CHECK(ParseServerAddress("unix:relative.sock")->spelling == "unix:relative.sock");
}

TEST_CASE("spellings that are no address") {
  for (const char* text :
       {"", "perigee://", "perigee://host", "perigee://host:", "perigee://host:notaport",
        "perigee://host:0", "perigee://host:65536", "perigee://host:-1", "perigee://host:+1",
        "perigee://host: 1", "perigee://:7474", "perigee://::1:7474", "perigee://a/b:7474",
        "unix:", "http://host:1", "host:7474", "perigee:/host:7474"}) {
    CAPTURE(text);
    CHECK(ParseServerAddress(text).status().code() == absl::StatusCode::kInvalidArgument);
  }
  CHECK(ParseServerAddress("unix:" + std::string(107, 'x')).ok());
  CHECK(!ParseServerAddress("unix:" + std::string(108, 'x')).ok());
}

}  // namespace
}  // namespace perigee::client
