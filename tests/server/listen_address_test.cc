// SPDX-License-Identifier: Apache-2.0
#include "server/listen_address.h"

#include <doctest/doctest.h>

namespace perigee::server {
namespace {

TEST_CASE("addresses to listen on") {
  CHECK(ParseListenAddress("127.0.0.1:7474")->host == "127.0.0.1");
  CHECK(ParseListenAddress("127.0.0.1:7474")->port == 7474);
  CHECK(ParseListenAddress("localhost:0")->port == 0);
  CHECK(ParseListenAddress("[::1]:7474")->host == "::1");
  CHECK(ParseListenAddress("unix:/run/p.sock")->unix_path == "/run/p.sock");
}

TEST_CASE("spellings that are no address to listen on") {
  for (const char* text : {"", "7474", "host", "host:", "host:x", "host:65536", ":7474", "::1:7474",
                           "host:-1", "unix:", "perigee://host:1"}) {
    CAPTURE(text);
    CHECK(ParseListenAddress(text).status().code() == absl::StatusCode::kInvalidArgument);
  }
  CHECK(!ParseListenAddress("unix:" + std::string(108, 'x')).ok());
}

}  // namespace
}  // namespace perigee::server
