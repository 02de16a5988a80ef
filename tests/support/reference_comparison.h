// SPDX-License-Identifier: Apache-2.0
//
// Compares a collection, embedded or remote, with the reference after every operation: the same
// answers of writes, counts, gets, scrolls and exact queries; the promised properties of
// approximate ones.
//
// Invariants: a difference is reported by doctest with the seed that reproduces it.
// Thread-safety: one thread at a time.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "perigee/model/filter.h"
#include "tests/support/operation_stream.h"
#include "tests/support/reference_collection.h"

namespace perigee::tests {

/// Handle is perigee::Collection or client::RemoteCollection.
template <typename Handle>
class ReferenceComparison {
 public:
  ReferenceComparison(Handle handle, ReferenceCollection& reference, OperationStream& stream)
      : handle_(std::move(handle)), reference_(reference), stream_(stream) {}

  /// One random call and its comparison.
  void Step() {
    switch (stream_.Below(10)) {
      case 0:
        CompareGet();
        break;
      case 1:
        CompareCount();
        break;
      case 2:
        CompareScroll();
        break;
      case 3:
      case 4:
      case 5:
        CompareQuery();
        break;
      default:
        Write();
        break;
    }
  }

  /// All points, one by one.
  void CompareWhole() {
    ScrollRequest request;
    request.limit = 100;
    request.with_vectors.kind = VectorSelector::Kind::kAll;
    CHECK(ScrollAll(request) == reference_.Scroll(std::nullopt));
  }

  void Write() {
    const WriteOperation operation = stream_.NextWrite();
    if (const auto* upsert = std::get_if<UpsertRequest>(&operation)) {
      const absl::StatusCode expected = reference_.Upsert(*upsert);
      const auto result = handle_.Upsert(*upsert);
      REQUIRE_MESSAGE(result.status().code() == expected, result.status().ToString());
      if (result.ok()) {
        CHECK(result->affected == upsert->points.size());
        CHECK(result->seq > last_seq_);
        last_seq_ = result->seq;
      }
      return;
    }
    const auto& request = std::get<DeleteRequest>(operation);
    const uint64_t expected = reference_.Delete(request);
    const auto result = handle_.Delete(request);
    REQUIRE_MESSAGE(result.ok(), result.status().ToString());
    CHECK(result->affected == expected);
    last_seq_ = result->seq;
  }

 private:
  void CompareGet() {
    GetRequest request;
    for (uint64_t i = 1 + stream_.Below(5); i > 0; --i) {
      request.ids.push_back(stream_.NextId());
    }
    request.with_vectors.kind = VectorSelector::Kind::kAll;
    const auto result = handle_.Get(request);
    REQUIRE_MESSAGE(result.ok(), result.status().ToString());
    CHECK(result->points == reference_.Get(request.ids));
    CHECK(result->seq >= last_seq_);
  }

  void CompareCount() {
    CountRequest request;
    if (stream_.Below(4) != 0) {
      request.filter = stream_.NextFilter();
    }
    const auto result = handle_.Count(request);
    REQUIRE_MESSAGE(result.ok(), result.status().ToString());
    CHECK_MESSAGE(result->count == reference_.Count(request.filter), Describe(request.filter));
  }

  void CompareScroll() {
    ScrollRequest request;
    request.limit = static_cast<uint32_t>(1 + stream_.Below(40));
    if (stream_.Below(2) == 0) {
      request.filter = stream_.NextFilter();
    }
    request.with_vectors.kind = VectorSelector::Kind::kAll;
    CHECK_MESSAGE(ScrollAll(request) == reference_.Scroll(request.filter),
                  Describe(request.filter));
  }

  std::vector<Point> ScrollAll(ScrollRequest request) {
    std::vector<Point> points;
    do {
      const auto page = handle_.Scroll(request);
      REQUIRE_MESSAGE(page.ok(), page.status().ToString());
      CHECK(page->points.size() <= request.limit);
      points.insert(points.end(), page->points.begin(), page->points.end());
      request.cursor = page->next_cursor;
    } while (!request.cursor.empty());
    return points;
  }

  void CompareQuery() {
    const Query query = stream_.NextQuery();
    const auto expected = reference_.Rank(query);
    const auto result = handle_.Query(query);
    if (!expected.has_value()) {
      CHECK(result.status().code() == absl::StatusCode::kNotFound);
      return;
    }
    REQUIRE_MESSAGE(result.ok(), result.status().ToString(), " ", Describe(query.filter));
    const size_t after_offset = expected->size() - std::min<size_t>(query.offset, expected->size());
    REQUIRE_MESSAGE(result->hits.size() == std::min<size_t>(query.limit, after_offset),
                    Describe(query.filter), " plan ", result->plan);
    CHECK(result->seq >= last_seq_);
    if (query.exact || result->exact) {
      CompareExact(query, *expected, *result);
    } else {
      CompareApproximate(query, *expected, *result);
    }
  }

  void CompareExact(const Query& query, const std::vector<ReferenceHit>& expected,
                    const QueryResult& result) {
    for (size_t i = 0; i < result.hits.size(); ++i) {
      const ReferenceHit& hit = expected[query.offset + i];
      REQUIRE_MESSAGE(result.hits[i].id == hit.id, "place ", i, " plan ", result.plan, " ",
                      Describe(query.filter));
      CHECK(result.hits[i].distance == hit.distance);
      REQUIRE(result.hits[i].payload.has_value());
      CHECK(*result.hits[i].payload == reference_.Find(hit.id)->payload);
    }
  }

  // Every hit is live, matching, exact in its distance and in order; none twice.
  void CompareApproximate(const Query& query, const std::vector<ReferenceHit>& expected,
                          const QueryResult& result) {
    std::map<std::string, float> distances;
    for (const ReferenceHit& hit : expected) {
      distances[hit.id.Encode()] = hit.distance;
    }
    std::pair<float, std::string> last = {-INFINITY, ""};
    for (const ScoredPoint& hit : result.hits) {
      const std::string encoded = hit.id.Encode();
      REQUIRE_MESSAGE(distances.count(encoded) == 1, Describe(query.filter));
      CHECK(hit.distance == distances[encoded]);
      CHECK(last < std::make_pair(hit.distance, encoded));
      last = {hit.distance, encoded};
    }
  }

  static std::string Describe(const std::optional<Filter>& filter) {
    return filter.has_value() ? "filter " + ToText(*filter) : "no filter";
  }

  Handle handle_;
  ReferenceCollection& reference_;
  OperationStream& stream_;
  uint64_t last_seq_ = 0;
};

}  // namespace perigee::tests
