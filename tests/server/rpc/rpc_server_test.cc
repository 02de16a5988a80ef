// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/rpc_server.h"

#include <doctest/doctest.h>

#include <memory>
#include <thread>

#include "absl/synchronization/notification.h"
#include "perigee/client/connection.h"
#include "tests/server/raw_client.h"
#include "tests/server/served_database.h"

namespace perigee::server {
namespace {

TEST_CASE("a drained server refuses calls and connections") {
  ServedDatabase served;
  RawClient client(served.socket_path());
  schema::Session::Client session = client.Session();
  CHECK(served.server().Drain(std::chrono::seconds(10)));
  const auto reply = client.Wait(session.statusRequest().send());
  CHECK(reply.getResult().getStatus().getCode() ==
        static_cast<uint16_t>(absl::StatusCode::kUnavailable));
  CHECK(client::Connection::Open(served.address(), {}).status().code() ==
        absl::StatusCode::kUnavailable);
}

TEST_CASE("beyond the limit of a lane requests are refused with a time to wait") {
  ServedDatabase::Options options;
  options.dispatcher.read_threads = 1;
  options.dispatcher.admission.in_flight_max = {2, 2, 2};
  ServedDatabase served(options);
  REQUIRE(served.database().CreateCollection("docs", PlainSchema()).ok());
  REQUIRE(served.database().OpenCollection("docs")->Upsert(PlainPoints(2'000)).ok());
  RawClient client(served.socket_path());
  schema::Collection::Client docs = client.Collection("docs");
  // The call that found the collection holds its place until its thread is done, which may be after
  // its answer.
  while (served.dispatcher().in_flight(Lane::kRead) > 0) {
    std::this_thread::yield();
  }
  std::vector<kj::Promise<capnp::Response<schema::Collection::ScrollResults>>> calls;
  for (int i = 0; i < 100; ++i) {
    auto scroll = docs.scrollRequest();
    scroll.setLimit(2'000);
    calls.push_back(scroll.send());
  }
  int served_calls = 0;
  for (auto& call : calls) {
    const auto reply = client.Wait(kj::mv(call));
    if (reply.getResult().isPage()) {
      ++served_calls;
      continue;
    }
    CHECK(reply.getResult().getStatus().getReason() == schema::Reason::OVERLOADED);
    CHECK(reply.getResult().getStatus().getRetryAfterMs() > 0);
  }
  CHECK(served_calls >= 2);
}

TEST_SUITE("event_loop") {
  TEST_CASE("drain waits for the writes in progress and their answers") {
    ServedDatabase served;
    REQUIRE(served.database().CreateCollection("docs", PlainSchema()).ok());
    const auto connection = client::Connection::Open(served.address(), {});
    REQUIRE(connection.ok());
    auto docs = *(*connection)->OpenCollection("docs");
    uint64_t acknowledged = 0;
    absl::Notification first;
    absl::Status last;
    std::thread writer([&]() {
      for (uint64_t id = 0; last.ok(); ++id) {
        UpsertRequest request = PlainPoints(1);
        request.points[0].id = id;
        last = docs.Upsert(request).status();
        acknowledged += last.ok() ? 1 : 0;
        if (id == 0) {
          first.Notify();
        }
      }
    });
    first.WaitForNotification();
    CHECK(served.server().Drain(std::chrono::seconds(10)));
    writer.join();
    CHECK(last.code() == absl::StatusCode::kUnavailable);
    CHECK(served.database().OpenCollection("docs")->Count({})->count == acknowledged);
  }

  TEST_CASE("more connections than the limit wait instead of failing") {
    ServedDatabase::Options options;
    options.limits.connections_max = 2;
    ServedDatabase served(options);
    auto first = std::make_unique<RawClient>(served.socket_path());
    first->Session();
    auto waiting = std::thread([&served]() {
      std::vector<std::unique_ptr<client::Connection>> connections;
      for (int i = 0; i < 2; ++i) {
        auto connection =
            client::Connection::Open(served.address(), {.connect_timeout_ms = 60'000});
        REQUIRE_MESSAGE(connection.ok(), connection.status().ToString());
        connections.push_back(*std::move(connection));
      }
    });
    first.reset();
    waiting.join();
  }

  TEST_CASE("clients that go away in the middle of calls leave a server that goes on") {
    ServedDatabase served;
    REQUIRE(served.database().CreateCollection("docs", PlainSchema()).ok());
    REQUIRE(served.database().OpenCollection("docs")->Upsert(PlainPoints(1'000)).ok());
    for (int i = 0; i < 50; ++i) {
      RawClient client(served.socket_path());
      schema::Collection::Client docs = client.Collection("docs");
      auto scroll = docs.scrollRequest();
      scroll.setLimit(1'000);
      auto reply = scroll.send();
      auto upsert = docs.upsertRequest();
      auto point = upsert.initPoints(1)[0];
      point.initVectors(1)[0].initValues(4).set(0, 1.0F);
      upsert.setMode(schema::UpsertMode::UPSERT);
      auto written = upsert.send();
      client.Wait(client.io().provider->getTimer().afterDelay(i * 20 * kj::MICROSECONDS));
    }
    RawClient client(served.socket_path());
    const auto count = client.Wait(client.Collection("docs").countRequest().send());
    CHECK(count.getResult().getCounted().getCount() == 1'000);
  }
}

}  // namespace
}  // namespace perigee::server
