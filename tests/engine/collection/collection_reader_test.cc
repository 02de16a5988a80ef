// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/collection_reader.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "engine/distance/query_vector.h"
#include "perigee/model/limits.h"
#include "storage/foundation/error_reason.h"
#include "tests/engine/collection/segment_fixture.h"
#include "tests/support/test_seed.h"

namespace perigee::engine {
namespace {

/// A filter and the same said in C++.
struct FilterCase {
  std::optional<Filter> filter;
  std::function<bool(const Point&)> holds;
};

const PayloadValue* Member(const Point& point, std::string_view key) {
  return FindMember(point.payload, key);
}

bool LangIs(const Point& point, const char* lang) {
  const PayloadValue* value = Member(point, "lang");
  return value != nullptr && *value == PayloadValue(lang);
}

FilterCase RandomFilterCase(Random& random) {
  switch (Below(random, 7)) {
    case 0:
      return {ParseFilterText("lang = 'en'").value(),
              [](const Point& point) { return LangIs(point, "en"); }};
    case 1:
      return {ParseFilterText("NOT lang = 'de'").value(),
              [](const Point& point) { return !LangIs(point, "de"); }};
    case 2:
      return {ParseFilterText("year >= 2012").value(), [](const Point& point) {
                const PayloadValue* year = Member(point, "year");
                return year != nullptr && *year->As<int64_t>() >= 2012;
              }};
    case 3:
      return {Filter{HasVectorCondition{.name = "title"}},
              [](const Point& point) { return point.vectors.contains("title"); }};
    case 4:
      return {Filter{HasIdCondition{.ids = {IdOf(1), IdOf(2), IdOf(3), IdOf(400), IdOf(5)}}},
              [](const Point& point) {
                return point.id == IdOf(1) || point.id == IdOf(2) || point.id == IdOf(3) ||
                       point.id == IdOf(5);
              }};
    case 5:
      return {Filter{AndNode{}}, [](const Point&) { return true; }};
    default:
      return {std::nullopt, [](const Point&) { return true; }};
  }
}

struct ModelHit {
  float distance;
  std::string encoded_id;
  uint64_t version;

  friend bool operator==(const ModelHit&, const ModelHit&) = default;
};

/// All matching points in the order of contract.md: (distance, encoded id).
std::vector<ModelHit> Rank(const Model& model, const CollectionSchema& schema, size_t ordinal,
                           const std::vector<float>& target,
                           const std::function<bool(const Point&)>& holds) {
  const VectorSchema& vector = schema.vectors[ordinal];
  const QueryVector query = QueryVector::Create(vector, target).value();
  std::vector<ModelHit> hits;
  for (const auto& [encoded_id, entry] : model) {
    if (!entry.point.vectors.contains(vector.name) || !holds(entry.point)) {
      continue;
    }
    const StoredRow row(entry.point, schema);
    const std::vector<float>& values = entry.point.vectors.at(vector.name);
    const float distance = query.DistanceTo(row.image().vectors[ordinal].data(),
                                            VectorNorm(values.data(), values.size()));
    hits.push_back({distance, encoded_id, entry.version});
  }
  std::sort(hits.begin(), hits.end(), [](const ModelHit& a, const ModelHit& b) {
    return a.distance < b.distance || (a.distance == b.distance && a.encoded_id < b.encoded_id);
  });
  return hits;
}

std::vector<ModelHit> HitsOf(const QueryResult& result) {
  std::vector<ModelHit> hits;
  for (const ScoredPoint& point : result.hits) {
    hits.push_back({point.distance, point.id.Encode(), point.version});
  }
  return hits;
}

std::vector<float> RandomTarget(Random& random, uint32_t dimension) {
  std::vector<float> values(dimension);
  for (float& value : values) {
    value = static_cast<float>(Below(random, 9)) / 4.0F - 1.0F;
  }
  values[0] = 0.75F;
  return values;
}

enum class Layout { kGrowing, kSealed, kMixed };

TestCollection& Fill(TestCollection& collection, Layout layout, Random& random, int steps) {
  for (int step = 0; step < steps; ++step) {
    const uint64_t kind = Below(random, 12);
    if (kind < 2) {
      collection.Delete({IdOf(Below(random, 120)), IdOf(Below(random, 120) + 120)});
    } else if (kind == 2 && layout != Layout::kGrowing) {
      collection.Seal();
    } else if (kind == 3 && layout == Layout::kMixed) {
      collection.Freeze();
    } else if (kind == 4 && layout != Layout::kGrowing) {
      collection.Compact();
    } else {
      std::vector<Point> points;
      std::set<uint64_t> numbers;
      for (uint64_t i = 0; i <= Below(random, 12); ++i) {
        numbers.insert(Below(random, 120));
      }
      for (const uint64_t number : numbers) {
        points.push_back(RandomPoint(random, IdOf(number)));
      }
      kind == 5 && layout != Layout::kGrowing ? collection.Attach(points)
                                              : collection.Upsert(points);
    }
  }
  if (layout == Layout::kSealed) {
    collection.Seal();
  }
  return collection;
}

void CheckQueries(const TestCollection& collection, Random& random) {
  const auto snapshot = collection.Snapshot();
  const CollectionReader reader(snapshot);
  for (int i = 0; i < 25; ++i) {
    const size_t ordinal = Below(random, 3);
    const VectorSchema& vector = collection.schema().vectors[ordinal];
    const FilterCase filter = RandomFilterCase(random);
    Query query{.target = RandomTarget(random, vector.dimension),
                .using_vector = vector.name,
                .limit = static_cast<uint32_t>(1 + Below(random, 30)),
                .offset = static_cast<uint32_t>(Below(random, 3) * Below(random, 10)),
                .filter = filter.filter};
    query.exact = Below(random, 2) == 0;
    if (ordinal == 0 && Below(random, 2) == 0) {
      query.using_vector.reset();
    }
    std::vector<ModelHit> expected = Rank(collection.model(), collection.schema(), ordinal,
                                          std::get<std::vector<float>>(query.target), filter.holds);
    const uint64_t matching = expected.size();
    const absl::StatusOr<QueryResult> result = reader.Query(query);
    REQUIRE_MESSAGE(result.ok(), result.status().ToString());
    expected.erase(expected.begin(),
                   expected.begin() + std::min<ptrdiff_t>(query.offset, std::ssize(expected)));
    expected.resize(std::min<size_t>(query.limit, expected.size()));
    const uint64_t skipped = std::min<uint64_t>(query.offset, matching);
    REQUIRE(result->hits.size() == std::min<uint64_t>(query.limit, matching - skipped));
    CHECK(result->seq == collection.seq());
    CHECK(result->epoch == collection.epoch());
    CHECK(result->coverage.rows_done == collection.model().size());
    CHECK(result->coverage.rows_total == result->coverage.rows_done);
    CHECK(result->recall_estimate.has_value() == result->exact);
    if (query.exact) {
      CHECK(result->exact);
    }
    if (result->exact) {
      CHECK(HitsOf(*result) == expected);
    }
    for (const ScoredPoint& hit : result->hits) {
      const ModelPoint& entry = collection.model().at(hit.id.Encode());
      CHECK(hit.version == entry.version);
      CHECK(hit.payload == entry.point.payload);
      CHECK(hit.vectors.empty());
      CHECK(hit.score == ScoreOfDistance(vector.metric, hit.distance));
      CHECK(filter.holds(entry.point));
    }
  }
}

void CheckPointReads(const TestCollection& collection, Random& random) {
  const CollectionReader reader(collection.Snapshot());
  const FilterCase filter = RandomFilterCase(random);
  std::vector<Point> matching;
  for (const auto& [encoded_id, entry] : collection.model()) {
    if (filter.holds(entry.point)) {
      matching.push_back(entry.point);
    }
  }
  const auto count = reader.Count({.filter = filter.filter});
  REQUIRE(count.ok());
  CHECK(count->count == matching.size());

  std::vector<Point> scrolled;
  ScrollRequest scroll{.limit = static_cast<uint32_t>(1 + Below(random, 20)),
                       .filter = filter.filter};
  scroll.with_vectors.kind = VectorSelector::Kind::kAll;
  while (true) {
    const auto page = reader.Scroll(scroll);
    REQUIRE_MESSAGE(page.ok(), page.status().ToString());
    CHECK(page->points.size() <= scroll.limit);
    scrolled.insert(scrolled.end(), page->points.begin(), page->points.end());
    if (page->next_cursor.empty()) {
      break;
    }
    REQUIRE(page->points.size() == scroll.limit);
    scroll.cursor = page->next_cursor;
  }
  CHECK(scrolled == matching);

  GetRequest get;
  get.with_vectors.kind = VectorSelector::Kind::kAll;
  std::vector<Point> expected;
  for (int i = 0; i < 40; ++i) {
    get.ids.push_back(IdOf(Below(random, 150)));
    const auto entry = collection.model().find(get.ids.back().Encode());
    if (entry != collection.model().end()) {
      expected.push_back(entry->second.point);
    }
  }
  const auto got = reader.Get(get);
  REQUIRE(got.ok());
  CHECK(got->points == expected);
}

Point SimplePoint(const PointId& id, float x) {
  return {.id = id, .vectors = {{"", {x, 1, 0, 0, 0, 0, 0, 0}}}, .payload = {{"x", double{x}}}};
}

TEST_SUITE("collection_reader") {
  TEST_CASE("random data in every layout answers like a map") {
    const uint64_t seed = tests::TestSeed(20'240'501);
    CAPTURE(seed);
    Random random(seed);
    for (const Layout layout : {Layout::kGrowing, Layout::kSealed, Layout::kMixed}) {
      CAPTURE(static_cast<int>(layout));
      TestCollection collection;
      for (int round = 0; round < 6; ++round) {
        Fill(collection, layout, random, 12);
        CheckQueries(collection, random);
        CheckPointReads(collection, random);
      }
    }
  }

  TEST_CASE("answers without graphs are the same as with them") {
    const uint64_t seed = tests::TestSeed(5);
    for (const uint32_t index_rows_min : {30U, 1'000'000U}) {
      Random random(seed);
      TestCollection collection(index_rows_min);
      Fill(collection, Layout::kSealed, random, 60);
      CheckQueries(collection, random);
      CheckPointReads(collection, random);
    }
  }

  TEST_CASE("score_threshold applies after the top k, for every metric") {
    TestCollection collection;
    std::vector<Point> points;
    for (uint64_t i = 0; i < 20; ++i) {
      Point point = SimplePoint(i, static_cast<float>(i));
      point.vectors["title"] = {static_cast<float>(i), 0, 0, 0, 0};
      point.vectors["image"] = std::vector<float>(70, static_cast<float>(i));
      points.push_back(point);
    }
    collection.Upsert(points);
    const CollectionReader reader(collection.Snapshot());
    for (const VectorSchema& vector : collection.schema().vectors) {
      std::vector<float> target(vector.dimension, 0.0F);
      target[0] = 2.0F;
      Query query{.target = target, .using_vector = vector.name, .limit = 10, .offset = 2};
      const auto all = reader.Query(query);
      REQUIRE(all.ok());
      REQUIRE(all->hits.size() == 10);
      query.score_threshold = all->hits[4].score;
      const auto some = reader.Query(query);
      REQUIRE(some.ok());
      size_t kept = 0;
      for (const ScoredPoint& hit : all->hits) {
        kept += hit.score >= *query.score_threshold ? 1 : 0;
      }
      CHECK(kept >= 5);
      CHECK(kept < 10);
      REQUIRE(some->hits.size() == kept);
      CHECK(std::equal(some->hits.begin(), some->hits.end(), all->hits.begin()));
    }
  }

  TEST_CASE("a query by id leaves that point out, and needs the point and its vector") {
    for (const bool seal : {false, true}) {
      TestCollection collection;
      Point without{.id = "without", .vectors = {{"title", {1, 0, 0, 0, 0}}}};
      collection.Upsert({SimplePoint("a", 1), SimplePoint("b", 1), SimplePoint("c", 2), without});
      if (seal) {
        collection.Seal();
      }
      const CollectionReader reader(collection.Snapshot());
      const auto result = reader.Query({.target = PointId("a")});
      REQUIRE(result.ok());
      REQUIRE(result->hits.size() == 2);
      CHECK(result->hits[0].id == PointId("b"));
      CHECK(result->hits[0].distance == doctest::Approx(0).epsilon(1e-6));
      CHECK(result->hits[1].id == PointId("c"));
      CHECK(reader.Query({.target = PointId("without")}).status().code() ==
            absl::StatusCode::kNotFound);
      CHECK(reader.Query({.target = PointId("missing")}).status().code() ==
            absl::StatusCode::kNotFound);
      const auto title = reader.Query({.target = PointId("without"), .using_vector = "title"});
      REQUIRE(title.ok());
      CHECK(title->hits.empty());
      // A filter that names the point does not bring it back.
      Query named{.target = PointId("a")};
      named.filter = Filter{HasIdCondition{.ids = {PointId("a"), PointId("c")}}};
      const auto filtered = reader.Query(named);
      REQUIRE(filtered.ok());
      REQUIRE(filtered->hits.size() == 1);
      CHECK(filtered->hits[0].id == PointId("c"));
    }
  }

  TEST_CASE("a deleted point cannot be queried by") {
    TestCollection collection;
    collection.Upsert({SimplePoint("a", 1), SimplePoint("b", 1)});
    collection.Seal();
    const CollectionReader before(collection.Snapshot());
    collection.Delete({PointId("a")});
    const CollectionReader after(collection.Snapshot());
    CHECK(before.Query({.target = PointId("a")}).ok());
    CHECK(after.Query({.target = PointId("a")}).status().code() == absl::StatusCode::kNotFound);
  }

  TEST_CASE("using names a vector, and may be absent only if there is an unnamed one") {
    TestCollection collection;
    collection.Upsert({SimplePoint("a", 1)});
    const CollectionReader reader(collection.Snapshot());
    const std::vector<float> target(8, 1.0F);
    CHECK(reader.Query({.target = target}).ok());
    CHECK(reader.Query({.target = target, .using_vector = ""}).ok());
    CHECK(reader.Query({.target = target, .using_vector = "titel"}).status().code() ==
          absl::StatusCode::kInvalidArgument);
    CHECK(reader.Query({.target = target, .using_vector = "title"}).status().code() ==
          absl::StatusCode::kInvalidArgument);  // the dimension of another vector

    CollectionSchema named = *MixedSchema();
    named.vectors.erase(named.vectors.begin());
    const CollectionReader no_unnamed(
        CollectionSnapshot::Make({.collection = {},
                                  .schema = std::make_shared<const CollectionSchema>(named),
                                  .seq = 1,
                                  .epoch = 1},
                                 SegmentList()));
    CHECK(no_unnamed.Query({.target = std::vector<float>(5, 1.0F)}).status().code() ==
          absl::StatusCode::kInvalidArgument);
    const auto empty =
        no_unnamed.Query({.target = std::vector<float>(5, 1.0F), .using_vector = "title"});
    REQUIRE(empty.ok());
    CHECK(empty->hits.empty());
    CHECK(empty->exact);
  }

  TEST_CASE("points that exist throughout appear once across pages with writes between") {
    const uint64_t seed = tests::TestSeed(99);
    CAPTURE(seed);
    Random random(seed);
    TestCollection collection;
    std::vector<Point> points;
    for (uint64_t i = 0; i < 200; ++i) {
      points.push_back(RandomPoint(random, IdOf(i)));
    }
    collection.Upsert(points);
    // Numbers below 100 stay (some are written anew), the others come and go.
    std::map<std::string, int> seen;
    ScrollRequest request{.limit = 7};
    do {
      const auto page = CollectionReader(collection.Snapshot()).Scroll(request);
      REQUIRE(page.ok());
      for (const Point& point : page->points) {
        ++seen[point.id.Encode()];
      }
      request.cursor = page->next_cursor;
      collection.Upsert({RandomPoint(random, IdOf(Below(random, 100))),
                         RandomPoint(random, IdOf(100 + Below(random, 200)))});
      collection.Delete({IdOf(100 + Below(random, 200)), IdOf(100 + Below(random, 200))});
      switch (Below(random, 6)) {
        case 0:
          collection.Seal();
          break;
        case 1:
          collection.Freeze();
          break;
        case 2:
          collection.Compact();
          break;
        default:
          break;
      }
    } while (!request.cursor.empty());
    for (uint64_t i = 0; i < 100; ++i) {
      CHECK(seen[IdOf(i).Encode()] == 1);
    }
    for (const auto& [encoded_id, times] : seen) {
      CHECK(times == 1);
    }
  }

  TEST_CASE("a cursor of another collection or filter is refused") {
    TestCollection one;
    TestCollection two;
    for (TestCollection* collection : {&one, &two}) {
      collection->Upsert({SimplePoint("a", 1), SimplePoint("b", 1), SimplePoint("c", 2)});
    }
    const CollectionReader reader(one.Snapshot());
    const auto page = reader.Scroll({.limit = 2});
    REQUIRE(page.ok());
    REQUIRE_FALSE(page->next_cursor.empty());
    ScrollRequest next{.limit = 2, .filter = std::nullopt, .cursor = page->next_cursor};
    const auto last = reader.Scroll(next);
    REQUIRE(last.ok());
    CHECK(last->points.size() == 1);
    CHECK(last->next_cursor.empty());
    CHECK(CollectionReader(two.Snapshot()).Scroll(next).status().code() ==
          absl::StatusCode::kInvalidArgument);
    next.filter = ParseFilterText("x = 1").value();
    CHECK(reader.Scroll(next).status().code() == absl::StatusCode::kInvalidArgument);
    next = {.limit = 2, .filter = std::nullopt, .cursor = "b"};
    CHECK(reader.Scroll(next).status().code() == absl::StatusCode::kInvalidArgument);
  }

  TEST_CASE("an exactly full last page has no cursor") {
    TestCollection collection;
    collection.Upsert({SimplePoint("a", 1), SimplePoint("b", 1)});
    const auto page = CollectionReader(collection.Snapshot()).Scroll({.limit = 2});
    REQUIRE(page.ok());
    CHECK(page->points.size() == 2);
    CHECK(page->next_cursor.empty());
  }

  TEST_CASE("get answers in the order asked, once per asking") {
    TestCollection collection;
    collection.Upsert({SimplePoint("a", 1), SimplePoint("b", 2)});
    const auto result = CollectionReader(collection.Snapshot())
                            .Get({.ids = {PointId("b"), PointId("x"), PointId("a"), PointId("b")}});
    REQUIRE(result.ok());
    REQUIRE(result->points.size() == 3);
    CHECK(result->points[0].id == PointId("b"));
    CHECK(result->points[1].id == PointId("a"));
    CHECK(result->points[2].id == PointId("b"));
    CHECK(result->points[0].vectors.empty());
    CHECK(result->seq == 1);
  }

  TEST_CASE("selected paths and vectors") {
    TestCollection collection;
    Point point = SimplePoint("a", 1);
    point.vectors["title"] = {1, 2, 3, 4, 5};
    point.payload = {{"meta", PayloadObject{{"year", 2020}, {"month", 5}}}, {"lang", "en"}};
    collection.Upsert({point});
    const CollectionReader reader(collection.Snapshot());
    Query query{.target = std::vector<float>(8, 1.0F)};
    query.with_payload = {.kind = PayloadSelector::Kind::kPaths, .paths = {"meta.year", "none"}};
    query.with_vectors = {.kind = VectorSelector::Kind::kNames, .names = {"title"}};
    auto result = reader.Query(query);
    REQUIRE(result.ok());
    CHECK(result->hits.at(0).payload == Payload{{"meta", PayloadObject{{"year", 2020}}}});
    CHECK(result->hits.at(0).vectors == NamedVectors{{"title", {1, 2, 3, 4, 5}}});
    query.with_payload = {.kind = PayloadSelector::Kind::kNone, .paths = {}};
    query.with_vectors = {.kind = VectorSelector::Kind::kAll, .names = {}};
    result = reader.Query(query);
    REQUIRE(result.ok());
    CHECK_FALSE(result->hits.at(0).payload.has_value());
    CHECK(result->hits.at(0).vectors == point.vectors);
    query.with_vectors = {.kind = VectorSelector::Kind::kNames, .names = {"titel"}};
    CHECK(reader.Query(query).status().code() == absl::StatusCode::kInvalidArgument);
  }

  TEST_CASE("a batch answers in order on one snapshot, and names the query that fails") {
    TestCollection collection;
    collection.Upsert({SimplePoint("a", 1), SimplePoint("b", 2)});
    const CollectionReader reader(collection.Snapshot());
    std::vector<Query> queries = {{.target = PointId("a")}, {.target = PointId("b")}};
    const auto results = reader.QueryBatch(queries);
    REQUIRE(results.ok());
    REQUIRE(results->size() == 2);
    CHECK(results->at(0).hits.at(0).id == PointId("b"));
    CHECK(results->at(1).hits.at(0).id == PointId("a"));
    CHECK(results->at(0).seq == results->at(1).seq);
    queries.push_back({.target = PointId("missing")});
    const auto failed = reader.QueryBatch(queries);
    CHECK(failed.status().code() == absl::StatusCode::kNotFound);
    CHECK(failed.status().ToString().find("queries[2]") != std::string::npos);
    queries.assign(limits::kQueryBatchMax + 1, {.target = PointId("a")});
    CHECK(GetErrorReason(reader.QueryBatch(queries).status()) == ErrorReason::kLimit);
    CHECK(reader.QueryBatch({})->empty());
  }

  TEST_CASE("explain plans every segment and runs nothing") {
    TestCollection collection;
    std::vector<Point> points;
    for (uint64_t i = 0; i < 60; ++i) {
      points.push_back(SimplePoint(i, static_cast<float>(i)));
    }
    collection.Upsert(points);
    collection.Seal();
    collection.Upsert({SimplePoint("new", 1)});
    const CollectionReader reader(collection.Snapshot());
    Query query{.target = PointId("new")};
    query.filter = ParseFilterText("x > 3").value();
    const auto plan = reader.Explain(query);
    REQUIRE(plan.ok());
    REQUIRE(plan->segments.size() == 2);
    CHECK(plan->segments[0].segment == collection.segments().sealed[0]->name());
    CHECK(plan->segments[0].rows == 60);
    CHECK(plan->segments[1].segment == "growing");
    CHECK(plan->segments[1].strategy == "exact_scan");
    CHECK(plan->filter_text == ToText(*query.filter));
    CHECK(plan->filter_scanned);
    CHECK(plan->using_vector.empty());
    CHECK(plan->seq == collection.seq());
    query.target = PointId("missing");
    CHECK(reader.Explain(query).status().code() == absl::StatusCode::kNotFound);
  }

  TEST_CASE("filters that cannot be bound fail the call") {
    TestCollection collection;
    collection.Upsert({SimplePoint("a", 1)});
    const CollectionReader reader(collection.Snapshot());
    const Filter text{TextCondition{.path = "x", .text = "word"}};
    Query query{.target = PointId("a")};
    query.filter = text;
    CHECK(reader.Query(query).status().code() == absl::StatusCode::kUnimplemented);
    CHECK(reader.Count({.filter = text}).status().code() == absl::StatusCode::kUnimplemented);
    CHECK(reader.Scroll({.limit = 1, .filter = text}).status().code() ==
          absl::StatusCode::kUnimplemented);
  }

  TEST_CASE("a segment that cannot be read fails every call but a partial query") {
    TestCollection collection;
    collection.Upsert({SimplePoint("a", 1), SimplePoint("b", 1)});
    collection.segments().missing.push_back(
        {.uuid = storage::Uuid::Random(),
         .row_count = 8,
         .status = ErrorWithReason(ErrorReason::kDamaged, "section vectors[0] page 3")});
    const CollectionReader reader(collection.Snapshot());
    Query query{.target = PointId("a")};
    CHECK(reader.Query(query).status().code() == absl::StatusCode::kDataLoss);
    CHECK(reader.Explain(query).status().code() == absl::StatusCode::kDataLoss);
    CHECK(reader.Get({.ids = {PointId("a")}}).status().code() == absl::StatusCode::kDataLoss);
    CHECK(reader.Scroll({}).status().code() == absl::StatusCode::kDataLoss);
    CHECK(reader.Count({}).status().code() == absl::StatusCode::kDataLoss);
    query.allow_partial = true;
    const auto partial = reader.Query(query);
    REQUIRE(partial.ok());
    CHECK(partial->hits.size() == 1);
    CHECK(partial->coverage ==
          Coverage{.segments_done = 1, .segments_total = 2, .rows_done = 2, .rows_total = 10});
    // The point may be in the segment that cannot be read: not found would be a guess.
    query.target = PointId("c");
    CHECK(reader.Query(query).status().code() == absl::StatusCode::kDataLoss);
  }

  TEST_CASE("a cancelled call stops") {
    TestCollection collection;
    std::vector<Point> points;
    for (uint64_t i = 0; i < 2'000; ++i) {
      points.push_back(SimplePoint(i, static_cast<float>(i)));
    }
    collection.Upsert(points);
    const std::atomic<bool> cancelled{true};
    const CollectionReader reader(collection.Snapshot(), &cancelled);
    Query query{.target = std::vector<float>(8, 1.0F), .limit = 1};
    query.filter = ParseFilterText("x = 1").value();
    CHECK(reader.Query(query).status().code() == absl::StatusCode::kCancelled);
    CHECK(reader.Count({.filter = query.filter}).status().code() == absl::StatusCode::kCancelled);
    CHECK(reader.Scroll({.limit = 1'000, .filter = query.filter}).status().code() ==
          absl::StatusCode::kCancelled);
  }
}

}  // namespace
}  // namespace perigee::engine
