// SPDX-License-Identifier: Apache-2.0
#include "tests/client/wire/random_values.h"

#include <array>
#include <set>

namespace perigee::wire {

std::string RandomValues::Text() {
  static const std::array<std::string, 6> pieces = {"a", "Zürich", "\n", "\"", "日本", "_9"};
  std::string text;
  for (uint64_t i = Below(6); i > 0; --i) {
    text += pieces[Below(pieces.size())];
  }
  return text;
}

std::string RandomValues::Name() {
  std::string name = "n";
  for (uint64_t i = Below(8); i > 0; --i) {
    name += static_cast<char>('a' + Below(26));
  }
  return name;
}

std::vector<float> RandomValues::Floats() {
  std::vector<float> values(1 + Below(20));
  for (float& value : values) {
    value = static_cast<float>(static_cast<int64_t>(Below(2'000'001)) - 1'000'000) / 977.0F;
  }
  return values;
}

PointId RandomValues::Id() { return Coin() ? PointId(Number()) : PointId("i" + Text()); }

NamedVectors RandomValues::Vectors() {
  NamedVectors vectors;
  for (uint64_t i = Below(4); i > 0; --i) {
    vectors[Coin() ? std::string() : Name()] = Floats();
  }
  return vectors;
}

PayloadValue RandomValues::Value(int depth) {
  switch (Below(depth < 3 ? 8 : 6)) {
    case 0:
      return PayloadValue();
    case 1:
      return PayloadValue(Coin());
    case 2:
      return PayloadValue(static_cast<int64_t>(Number()));
    case 3:
      return PayloadValue(Number());
    case 4:
      return PayloadValue(static_cast<double>(static_cast<int64_t>(Number())) / 3.0);
    case 5:
      return PayloadValue(Text());
    case 6: {
      PayloadArray array;
      for (uint64_t i = Below(4); i > 0; --i) {
        array.push_back(Value(depth + 1));
      }
      return PayloadValue(std::move(array));
    }
    default:
      return PayloadValue(AnyPayload(depth + 1));
  }
}

Payload RandomValues::AnyPayload(int depth) {
  Payload payload;
  std::set<std::string> used;
  for (uint64_t i = Below(5); i > 0; --i) {
    const std::string key = "k" + Text();
    if (used.insert(key).second) {
      payload.emplace_back(key, Value(depth));
    }
  }
  return payload;
}

Point RandomValues::AnyPoint() {
  return {.id = Id(), .vectors = Vectors(), .payload = AnyPayload()};
}

FilterValue RandomValues::Literal() {
  switch (Below(5)) {
    case 0:
      return FilterValue(Coin());
    case 1:
      return FilterValue(static_cast<int64_t>(Number()));
    case 2:
      return FilterValue(Number());
    case 3:
      return FilterValue(static_cast<double>(Below(1'000)) / 7.0);
    default:
      return FilterValue("t" + Text());
  }
}

Filter RandomValues::AnyFilter(int depth) {
  const auto children = [this, depth]() {
    std::vector<Filter> filters;
    for (uint64_t i = 1 + Below(2); i > 0; --i) {
      filters.push_back(AnyFilter(depth + 1));
    }
    return filters;
  };
  const auto number = [this]() { return FilterValue(static_cast<int64_t>(Below(1'000))); };
  using Bound = std::optional<FilterValue>;
  using Count = std::optional<uint64_t>;
  switch (Below(depth < 4 ? 14 : 10)) {
    case 0: {
      MatchCondition match = {.path = Name(), .kind = MatchCondition::Kind::kValue, .values = {}};
      match.values.push_back(Literal());
      return Filter{.node = match};
    }
    case 1: {
      MatchCondition match = {
          .path = Name(),
          .kind = Coin() ? MatchCondition::Kind::kAny : MatchCondition::Kind::kExcept,
          .values = {}};
      for (uint64_t i = 1 + Below(5); i > 0; --i) {
        match.values.push_back(Literal());
      }
      return Filter{.node = match};
    }
    case 2:
      return Filter{
          .node = RangeCondition{
              .path = Name(), .lt = Optional<Bound>(number), .lte = {}, .gt = {}, .gte = number()}};
    case 3:
      return Filter{
          .node = RangeCondition{
              .path = Name(), .lt = {}, .lte = number(), .gt = Optional<Bound>(number), .gte = {}}};
    case 4: {
      HasIdCondition condition;
      for (uint64_t i = 1 + Below(4); i > 0; --i) {
        condition.ids.push_back(Id());
      }
      return Filter{.node = condition};
    }
    case 5:
      return Filter{.node = IsEmptyCondition{.path = Name()}};
    case 6:
      return Filter{.node = IsNullCondition{.path = Name()}};
    case 7: {
      const auto small = [this]() { return Below(10); };
      return Filter{.node = ValuesCountCondition{.path = Name(),
                                                 .lt = Optional<Count>(small),
                                                 .lte = Optional<Count>(small),
                                                 .gt = Optional<Count>(small),
                                                 .gte = Below(10)}};
    }
    case 8:
      return Filter{.node = HasVectorCondition{.name = Coin() ? std::string() : Name()}};
    case 9:
      switch (Below(3)) {
        case 0:
          return Filter{.node = TextCondition{.path = Name(), .text = "w" + Name()}};
        case 1:
          return Filter{.node =
                            GeoRadiusCondition{.path = Name(),
                                               .center = {.latitude = 47.5, .longitude = 8.25},
                                               .radius_m = static_cast<double>(1 + Below(1'000))}};
        default:
          return Filter{.node =
                            GeoBoxCondition{.path = Name(),
                                            .top_left = {.latitude = 48.0, .longitude = 7.0},
                                            .bottom_right = {.latitude = 46.0, .longitude = 9.5}}};
      }
    case 10:
      return Filter{.node = AndNode{.children = children()}};
    case 11:
      return Filter{.node = OrNode{.children = children()}};
    case 12: {
      NotNode node;
      node.children.push_back(AnyFilter(depth + 1));
      return Filter{.node = node};
    }
    default:
      return Filter{.node = MinShouldNode{.count = 1, .children = children()}};
  }
}

PayloadSelector RandomValues::AnyPayloadSelector() {
  PayloadSelector selector;
  selector.kind = static_cast<PayloadSelector::Kind>(1 + Below(3));
  if (selector.kind == PayloadSelector::Kind::kPaths) {
    selector.paths = {Name(), Name() + "." + Name()};
  }
  return selector;
}

VectorSelector RandomValues::AnyVectorSelector() {
  VectorSelector selector;
  selector.kind = static_cast<VectorSelector::Kind>(1 + Below(3));
  if (selector.kind == VectorSelector::Kind::kNames) {
    selector.names = {"", Name()};
  }
  return selector;
}

Query RandomValues::AnyQuery() {
  Query query;
  if (Coin()) {
    query.target = Floats();
  } else {
    query.target = Id();
  }
  query.using_vector = Optional<std::optional<std::string>>([this]() { return Name(); });
  query.limit = static_cast<uint32_t>(Number());
  query.offset = static_cast<uint32_t>(Number());
  query.filter = Optional<std::optional<Filter>>([this]() { return AnyFilter(); });
  query.score_threshold =
      Optional<std::optional<float>>([this]() { return static_cast<float>(Below(100)) / 7.0F; });
  query.with_payload = AnyPayloadSelector();
  query.with_vectors = AnyVectorSelector();
  query.recall = static_cast<double>(1 + Below(100)) / 100.0;
  query.exact = Coin();
  query.ef =
      Optional<std::optional<uint32_t>>([this]() { return static_cast<uint32_t>(Number()); });
  query.timeout_ms = static_cast<uint32_t>(Number());
  query.allow_partial = Coin();
  return query;
}

ScoredPoint RandomValues::Hit() {
  ScoredPoint hit;
  hit.id = Id();
  hit.score = static_cast<float>(Below(1'000)) / 997.0F;
  hit.distance = 1.0F - hit.score;
  hit.version = Number();
  hit.payload = Optional<std::optional<Payload>>([this]() { return AnyPayload(); });
  hit.vectors = Vectors();
  return hit;
}

QueryResult RandomValues::Answer(size_t hits) {
  QueryResult result;
  for (size_t i = 0; i < hits; ++i) {
    result.hits.push_back(Hit());
  }
  result.exact = Coin();
  result.recall_estimate = Optional<std::optional<double>>([]() { return 0.97; });
  result.plan = Text();
  result.filter_scanned = Coin();
  result.usage = {.distances = Number(),
                  .rows_tested = Number(),
                  .bytes_read = Number(),
                  .microseconds = Number()};
  result.coverage = {.segments_done = Number(),
                     .segments_total = Number(),
                     .rows_done = Number(),
                     .rows_total = Number()};
  result.seq = Number();
  result.epoch = Number();
  return result;
}

ExplainResult RandomValues::Explanation() {
  ExplainResult result;
  result.using_vector = Name();
  result.metric = static_cast<DistanceMetric>(1 + Below(3));
  result.filter_text = Optional<std::optional<std::string>>([this]() { return Text(); });
  result.filter_scanned = Coin();
  for (uint64_t i = Below(5); i > 0; --i) {
    result.segments.push_back(
        {.segment = Name(),
         .rows = Number(),
         .strategy = Name(),
         .reason = Text(),
         .selectivity = Optional<std::optional<double>>([]() { return 0.25; }),
         .ef = static_cast<uint32_t>(Number())});
  }
  result.seq = Number();
  result.epoch = Number();
  return result;
}

CollectionSchema RandomValues::Schema() {
  CollectionSchema schema;
  for (uint64_t i = 1 + Below(4); i > 0; --i) {
    schema.vectors.push_back({.name = i == 1 ? std::string() : Name() + std::to_string(i),
                              .dimension = static_cast<uint32_t>(1 + Below(1'000)),
                              .metric = static_cast<DistanceMetric>(1 + Below(3)),
                              .element = static_cast<VectorElement>(1 + Below(2)),
                              .hnsw = {.m = static_cast<uint32_t>(2 + Below(30)),
                                       .ef_construction = static_cast<uint32_t>(40 + Below(300))}});
  }
  return schema;
}

CollectionDescription RandomValues::Description() {
  CollectionDescription description;
  description.name = Name();
  description.uuid = Name();
  description.schema = Schema();
  description.points = Number();
  description.rows_deleted = Number();
  description.segments_growing = Number();
  description.segments_sealing = Number();
  description.segments_sealed = Number();
  for (const VectorSchema& vector : description.schema.vectors) {
    description.vectors.push_back(
        {.name = vector.name, .vectors = Number(), .vectors_unindexed = Number()});
  }
  description.memory_bytes = Number();
  description.disk_bytes = Number();
  description.applied_seq = Number();
  description.state = Text();
  return description;
}

DatabaseStatus RandomValues::Status() {
  DatabaseStatus status;
  status.uuid = Name();
  status.version = Name();
  status.epoch = Number();
  status.read_only = Coin();
  status.io_backend = Name();
  status.simd = Name();
  status.durability = Name();
  status.seq = Number();
  status.as_of_seq = Number();
  status.log_bytes = Number();
  status.log_files = Number();
  status.disk_free_bytes = Number();
  status.storage_error = Text();
  for (uint64_t i = Below(3); i > 0; --i) {
    status.warnings.push_back(Text());
    status.collections.push_back(Description());
    status.scrub.segments.push_back({.collection = Name(),
                                     .segment = Name(),
                                     .bytes = Number(),
                                     .verified_at_ms = static_cast<int64_t>(Number()),
                                     .damage = Text()});
  }
  status.scrub.state = Text();
  status.scrub.bytes_per_second = Number();
  status.scrub.bytes_total = Number();
  status.scrub.bytes_verified = Number();
  status.scrub.last_full_pass_ms = static_cast<int64_t>(Number());
  status.scrub.damages_found = Number();
  return status;
}

}  // namespace perigee::wire
