// SPDX-License-Identifier: Apache-2.0
#include "perigee/client/connection.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <thread>

#include "storage/foundation/error_reason.h"
#include "tests/server/served_database.h"

namespace perigee::client {
namespace {

using server::PlainPoints;
using server::PlainSchema;
using server::ServedDatabase;

std::unique_ptr<Connection> Connect(const ServedDatabase& served) {
  auto connection = Connection::Open(served.address(), {});
  REQUIRE_MESSAGE(connection.ok(), connection.status().ToString());
  return *std::move(connection);
}

TEST_CASE("the catalogue through a connection") {
  ServedDatabase served;
  const auto connection = Connect(served);
  CHECK(!*connection->CollectionExists("docs"));
  const auto created = connection->CreateCollection("docs", PlainSchema());
  REQUIRE_MESSAGE(created.ok(), created.status().ToString());
  CHECK(created->name() == "docs");
  CHECK(created->schema() == PlainSchema());
  CHECK(connection->CreateCollection("docs", PlainSchema()).status().code() ==
        absl::StatusCode::kAlreadyExists);
  CHECK(*connection->CollectionExists("docs"));
  CHECK(connection->OpenCollection("docs")->schema() == PlainSchema());
  CHECK(connection->OpenCollection("nothing").status().code() == absl::StatusCode::kNotFound);
  const auto list = connection->ListCollections();
  REQUIRE(list.ok());
  REQUIRE(list->size() == 1);
  CHECK((*list)[0].name == "docs");
  const auto status = connection->Status();
  REQUIRE(status.ok());
  CHECK(status->uuid == served.database().Status()->uuid);
  CHECK(connection->Flush().ok());
  CHECK(connection->DropCollection("docs").ok());
  CHECK(connection->DropCollection("docs").code() == absl::StatusCode::kNotFound);
  CHECK(connection->CreateCollection("docs", {}).status().code() ==
        absl::StatusCode::kInvalidArgument);
  CHECK(connection->CreateCollection("no/name", PlainSchema()).status().code() ==
        absl::StatusCode::kInvalidArgument);
}

TEST_CASE("a collection that was dropped and made again is found anew") {
  const ServedDatabase served;
  const auto connection = Connect(served);
  REQUIRE(connection->CreateCollection("docs", PlainSchema(4)).ok());
  REQUIRE(connection->OpenCollection("docs")->Upsert(PlainPoints(3, 4)).ok());
  REQUIRE(connection->DropCollection("docs").ok());
  REQUIRE(connection->CreateCollection("docs", PlainSchema(6)).ok());
  auto docs = connection->OpenCollection("docs");
  REQUIRE(docs.ok());
  CHECK(docs->schema() == PlainSchema(6));
  CHECK(docs->Count({})->count == 0);
  CHECK(docs->Upsert(PlainPoints(2, 6)).ok());
}

TEST_CASE("addresses that are none, and addresses where nobody is") {
  for (const char* address :
       {"perigee://", "perigee://host", "perigee://host:notaport", "unix:", "directory"}) {
    CHECK(Connection::Open(address, {}).status().code() == absl::StatusCode::kInvalidArgument);
  }
  for (const char* address : {"perigee://127.0.0.1:1", "unix:/nowhere/socket"}) {
    const auto connection = Connection::Open(address, {});
    CHECK(connection.status().code() == absl::StatusCode::kUnavailable);
    CHECK(std::string(connection.status().message()).find(address) != std::string::npos);
    CHECK(std::string(connection.status().message()).find("connect") != std::string::npos);
  }
}

TEST_CASE("a server that never answers is given up") {
  const storage::TemporaryDirectory directory;
  const std::string path = directory.PathOf("silent");
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  REQUIRE(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  REQUIRE(listen(fd, 1) == 0);
  const auto connection = Connection::Open("unix:" + path, {.connect_timeout_ms = 50});
  CHECK(connection.status().code() == absl::StatusCode::kUnavailable);
  close(fd);
}

TEST_CASE("a key that the server does not know") {
  const ServedDatabase served;
  const auto connection = Connection::Open(served.address(), {.api_key = "pgk_secret"});
  CHECK(connection.status().code() == absl::StatusCode::kUnauthenticated);
}

TEST_SUITE("event_loop") {
  TEST_CASE("many threads share a connection") {
    ServedDatabase served;
    const auto connection = Connect(served);
    REQUIRE(connection->CreateCollection("docs", PlainSchema()).ok());
    std::vector<std::thread> threads;
    std::atomic<int> failures = 0;
    for (uint64_t thread = 0; thread < 8; ++thread) {
      threads.emplace_back([&, thread]() {
        auto docs = connection->OpenCollection("docs");
        for (uint64_t i = 0; i < 20; ++i) {
          UpsertRequest request = PlainPoints(1);
          request.points[0].id = thread * 1'000 + i;
          const bool written = docs->Upsert(request).ok();
          const auto found = docs->Get({.ids = {request.points[0].id}});
          failures += written && found.ok() && found->points.size() == 1 ? 0 : 1;
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    CHECK(failures == 0);
    CHECK(served.database().OpenCollection("docs")->Count({})->count == 160);
  }
}

}  // namespace
}  // namespace perigee::client
