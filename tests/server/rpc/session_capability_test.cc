// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/session_capability.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/server/raw_client.h"
#include "tests/server/served_database.h"

namespace perigee::server {
namespace {

uint16_t Code(absl::StatusCode code) { return static_cast<uint16_t>(code); }

TEST_CASE("collections are made, found, listed and dropped") {
  ServedDatabase served;
  RawClient client(served.socket_path());
  schema::Session::Client session = client.Session();

  auto create = session.createCollectionRequest();
  create.setName("docs");
  auto vector = create.initSchema().initVectors(1)[0];
  vector.setDimension(4);
  vector.setMetric(schema::DistanceMetric::COSINE);
  vector.setElement(schema::VectorElement::FLOAT32);
  vector.setHnswM(16);
  vector.setHnswEfConstruction(100);
  CHECK(client.Wait(create.send()).getResult().isCollection());
  CHECK(*served.database().CollectionExists("docs"));

  auto exists = session.collectionExistsRequest();
  exists.setName("docs");
  CHECK(client.Wait(exists.send()).getResult().getExists());

  const auto list = client.Wait(session.listCollectionsRequest().send());
  REQUIRE(list.getResult().isCollections());
  CHECK(list.getResult().getCollections().size() == 1);

  const auto status = client.Wait(session.statusRequest().send());
  REQUIRE(status.getResult().isDatabase());
  CHECK(status.getResult().getDatabase().getEpoch() >= 1);

  CHECK(client.Wait(session.flushRequest().send()).getStatus().getCode() == 0);

  auto drop = session.dropCollectionRequest();
  drop.setName("docs");
  CHECK(client.Wait(drop.send()).getStatus().getCode() == 0);
  CHECK(!*served.database().CollectionExists("docs"));
}

TEST_CASE("snapshots go by name below the directory that the operator chose") {
  const auto take = [](ServedDatabase& served, const std::string& name) {
    RawClient client(served.socket_path());
    auto request = client.Session().createSnapshotRequest();
    request.setName(name.c_str());
    const auto response = client.Wait(request.send());
    const auto result = response.getResult();
    return result.isTaken() ? uint16_t{0} : result.getStatus().getCode();
  };
  ServedDatabase none;
  CHECK(take(none, "monday") == Code(absl::StatusCode::kFailedPrecondition));

  ServedDatabase served({.takes_snapshots = true});
  std::filesystem::create_directory(served.snapshot_directory());
  for (const char* name : {"", ".", "..", "../x", "a/b", "/tmp/x", ".hidden", "-x", "a b"}) {
    CAPTURE(name);
    CHECK(take(served, name) == Code(absl::StatusCode::kInvalidArgument));
  }
  CHECK(std::filesystem::is_empty(served.snapshot_directory()));
  CHECK(take(served, "monday") == 0);
  CHECK(std::filesystem::exists(served.snapshot_directory() + "/monday/SNAPSHOT"));
  CHECK(take(served, "monday") == Code(absl::StatusCode::kAlreadyExists));
}

TEST_CASE("errors of the engine are data") {
  const ServedDatabase served;
  RawClient client(served.socket_path());
  schema::Session::Client session = client.Session();
  auto open = session.collectionRequest();
  open.setName("missing");
  CHECK(client.Wait(open.send()).getResult().getStatus().getCode() ==
        Code(absl::StatusCode::kNotFound));
  auto long_name = session.collectionRequest();
  long_name.setName(std::string(100'000, 'x').c_str());
  CHECK(client.Wait(long_name.send()).getResult().getStatus().getCode() ==
        Code(absl::StatusCode::kInvalidArgument));
  auto create = session.createCollectionRequest();
  create.setName("docs");
  CHECK(client.Wait(create.send()).getResult().getStatus().getCode() ==
        Code(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace perigee::server
