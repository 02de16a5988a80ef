// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/gateway_capability.h"

#include <doctest/doctest.h>

#include "tests/server/raw_client.h"
#include "tests/server/served_database.h"

namespace perigee::server {
namespace {

TEST_CASE("a stranger learns the version and how to authenticate") {
  const ServedDatabase served;
  RawClient client(served.socket_path());
  const auto hello = client.Wait(client.Gateway().helloRequest().send());
  CHECK(hello.getServerVersion() == schema::PROTOCOL_VERSION);
  REQUIRE(hello.getMethods().size() == 1);
  CHECK(std::string(hello.getMethods()[0].cStr()) == "none");
}

TEST_CASE("a wrong credential gives no session") {
  const ServedDatabase served;
  RawClient client(served.socket_path());
  auto request = client.Gateway().authenticateRequest();
  request.initCredential().setApiKey("pgk_0123456789abcdef_secret");
  const auto reply = client.Wait(request.send());
  REQUIRE(reply.getResult().isStatus());
  CHECK(reply.getResult().getStatus().getCode() ==
        static_cast<uint16_t>(absl::StatusCode::kUnauthenticated));
}

TEST_CASE("the session tells who asks") {
  const ServedDatabase served;
  RawClient client(served.socket_path());
  const auto who = client.Wait(client.Session().whoamiRequest().send());
  CHECK(std::string(who.getPrincipal().cStr()).find("uid ") == 0);
  CHECK((who.getRights() & static_cast<uint32_t>(Right::kWrite)) != 0);
}

}  // namespace
}  // namespace perigee::server
