// SPDX-License-Identifier: Apache-2.0
#include "tests/support/reference_collection.h"

#include <algorithm>
#include <cmath>

#include "engine/distance/distance_kernels.h"
#include "storage/foundation/check.h"

namespace perigee::tests {
namespace {

// Values at a path: every element of an array on the way, except that the last array stays whole in
// `whole` so that emptiness and counts can be told.
void Collect(const PayloadValue& value, std::string_view path,
             std::vector<const PayloadValue*>& whole) {
  if (path.empty()) {
    whole.push_back(&value);
    return;
  }
  if (path.substr(0, 2) == "[]") {
    if (const auto* array = value.As<PayloadArray>()) {
      const std::string_view rest = path.substr(path.size() > 2 && path[2] == '.' ? 3 : 2);
      for (const PayloadValue& item : *array) {
        Collect(item, rest, whole);
      }
    }
    return;
  }
  const size_t end = path.find_first_of(".[");
  const std::string_view key = path.substr(0, end);
  std::string_view rest = end == std::string_view::npos ? std::string_view() : path.substr(end);
  if (!rest.empty() && rest[0] == '.') {
    rest.remove_prefix(1);
  }
  if (const auto* object = value.As<PayloadObject>()) {
    if (const PayloadValue* member = FindMember(*object, key)) {
      Collect(*member, rest, whole);
    }
  } else if (const auto* array = value.As<PayloadArray>()) {
    // A key applied to an array means each element, as if [] stood there.
    for (const PayloadValue& item : *array) {
      Collect(item, path, whole);
    }
  }
}

// The comparable values at a path: elements of arrays one by one.
std::vector<PayloadValue> Elements(const Payload& payload, const std::string& path) {
  const PayloadValue top(payload);
  std::vector<const PayloadValue*> whole;
  Collect(top, path, whole);
  std::vector<PayloadValue> elements;
  for (const PayloadValue* value : whole) {
    if (const auto* array = value->As<PayloadArray>()) {
      elements.insert(elements.end(), array->begin(), array->end());
    } else {
      elements.push_back(*value);
    }
  }
  return elements;
}

std::optional<long double> Number(const PayloadValue& value) {
  // long double has 64 bits of mantissa on x86-64: i64, u64 and double are all exact in it.
  if (const auto* i = value.As<int64_t>()) {
    return static_cast<long double>(*i);
  }
  if (const auto* u = value.As<uint64_t>()) {
    return static_cast<long double>(*u);
  }
  if (const auto* d = value.As<double>()) {
    return static_cast<long double>(*d);
  }
  return std::nullopt;
}

bool Equal(const PayloadValue& a, const PayloadValue& b) {
  const auto x = Number(a);
  const auto y = Number(b);
  if (x.has_value() || y.has_value()) {
    return x.has_value() && y.has_value() && *x == *y;
  }
  return !a.is_null() && a == b;
}

bool InRange(const PayloadValue& value, const RangeCondition& range) {
  const auto number = Number(value);
  if (!number.has_value()) {
    return false;
  }
  return (!range.lt.has_value() || *number < *Number(*range.lt)) &&
         (!range.lte.has_value() || *number <= *Number(*range.lte)) &&
         (!range.gt.has_value() || *number > *Number(*range.gt)) &&
         (!range.gte.has_value() || *number >= *Number(*range.gte));
}

bool Listed(const PayloadValue& value, const std::vector<FilterValue>& values) {
  return std::any_of(values.begin(), values.end(),
                     [&](const FilterValue& listed) { return Equal(value, listed); });
}

bool MatchesLeaf(const MatchCondition& match, const Point& point) {
  const std::vector<PayloadValue> elements = Elements(point.payload, match.path);
  if (match.kind == MatchCondition::Kind::kExcept) {
    const auto exists = [](const PayloadValue& v) { return !v.is_null(); };
    return std::any_of(elements.begin(), elements.end(), exists) &&
           std::none_of(elements.begin(), elements.end(),
                        [&](const PayloadValue& v) { return Listed(v, match.values); });
  }
  return std::any_of(elements.begin(), elements.end(),
                     [&](const PayloadValue& v) { return Listed(v, match.values); });
}

bool MatchesLeaf(const RangeCondition& range, const Point& point) {
  const std::vector<PayloadValue> elements = Elements(point.payload, range.path);
  return std::any_of(elements.begin(), elements.end(),
                     [&](const PayloadValue& v) { return InRange(v, range); });
}

bool MatchesLeaf(const HasIdCondition& has, const Point& point) {
  return std::find(has.ids.begin(), has.ids.end(), point.id) != has.ids.end();
}

bool MatchesLeaf(const IsEmptyCondition& empty, const Point& point) {
  const std::vector<PayloadValue> elements = Elements(point.payload, empty.path);
  return std::all_of(elements.begin(), elements.end(),
                     [](const PayloadValue& v) { return v.is_null(); });
}

bool MatchesLeaf(const IsNullCondition& null, const Point& point) {
  const std::vector<PayloadValue> elements = Elements(point.payload, null.path);
  return std::any_of(elements.begin(), elements.end(),
                     [](const PayloadValue& v) { return v.is_null(); });
}

bool MatchesLeaf(const HasVectorCondition& has, const Point& point) {
  return point.vectors.count(has.name) > 0;
}

template <typename Unsupported>
bool MatchesLeaf(const Unsupported& /*condition*/, const Point& /*point*/) {
  PERIGEE_CHECK(false, "the reference has no such condition");
  return false;
}

bool MatchesLeaf(const ValuesCountCondition& condition, const Point& point) {
  uint64_t count = 0;
  const PayloadValue top(point.payload);
  std::vector<const PayloadValue*> whole;
  Collect(top, condition.path, whole);
  for (const PayloadValue* value : whole) {
    const auto* array = value->As<PayloadArray>();
    count += array != nullptr ? array->size() : (value->is_null() ? 0 : 1);
  }
  return (!condition.lt.has_value() || count < *condition.lt) &&
         (!condition.lte.has_value() || count <= *condition.lte) &&
         (!condition.gt.has_value() || count > *condition.gt) &&
         (!condition.gte.has_value() || count >= *condition.gte);
}

size_t Holding(const std::vector<Filter>& children, const Point& point) {
  return static_cast<size_t>(
      std::count_if(children.begin(), children.end(),
                    [&](const Filter& child) { return ReferenceMatches(child, point); }));
}

}  // namespace

bool ReferenceMatches(const Filter& filter, const Point& point) {
  if (const auto* all = std::get_if<AndNode>(&filter.node)) {
    return Holding(all->children, point) == all->children.size();
  }
  if (const auto* any = std::get_if<OrNode>(&filter.node)) {
    return Holding(any->children, point) > 0;
  }
  if (const auto* negation = std::get_if<NotNode>(&filter.node)) {
    return Holding(negation->children, point) == 0;
  }
  if (const auto* at_least = std::get_if<MinShouldNode>(&filter.node)) {
    return Holding(at_least->children, point) >= at_least->count;
  }
  return std::visit(
      [&](const auto& condition) {
        using T = std::decay_t<decltype(condition)>;
        if constexpr (std::is_same_v<T, AndNode> || std::is_same_v<T, OrNode> ||
                      std::is_same_v<T, NotNode> || std::is_same_v<T, MinShouldNode>) {
          return false;
        } else {
          return MatchesLeaf(condition, point);
        }
      },
      filter.node);
}

float ReferenceDistance(const VectorSchema& schema, const std::vector<float>& query,
                        const std::vector<float>& row) {
  const engine::DistanceKernels& kernels = *engine::KernelsOfLevel(engine::KernelLevel::kScalar);
  const size_t dimension = query.size();
  if (schema.metric == DistanceMetric::kL2) {
    return static_cast<float>(std::sqrt(
        static_cast<double>(kernels.l2_squared_f32(query.data(), row.data(), dimension))));
  }
  const float dot = kernels.dot_f32(query.data(), row.data(), dimension);
  if (schema.metric == DistanceMetric::kDot) {
    return -dot;
  }
  const double norms =
      engine::VectorNorm(query.data(), dimension) * engine::VectorNorm(row.data(), dimension);
  return static_cast<float>(1.0 - static_cast<double>(dot) / norms);
}

absl::StatusCode ReferenceCollection::Upsert(const UpsertRequest& request) {
  for (const Point& point : request.points) {
    const bool exists = points_.count(point.id.Encode()) > 0;
    if (request.mode == UpsertMode::kInsert && exists) {
      return absl::StatusCode::kAlreadyExists;
    }
    if (request.mode == UpsertMode::kUpdate && !exists) {
      return absl::StatusCode::kNotFound;
    }
  }
  for (const Point& point : request.points) {
    points_[point.id.Encode()] = point;
  }
  return absl::StatusCode::kOk;
}

uint64_t ReferenceCollection::Delete(const DeleteRequest& request) {
  uint64_t existed = 0;
  for (const PointId& id : request.ids) {
    existed += points_.erase(id.Encode());
  }
  return existed;
}

const Point* ReferenceCollection::Find(const PointId& id) const {
  const auto it = points_.find(id.Encode());
  return it == points_.end() ? nullptr : &it->second;
}

std::vector<Point> ReferenceCollection::Get(const std::vector<PointId>& ids) const {
  std::vector<Point> found;
  for (const PointId& id : ids) {
    if (const Point* point = Find(id)) {
      found.push_back(*point);
    }
  }
  return found;
}

uint64_t ReferenceCollection::Count(const std::optional<Filter>& filter) const {
  return Scroll(filter).size();
}

std::vector<Point> ReferenceCollection::Scroll(const std::optional<Filter>& filter) const {
  std::vector<Point> matching;
  for (const auto& [encoded, point] : points_) {
    if (!filter.has_value() || ReferenceMatches(*filter, point)) {
      matching.push_back(point);
    }
  }
  return matching;
}

std::optional<std::vector<ReferenceHit>> ReferenceCollection::Rank(const Query& query) const {
  const std::string name = query.using_vector.value_or("");
  const VectorSchema& schema = *schema_.Find(name);
  const PointId* asked = std::get_if<PointId>(&query.target);
  std::vector<float> vector;
  if (asked == nullptr) {
    vector = std::get<std::vector<float>>(query.target);
  } else {
    const Point* point = Find(*asked);
    if (point == nullptr || point->vectors.count(name) == 0) {
      return std::nullopt;
    }
    vector = point->vectors.at(name);
  }
  std::vector<std::pair<float, std::string>> ranked;
  for (const auto& [encoded, point] : points_) {
    const auto row = point.vectors.find(name);
    const bool left_out = asked != nullptr && point.id == *asked;
    if (left_out || row == point.vectors.end() ||
        (query.filter.has_value() && !ReferenceMatches(*query.filter, point))) {
      continue;
    }
    ranked.emplace_back(ReferenceDistance(schema, vector, row->second), encoded);
  }
  std::sort(ranked.begin(), ranked.end());
  std::vector<ReferenceHit> hits;
  for (const auto& [distance, encoded] : ranked) {
    hits.push_back({.id = *PointId::Decode(encoded), .distance = distance});
  }
  return hits;
}

}  // namespace perigee::tests
