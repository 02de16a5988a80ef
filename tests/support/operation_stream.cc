// SPDX-License-Identifier: Apache-2.0
#include "tests/support/operation_stream.h"

#include <cmath>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace perigee::tests {
namespace {

constexpr const char* kLanguages[] = {"en", "de", "fr", "EN"};
constexpr const char* kPaths[] = {"lang", "year", "tags", "draft", "meta.score", "missing", "meta"};

}  // namespace

CollectionSchema SystemTestSchema() {
  return {.vectors = {{.name = "", .dimension = 8, .metric = DistanceMetric::kCosine},
                      {.name = "body", .dimension = 5, .metric = DistanceMetric::kL2}}};
}

OperationStream::OperationStream(CollectionSchema schema, Options options)
    : schema_(std::move(schema)), options_(std::move(options)), random_(options_.seed) {}

PointId OperationStream::NextId() {
  const uint64_t number = Below(options_.ids);
  // Without a prefix half of the ids are integers.
  if (options_.id_prefix.empty() && number % 2 == 0) {
    return PointId(number);
  }
  return PointId(absl::StrCat(options_.id_prefix, number));
}

std::vector<float> OperationStream::NextVector(const VectorSchema& schema) {
  std::vector<float> values(schema.dimension);
  do {
    for (float& value : values) {
      // Coarse values make equal distances, and so ties, common.
      value = static_cast<float>(static_cast<int>(Below(9)) - 4) * 0.25F;
    }
  } while (schema.metric == DistanceMetric::kCosine &&
           values == std::vector<float>(schema.dimension));
  return values;
}

Point OperationStream::NextPoint() {
  Point point;
  point.id = NextId();
  for (const VectorSchema& schema : schema_.vectors) {
    if (point.vectors.empty() || Below(4) != 0) {
      point.vectors[schema.name] = NextVector(schema);
    }
  }
  if (Below(8) != 0) {
    point.payload.emplace_back("lang", kLanguages[Below(4)]);
  }
  if (Below(4) != 0) {
    point.payload.emplace_back(
        "year", Below(3) == 0 ? PayloadValue(2018.5) : PayloadValue(int64_t(2015 + Below(10))));
  }
  if (Below(3) != 0) {
    PayloadArray tags;
    for (uint64_t i = Below(4); i > 0; --i) {
      tags.emplace_back(absl::StrCat("t", Below(6)));
    }
    point.payload.emplace_back("tags", std::move(tags));
  }
  if (Below(3) == 0) {
    point.payload.emplace_back("draft",
                               Below(3) == 0 ? PayloadValue() : PayloadValue(Below(2) == 0));
  }
  if (Below(2) == 0) {
    point.payload.emplace_back("meta",
                               PayloadObject{{"score", static_cast<double>(Below(100)) / 8}});
  }
  return point;
}

WriteOperation OperationStream::NextWrite() {
  std::set<std::string> used;
  const uint64_t count = 1 + Below(options_.batch_max);
  if (Below(4) == 0) {
    DeleteRequest request;
    for (uint64_t i = 0; i < count; ++i) {
      const PointId id = NextId();
      if (used.insert(id.Encode()).second) {
        request.ids.push_back(id);
      }
    }
    return request;
  }
  UpsertRequest request;
  const uint64_t mode = Below(8);
  request.mode =
      mode == 0 ? UpsertMode::kInsert : (mode == 1 ? UpsertMode::kUpdate : UpsertMode::kUpsert);
  for (uint64_t i = 0; i < count; ++i) {
    Point point = NextPoint();
    if (used.insert(point.id.Encode()).second) {
      request.points.push_back(std::move(point));
    }
  }
  return request;
}

Filter OperationStream::NextFilter() { return NextFilterOfDepth(0); }

Filter OperationStream::NextFilterOfDepth(int depth) {
  const std::string path = kPaths[Below(std::size(kPaths))];
  const auto value = [this]() -> FilterValue {
    switch (Below(4)) {
      case 0:
        return kLanguages[Below(4)];
      case 1:
        return int64_t(2015 + Below(10));
      case 2:
        return absl::StrCat("t", Below(6));
      default:
        return Below(2) == 0;
    }
  };
  const auto children = [&](size_t count) {
    std::vector<Filter> filters;
    for (size_t i = 0; i < count; ++i) {
      filters.push_back(NextFilterOfDepth(depth + 1));
    }
    return filters;
  };
  switch (Below(depth < 3 ? 12 : 8)) {
    case 0:
      return {.node = MatchCondition{
                  .path = path, .kind = MatchCondition::Kind::kValue, .values = {value()}}};
    case 1:
      return {.node = MatchCondition{
                  .path = path, .kind = MatchCondition::Kind::kAny, .values = {value(), value()}}};
    case 2:
      return {.node = MatchCondition{
                  .path = path, .kind = MatchCondition::Kind::kExcept, .values = {value()}}};
    case 3:
      return {.node = RangeCondition{.path = path,
                                     .lt = FilterValue(int64_t(2016 + Below(10))),
                                     .gte = FilterValue(3.5)}};
    case 4:
      return {.node = HasIdCondition{.ids = {NextId(), NextId(), NextId()}}};
    case 5:
      return {.node = IsEmptyCondition{.path = path}};
    case 6:
      return {.node = IsNullCondition{.path = path}};
    case 7:
      return Below(2) == 0 ? Filter{.node = ValuesCountCondition{.path = path, .gte = Below(3)}}
                           : Filter{.node = HasVectorCondition{.name = "body"}};
    case 8:
      return {.node = AndNode{.children = children(2)}};
    case 9:
      return {.node = OrNode{.children = children(2)}};
    case 10:
      return {.node = NotNode{.children = children(1)}};
    default:
      return {.node = MinShouldNode{.count = 1 + Below(2), .children = children(3)}};
  }
}

Query OperationStream::NextQuery() {
  Query query;
  const VectorSchema& schema = schema_.vectors[Below(schema_.vectors.size())];
  query.using_vector = schema.name;
  if (Below(4) == 0) {
    query.target = NextId();
  } else {
    query.target = NextVector(schema);
  }
  query.limit = static_cast<uint32_t>(1 + Below(Below(5) == 0 ? 300 : 20));
  query.offset = Below(4) == 0 ? static_cast<uint32_t>(Below(10)) : 0;
  if (Below(2) == 0) {
    query.filter = NextFilter();
  }
  query.exact = Below(2) == 0;
  return query;
}

}  // namespace perigee::tests
