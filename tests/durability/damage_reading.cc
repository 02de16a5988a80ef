// SPDX-License-Identifier: Apache-2.0
#include "tests/durability/damage_reading.h"

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"

namespace perigee::engine {
namespace {

constexpr uint32_t kPageRows = 50;  // so that scroll pages
constexpr uint32_t kHits = 7;

// Collects the outcome of the calls on one collection.
class Calls {
 public:
  /// Books one call; true when it answered.
  bool Took(std::string_view name, const absl::Status& status) {
    if (status.ok()) {
      answered_ = absl::StrCat(std::string(name));
      return true;
    }
    if (failure_.ok()) {
      failure_ = status;
    }
    return false;
  }
  const absl::Status& failure() const { return failure_; }
  std::string Contradiction() const {
    return failure_.ok() || answered_.empty()
               ? ""
               : absl::StrCat(answered_, " answered beside: ", failure_.ToString());
  }

 private:
  std::string answered_;
  absl::Status failure_;
};

void AddVectors(const NamedVectors& vectors, std::string& text) {
  for (const auto& [name, values] : vectors) {
    absl::StrAppend(&text, " ", name, "=");
    for (const float value : values) {
      absl::StrAppend(&text, absl::Hex(std::bit_cast<uint32_t>(value)), ",");
    }
  }
}

void AddPoint(const Point& point, std::string& text) {
  absl::StrAppend(&text, point.id.Encode(), " ", ToJson(point.payload));
  AddVectors(point.vectors, text);
  text += '\n';
}

std::string HitsOf(const QueryResult& result) {
  std::string text;
  for (const ScoredPoint& hit : result.hits) {
    absl::StrAppend(&text, hit.id.Encode(), " ", absl::Hex(std::bit_cast<uint32_t>(hit.distance)),
                    " v", hit.version, "\n");
  }
  return text;
}

std::vector<PointId> ReadByScroll(const CollectionCore& collection, Calls& calls,
                                  std::string& rows) {
  std::vector<PointId> ids;
  ScrollRequest request{.limit = kPageRows};
  request.with_vectors.kind = VectorSelector::Kind::kAll;
  do {
    const auto page = collection.Scroll(request);
    if (!calls.Took("scroll", page.status())) {
      return ids;
    }
    for (const Point& point : page->points) {
      ids.push_back(point.id);
      AddPoint(point, rows);
    }
    request.cursor = page->next_cursor;
  } while (!request.cursor.empty());
  return ids;
}

void ReadByGet(const CollectionCore& collection, const std::vector<PointId>& ids, Calls& calls,
               std::string& rows) {
  GetRequest request;
  for (size_t i = 0; i < ids.size(); i += 5) {
    request.ids.push_back(ids[i]);
  }
  // Ids that are there in most samples, and one that never is.
  for (const uint64_t id : {1ULL, 2ULL, 3ULL, 4ULL, 55ULL, 123'456ULL}) {
    request.ids.emplace_back(id);
  }
  request.with_vectors.kind = VectorSelector::Kind::kAll;
  const auto points = collection.Get(request);
  if (calls.Took("get", points.status())) {
    for (const Point& point : points->points) {
      AddPoint(point, rows);
    }
  }
}

void ReadByQuery(const CollectionCore& collection, const VectorSchema& vector, Calls& calls,
                 CollectionReading& reading) {
  Query query{.target = std::vector<float>(vector.dimension, 1.5F),
              .using_vector = vector.name,
              .limit = kHits};
  const auto nearest = collection.Query(query);
  if (calls.Took("query", nearest.status())) {
    absl::StrAppend(&reading.nearest, HitsOf(*nearest));
  }
  query.exact = true;
  const auto exact = collection.Query(query);
  if (calls.Took("exact query", exact.status())) {
    absl::StrAppend(&reading.exact, HitsOf(*exact));
  }
  query.filter = *ParseFilter("value > 1");
  const auto filtered = collection.Query(query);
  if (calls.Took("filtered query", filtered.status())) {
    absl::StrAppend(&reading.rows, HitsOf(*filtered));
  }
  query.allow_partial = true;
  query.filter.reset();
  const auto partial = collection.Query(query);
  const bool complete =
      partial.ok() && partial->coverage.segments_done == partial->coverage.segments_total;
  if (!calls.failure().ok() && complete) {
    reading.contradiction = "a partial answer does not say that it is one";
  }
}

CollectionReading ReadCollection(const CollectionCore& collection) {
  CollectionReading reading;
  Calls calls;
  const std::vector<PointId> ids = ReadByScroll(collection, calls, reading.rows);
  ReadByGet(collection, ids, calls, reading.rows);
  const auto all = collection.Count({});
  if (calls.Took("count", all.status())) {
    absl::StrAppend(&reading.rows, "count ", all->count, "\n");
  }
  const auto some = collection.Count({.filter = *ParseFilter("value > 1")});
  if (calls.Took("filtered count", some.status())) {
    absl::StrAppend(&reading.rows, "count ", some->count, "\n");
  }
  for (const VectorSchema& vector : collection.schema().vectors) {
    ReadByQuery(collection, vector, calls, reading);
  }
  reading.status = calls.failure();
  if (reading.contradiction.empty()) {
    reading.contradiction = calls.Contradiction();
  }
  const auto description = collection.Describe();
  reading.state = description.ok() ? description->state : description.status().ToString();
  return reading;
}

}  // namespace

DatabaseReading ReadEverything(const DatabaseCore& database) {
  DatabaseReading reading;
  const auto collections = database.ListCollections();
  REQUIRE_MESSAGE(collections.ok(), collections.status().ToString());
  for (const std::shared_ptr<CollectionCore>& collection : *collections) {
    reading[collection->name()] = ReadCollection(*collection);
  }
  return reading;
}

bool SameAnswers(const CollectionReading& reading, const CollectionReading& expected) {
  return reading.status.ok() && reading.contradiction.empty() && reading.rows == expected.rows &&
         reading.exact == expected.exact &&
         (reading.nearest == expected.nearest || reading.nearest == expected.exact);
}

bool SameAnswers(const DatabaseReading& reading, const DatabaseReading& expected) {
  if (reading.size() != expected.size()) {
    return false;
  }
  for (const auto& [name, answers] : expected) {
    const auto found = reading.find(name);
    if (found == reading.end() || !SameAnswers(found->second, answers)) {
      return false;
    }
  }
  return true;
}

}  // namespace perigee::engine
