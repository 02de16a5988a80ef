// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/collection_capability.h"

#include <doctest/doctest.h>

#include "tests/server/raw_client.h"
#include "tests/server/served_database.h"

namespace perigee::server {
namespace {

uint16_t Code(absl::StatusCode code) { return static_cast<uint16_t>(code); }

// A served collection and a client that sends what the library would not.
struct Fixture {
  Fixture() : client((Prepare(served), served.socket_path())), docs(client.Collection("docs")) {}

  static void Prepare(ServedDatabase& served) {
    REQUIRE(served.database().CreateCollection("docs", PlainSchema()).ok());
    REQUIRE(served.database().OpenCollection("docs")->Upsert(PlainPoints(10)).ok());
  }

  ServedDatabase served;
  RawClient client;
  schema::Collection::Client docs;
};

TEST_CASE("lists beyond their limits are refused") {
  Fixture fixture;
  auto upsert = fixture.docs.upsertRequest();
  upsert.initPoints(4'097);
  upsert.setMode(schema::UpsertMode::UPSERT);
  const auto written = fixture.client.Wait(upsert.send());
  CHECK(written.getResult().getStatus().getCode() == Code(absl::StatusCode::kInvalidArgument));
  CHECK(written.getResult().getStatus().getReason() == schema::Reason::LIMIT);

  auto remove = fixture.docs.deleteRequest();
  remove.initIds(4'097);
  CHECK(fixture.client.Wait(remove.send()).getResult().getStatus().getReason() ==
        schema::Reason::LIMIT);

  auto batch = fixture.docs.queryBatchRequest();
  batch.initQueries(257);
  CHECK(fixture.client.Wait(batch.send()).getResult().getStatus().getReason() ==
        schema::Reason::LIMIT);
}

TEST_CASE("what no mode, id or payload says is refused and nothing is written") {
  Fixture fixture;
  auto upsert = fixture.docs.upsertRequest();
  upsert.initPoints(1);
  CHECK(fixture.client.Wait(upsert.send()).getResult().getStatus().getCode() ==
        Code(absl::StatusCode::kInvalidArgument));

  auto broken = fixture.docs.upsertRequest();
  auto point = broken.initPoints(1)[0];
  point.initId().setInteger(77);
  point.initVectors(1)[0].initValues(4).set(0, 1.0F);
  point.setPayload("{\"a\":");
  broken.setMode(schema::UpsertMode::UPSERT);
  CHECK(fixture.client.Wait(broken.send()).getResult().getStatus().getCode() ==
        Code(absl::StatusCode::kInvalidArgument));

  const auto count = fixture.client.Wait(fixture.docs.countRequest().send());
  CHECK(count.getResult().getCounted().getCount() == 10);
}

TEST_CASE("a query that the model refuses is refused here too") {
  Fixture fixture;
  auto query = fixture.docs.queryRequest();
  query.initQuery().getTarget().initVector(4);  // zero under cosine
  CHECK(fixture.client.Wait(query.send()).getResult().getStatus().getCode() ==
        Code(absl::StatusCode::kInvalidArgument));
  auto late = fixture.docs.queryRequest();
  late.initQuery().getTarget().initVector(4).set(0, 1.0F);
  late.getQuery().setTimeoutMs(0);
  CHECK(fixture.client.Wait(late.send()).getResult().getStatus().getCode() ==
        Code(absl::StatusCode::kInvalidArgument));
}

TEST_CASE("calls on a dropped collection answer not found") {
  Fixture fixture;
  REQUIRE(fixture.served.database().DropCollection("docs").ok());
  CHECK(fixture.client.Wait(fixture.docs.describeRequest().send())
            .getResult()
            .getStatus()
            .getCode() == Code(absl::StatusCode::kNotFound));
}

TEST_CASE("after the last page there is an error, not a crash") {
  Fixture fixture;
  auto docs = *fixture.served.database().OpenCollection("docs");
  UpsertRequest request = PlainPoints(2'000);
  for (Point& point : request.points) {
    point.payload = {{"text", PayloadValue(std::string(1'500, 'z'))}};
  }
  REQUIRE(docs.Upsert(request).ok());
  auto scroll = fixture.docs.scrollRequest();
  scroll.setLimit(2'000);
  const auto first = fixture.client.Wait(scroll.send());
  REQUIRE(first.getResult().isPage());
  REQUIRE(first.getResult().getPage().hasRest());
  schema::PointPages::Client rest = first.getResult().getPage().getRest();
  size_t points = first.getResult().getPage().getPoints().size();
  bool last = false;
  while (!last) {
    const auto page = fixture.client.Wait(rest.nextRequest().send());
    REQUIRE(page.getResult().isPage());
    points += page.getResult().getPage().getPoints().size();
    last = page.getResult().getPage().getLast();
  }
  CHECK(points == 2'000);
  CHECK(fixture.client.Wait(rest.nextRequest().send()).getResult().isStatus());
}

}  // namespace
}  // namespace perigee::server
