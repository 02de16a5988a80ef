// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/client_connection.h"

#include <doctest/doctest.h>

#include "tests/server/raw_client.h"
#include "tests/server/served_database.h"

namespace perigee::server {
namespace {

TEST_CASE("hostile bytes close the connection and the server goes on") {
  const ServedDatabase served;
  for (const std::string& bytes :
       {std::string(8, '\xFF'), std::string("\xFF\xFF\xFF\xFF\0\0\0\0", 8),
        std::string("\0\0\0\0\0\0\x80\0", 8),    // 64 MiB before authentication
        std::string("\x04\0\0\0\x01\0\0\0", 8),  // five segments before authentication
        std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n")}) {
    RawClient client(served.socket_path());
    client.Send(bytes);
    CHECK(client.IsClosed());
  }
  RawClient honest(served.socket_path());
  CHECK(honest.Wait(honest.Gateway().helloRequest().send()).getServerVersion() == 1);
}

TEST_CASE("a client that does not authenticate in time is closed") {
  ServedDatabase::Options options;
  options.limits.authenticate_timeout = 50 * kj::MILLISECONDS;
  const ServedDatabase served(options);
  RawClient client(served.socket_path());
  CHECK(client.IsClosed());
}

TEST_CASE("half a message is closed after its time") {
  ServedDatabase::Options options;
  options.limits.message_timeout = 50 * kj::MILLISECONDS;
  const ServedDatabase served(options);
  RawClient client(served.socket_path());
  client.Send(std::string("\0\0\0\0\x10\0\0\0half", 12));
  CHECK(client.IsClosed());
}

TEST_CASE("an idle client is closed") {
  ServedDatabase::Options options;
  options.limits.idle_timeout = 50 * kj::MILLISECONDS;
  options.limits.authenticate_timeout = 60 * kj::SECONDS;
  const ServedDatabase served(options);
  RawClient idle(served.socket_path());
  CHECK(idle.IsClosed());
}

TEST_CASE("a client that asks for too much before it may is closed") {
  const ServedDatabase strict;
  RawClient greedy(strict.socket_path());
  auto request = greedy.Gateway().authenticateRequest();
  request.initCredential().setApiKey(std::string(32U << 10U, 'k').c_str());
  CHECK_THROWS(greedy.Wait(request.send()));
}

TEST_CASE("large messages are accepted once a client has authenticated") {
  ServedDatabase served;
  REQUIRE(served.database().CreateCollection("docs", PlainSchema()).ok());
  RawClient client(served.socket_path());
  schema::Collection::Client docs = client.Collection("docs");
  auto upsert = docs.upsertRequest();
  auto point = upsert.initPoints(1)[0];
  point.setPayload((R"({"text":")" + std::string(60U << 10U, 'x') + "\"}").c_str());
  auto values = point.initVectors(1)[0].initValues(4);
  values.set(0, 1.0F);
  upsert.setMode(schema::UpsertMode::UPSERT);
  CHECK(client.Wait(upsert.send()).getResult().isWritten());
}

TEST_CASE("too many open answers close the connection") {
  ServedDatabase::Options options;
  options.limits.open_answers_max = 8;
  ServedDatabase served(options);
  RawClient client(served.socket_path());
  schema::Session::Client session = client.Session();
  std::vector<kj::Promise<capnp::Response<schema::Session::WhoamiResults>>> calls;
  for (int i = 0; i < 100; ++i) {
    calls.push_back(session.whoamiRequest().send());
  }
  CHECK_THROWS([&]() {
    for (auto& call : calls) {
      client.Wait(kj::mv(call));
    }
  }());
}

}  // namespace
}  // namespace perigee::server
