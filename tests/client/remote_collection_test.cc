// SPDX-License-Identifier: Apache-2.0
#include "perigee/client/remote_collection.h"

#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "perigee/client/connection.h"
#include "perigee/model/limits.h"
#include "storage/foundation/error_reason.h"
#include "tests/server/served_database.h"

namespace perigee::client {
namespace {

using server::PlainPoints;
using server::PlainSchema;
using server::ServedDatabase;

// The same collection, through the server and beside it.
struct Fixture {
  Fixture()
      : connection(*Connection::Open(served.address(), {})),
        remote(*connection->CreateCollection("docs", PlainSchema())),
        local(*served.database().OpenCollection("docs")) {}

  ServedDatabase served;
  std::unique_ptr<Connection> connection;
  RemoteCollection remote;
  perigee::Collection local;
};

TEST_CASE("every method answers what the engine answers") {
  Fixture fixture;
  const auto written = fixture.remote.Upsert(PlainPoints(50));
  REQUIRE_MESSAGE(written.ok(), written.status().ToString());
  CHECK(written->affected == 50);
  CHECK(written->seq > 0);
  CHECK(written->durability == "durable");

  Query query = {.target = std::vector<float>{1, 2, 3, 4}, .limit = 7, .offset = 2};
  query.filter = *ParseFilterJson(R"({"must":[{"key":"n","range":{"gte":5}}]})");
  query.with_vectors.kind = VectorSelector::Kind::kAll;
  const auto remote = fixture.remote.Query(query);
  const auto local = fixture.local.Query(query);
  REQUIRE_MESSAGE(remote.ok(), remote.status().ToString());
  CHECK(remote->hits == local->hits);
  CHECK(remote->hits.size() == 7);
  CHECK(remote->exact == local->exact);
  CHECK(remote->plan == local->plan);
  CHECK(remote->seq == local->seq);
  CHECK(remote->epoch == local->epoch);
  CHECK(remote->recall_estimate == local->recall_estimate);
  CHECK(remote->coverage == local->coverage);

  const std::vector<Query> batch = {query, {.target = PointId(uint64_t{3}), .limit = 3}};
  const auto answers = fixture.remote.QueryBatch(batch);
  REQUIRE(answers.ok());
  REQUIRE(answers->size() == 2);
  CHECK((*answers)[0].hits == local->hits);
  CHECK((*answers)[1].hits == fixture.local.Query(batch[1])->hits);

  GetRequest get = {.ids = {uint64_t{9}, "nothing", uint64_t{1}}};
  CHECK(fixture.remote.Get(get)->points == fixture.local.Get(get)->points);
  get.with_payload.kind = PayloadSelector::Kind::kNone;
  get.with_vectors.kind = VectorSelector::Kind::kAll;
  CHECK(fixture.remote.Get(get)->points == fixture.local.Get(get)->points);

  CountRequest count;
  CHECK(fixture.remote.Count(count)->count == 50);
  count.filter = query.filter;
  CHECK(fixture.remote.Count(count)->count == 45);
  CHECK(fixture.remote.Count(count)->filter_scanned == fixture.local.Count(count)->filter_scanned);

  const auto plan = fixture.remote.Explain(query);
  REQUIRE(plan.ok());
  CHECK(plan->filter_text == fixture.local.Explain(query)->filter_text);
  CHECK(plan->segments.size() == fixture.local.Explain(query)->segments.size());

  CHECK(fixture.remote.Describe()->uuid == fixture.local.Describe()->uuid);
  CHECK(fixture.remote.Flush().ok());
  CHECK(fixture.remote.Delete({.ids = {uint64_t{1}, uint64_t{1'000}}})->affected == 1);
  CHECK(fixture.remote.Optimize().ok());
  CHECK(fixture.local.Count({})->count == 49);
}

TEST_CASE("scrolling through the server visits every point once") {
  Fixture fixture;
  REQUIRE(fixture.remote.Upsert(PlainPoints(100)).ok());
  ScrollRequest request = {.limit = 7};
  std::vector<Point> points;
  do {
    const auto page = fixture.remote.Scroll(request);
    REQUIRE(page.ok());
    points.insert(points.end(), page->points.begin(), page->points.end());
    request.cursor = page->next_cursor;
  } while (!request.cursor.empty());
  CHECK(points.size() == 100);
  CHECK(points == fixture.local.Scroll({.limit = 1'000})->points);
}

TEST_CASE("answers of many pages arrive whole") {
  Fixture fixture;
  UpsertRequest request = PlainPoints(3'000);
  for (Point& point : request.points) {
    point.payload.emplace_back("text", PayloadValue(std::string(2'000, 'a')));
  }
  REQUIRE(fixture.remote.Upsert(request).ok());
  Query query = {.target = std::vector<float>{1, 2, 3, 4}, .limit = 3'000};
  query.with_vectors.kind = VectorSelector::Kind::kAll;
  const auto answer = fixture.remote.Query(query);
  REQUIRE_MESSAGE(answer.ok(), answer.status().ToString());
  CHECK(answer->hits == fixture.local.Query(query)->hits);
  const std::vector<Query> batch(3, query);
  const auto answers = fixture.remote.QueryBatch(batch);
  REQUIRE_MESSAGE(answers.ok(), answers.status().ToString());
  for (const QueryResult& result : *answers) {
    CHECK(result.hits == answer->hits);
  }
  ScrollRequest scroll = {.limit = 3'000};
  scroll.with_vectors.kind = VectorSelector::Kind::kAll;
  CHECK(fixture.remote.Scroll(scroll)->points == request.points);
}

TEST_CASE("bad requests fail as they do beside the server") {
  Fixture fixture;
  REQUIRE(fixture.remote.Upsert(PlainPoints(3)).ok());
  const auto same_query = [&fixture](const Query& query) {
    const auto remote = fixture.remote.Query(query).status();
    const auto local = fixture.local.Query(query).status();
    CHECK(!local.ok());
    CAPTURE(remote.ToString());
    CAPTURE(local.ToString());
    CHECK(remote.code() == local.code());
    CHECK(GetErrorReason(remote) == GetErrorReason(local));
  };
  same_query({.target = std::vector<float>{1, 2}});
  same_query({.target = std::vector<float>{0, 0, 0, 0}});
  same_query({.target = std::vector<float>{1, 2, 3, NAN}});
  same_query({.target = PointId("missing")});
  same_query({.target = std::vector<float>{1, 2, 3, 4}, .using_vector = "other"});
  same_query({.target = std::vector<float>{1, 2, 3, 4}, .limit = 0});
  same_query({.target = std::vector<float>{1, 2, 3, 4}, .limit = 20'000});
  same_query({.target = std::vector<float>{1, 2, 3, 4}, .filter = Filter{.node = OrNode{}}});
  same_query({.target = std::vector<float>{1, 2, 3, 4}, .recall = 2.0});
  same_query({.target = std::vector<float>{1, 2, 3, 4}, .ef = 0});
  same_query({.target = std::vector<float>{1, 2, 3, 4}, .timeout_ms = 0});

  const auto same_upsert = [&fixture](const UpsertRequest& request) {
    const auto remote = fixture.remote.Upsert(request).status();
    const auto local = fixture.local.Upsert(request).status();
    CHECK(!local.ok());
    CAPTURE(remote.ToString());
    CAPTURE(local.ToString());
    CHECK(remote.code() == local.code());
    CHECK(GetErrorReason(remote) == GetErrorReason(local));
  };
  same_upsert({});
  UpsertRequest twice = PlainPoints(1);
  twice.points.push_back(twice.points[0]);
  same_upsert(twice);
  UpsertRequest existing = PlainPoints(1);
  existing.mode = UpsertMode::kInsert;
  same_upsert(existing);
  UpsertRequest long_id = PlainPoints(1);
  long_id.points[0].id = std::string(257, 'x');
  same_upsert(long_id);
  UpsertRequest not_a_number = PlainPoints(1);
  not_a_number.points[0].payload = {{"x", PayloadValue(std::nan(""))}};
  same_upsert(not_a_number);
  UpsertRequest invalid_text = PlainPoints(1);
  invalid_text.points[0].payload = {{"x", PayloadValue(std::string("\xff"))}};
  same_upsert(invalid_text);
  UpsertRequest many;
  many.points.resize(limits::kWriteBatchPointsMax + 1);
  same_upsert(many);
  CHECK(fixture.local.Count({})->count == 3);
  CHECK(fixture.remote.Scroll({.cursor = "garbage"}).status().code() ==
        fixture.local.Scroll({.cursor = "garbage"}).status().code());
}

TEST_CASE("a request beyond the largest message is refused before it is sent") {
  Fixture fixture;
  UpsertRequest request;
  for (uint64_t id = 0; id < 400; ++id) {
    Point point;
    point.id = id;
    point.vectors[""] = std::vector<float>(60'000, 1.0F);
    request.points.push_back(std::move(point));
  }
  const auto written = fixture.remote.Upsert(request);
  CHECK(GetErrorReason(written.status()) == ErrorReason::kLimit);
  CHECK(fixture.remote.Count({})->count == 0);
}

TEST_CASE("a batch beyond one log group is refused by the server") {
  Fixture fixture;
  UpsertRequest request = PlainPoints(100);
  for (Point& point : request.points) {
    point.payload.emplace_back("a", PayloadValue(std::string(60'000, 'x')));
    point.payload.emplace_back("b", PayloadValue(std::string(60'000, 'x')));
    point.payload.emplace_back("c", PayloadValue(std::string(60'000, 'x')));
  }
  CHECK(GetErrorReason(fixture.remote.Upsert(request).status()) == ErrorReason::kLimit);
}

}  // namespace
}  // namespace perigee::client
