// SPDX-License-Identifier: Apache-2.0
#include "client/server_link.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "perigee/client/connection.h"
#include "storage/foundation/error_reason.h"
#include "tests/server/served_database.h"

namespace perigee::client {
namespace {

using server::PlainPoints;
using server::PlainSchema;
using server::ServedDatabase;

TEST_CASE("a client outlives its server's restart") {
  ServedDatabase served;
  auto connection = *Connection::Open(served.address(), {});
  auto docs = *connection->CreateCollection("docs", PlainSchema());
  REQUIRE(docs.Upsert(PlainPoints(5)).ok());
  served.Stop();
  CHECK(docs.Count({}).status().code() == absl::StatusCode::kUnavailable);
  const auto written = docs.Upsert(PlainPoints(1));
  CHECK(written.status().code() == absl::StatusCode::kUnavailable);
  // It was never sent, so nothing is unknown about it.
  CHECK(GetErrorReason(written.status()) == std::nullopt);
  served.Start();
  CHECK(docs.Count({})->count == 5);
  served.Stop();
  served.Start();
  CHECK(docs.Upsert(PlainPoints(6)).ok());
  CHECK(docs.Count({})->count == 6);
}

TEST_CASE("a call has a deadline of its own") {
  ServedDatabase::Options options;
  options.dispatcher = {.read_threads = 1};
  ServedDatabase served(options);
  auto connection = *Connection::Open(served.address(), {.call_timeout_ms = 1});
  // One millisecond may do for one call, not for a hundred in a row.
  absl::Status last;
  for (int i = 0; i < 10'000 && last.ok(); ++i) {
    last = connection->Status().status();
  }
  CHECK((last.ok() || last.code() == absl::StatusCode::kDeadlineExceeded));
}

TEST_SUITE("event_loop") {
  TEST_CASE("calls in progress when the server ends get an error, and later ones an answer") {
    ServedDatabase served;
    auto connection = *Connection::Open(served.address(), {});
    REQUIRE(connection->CreateCollection("docs", PlainSchema()).ok());
    std::atomic<bool> stop = false;
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (uint64_t thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread]() {
        auto docs = connection->OpenCollection("docs");
        for (uint64_t i = 0; !stop; ++i) {
          UpsertRequest request = PlainPoints(1);
          request.points[0].id = thread * 1'000'000 + i;
          const absl::Status written = docs->Upsert(request).status();
          const absl::Status read = docs->Count({}).status();
          for (const absl::Status& status : {written, read}) {
            wrong += status.ok() || status.code() == absl::StatusCode::kUnavailable ? 0 : 1;
          }
        }
      });
    }
    for (int round = 0; round < 5; ++round) {
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
      served.Stop();
      served.Start();
    }
    stop = true;
    for (std::thread& thread : threads) {
      thread.join();
    }
    CHECK(wrong == 0);
    CHECK(connection->OpenCollection("docs")->Count({}).ok());
  }
}

}  // namespace
}  // namespace perigee::client
