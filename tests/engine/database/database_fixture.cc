// SPDX-License-Identifier: Apache-2.0
#include "tests/engine/database/database_fixture.h"

#include <doctest/doctest.h>

#include <set>

namespace perigee::engine {

EngineTuning SmallTuning() {
  EngineTuning tuning;
  tuning.growing_bytes_max = 4 << 10;
  tuning.growing_rows_max = 8'192;  // two write batches, the least there can be
  tuning.index_rows_min = 64;
  tuning.seal_retry_pauses = {};
  tuning.durable_mark_after = absl::InfiniteDuration();
  tuning.log_preallocation = false;
  return tuning;
}

OpenOptions SmallOptions() {
  OpenOptions options{.access = Access::Unrestricted()};
  options.creation = {.log_file_bytes = 64 << 10, .section_alignment_bytes = 4 << 10};
  options.maintenance_threads = 0;
  options.disk_free_bytes_min = 1;
  options.recovery_mode = false;  // what opens again and again here means to write
  options.scrub_bytes_per_second = uint64_t{1} << 40U;  // a scrub that is asked for does not wait
  return options;
}

CollectionSchema PlaneSchema() {
  CollectionSchema schema;
  schema.vectors.push_back({.name = "", .dimension = 2, .metric = DistanceMetric::kL2});
  return schema;
}

Point PlanePoint(uint64_t id, int64_t value) {
  Point point;
  point.id = PointId(id);
  point.vectors[""] = {static_cast<float>(id), static_cast<float>(value)};
  point.payload = {{"value", PayloadValue(value)}};
  return point;
}

UpsertRequest PlaneUpsert(uint64_t first_id, uint64_t count, int64_t value) {
  UpsertRequest request;
  for (uint64_t id = first_id; id < first_id + count; ++id) {
    request.points.push_back(PlanePoint(id, value));
  }
  return request;
}

absl::StatusOr<std::shared_ptr<DatabaseCore>> OpenOn(storage::FileSystem& disk,
                                                     const OpenOptions& options,
                                                     const EngineTuning& tuning) {
  return DatabaseCore::Open(disk, std::string(kTestDirectory), options, tuning);
}

std::shared_ptr<DatabaseCore> MustOpen(storage::FileSystem& disk, const OpenOptions& options,
                                       const EngineTuning& tuning) {
  auto database = OpenOn(disk, options, tuning);
  REQUIRE_MESSAGE(database.ok(), database.status().ToString());
  return *std::move(database);
}

std::shared_ptr<CollectionCore> MustCreate(DatabaseCore& database, std::string_view name) {
  auto collection = database.CreateCollection(name, PlaneSchema());
  REQUIRE_MESSAGE(collection.ok(), collection.status().ToString());
  return *std::move(collection);
}

std::shared_ptr<CollectionCore> MustFind(const DatabaseCore& database, std::string_view name) {
  auto collection = database.FindCollection(name);
  REQUIRE_MESSAGE(collection.ok(), collection.status().ToString());
  return *std::move(collection);
}

std::map<uint64_t, int64_t> Content(const CollectionCore& collection) {
  std::map<uint64_t, int64_t> content;
  ScrollRequest request{.limit = 1'000};
  request.with_vectors.kind = VectorSelector::Kind::kAll;
  do {
    const auto page = collection.Scroll(request);
    REQUIRE_MESSAGE(page.ok(), page.status().ToString());
    for (const Point& point : page->points) {
      const PayloadValue* value = FindMember(point.payload, "value");
      REQUIRE(value != nullptr);
      const int64_t number = *value->As<int64_t>();
      const bool is_new = content.emplace(point.id.integer(), number).second;
      REQUIRE(is_new);
      REQUIRE(point == PlanePoint(point.id.integer(), number));
    }
    request.cursor = page->next_cursor;
  } while (!request.cursor.empty());

  const auto count = collection.Count({});
  REQUIRE(count.ok());
  REQUIRE(count->count == content.size());
  Query query{.target = std::vector<float>{0, 0}, .limit = 10'000, .exact = true};
  const auto hits = collection.Query(query);
  REQUIRE_MESSAGE(hits.ok(), hits.status().ToString());
  std::set<uint64_t> found;
  for (const ScoredPoint& hit : hits->hits) {
    found.insert(hit.id.integer());
    REQUIRE(content.contains(hit.id.integer()));
  }
  REQUIRE(found.size() == content.size());
  REQUIRE(hits->hits.size() == content.size());
  if (!content.empty()) {
    GetRequest get;
    get.ids = {PointId(content.begin()->first), PointId(content.rbegin()->first)};
    const auto points = collection.Get(get);
    REQUIRE(points.ok());
    REQUIRE(points->points.size() == (content.size() == 1 ? points->points.size() : 2));
  }
  return content;
}

}  // namespace perigee::engine
