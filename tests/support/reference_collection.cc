// SPDX-License-Identifier: Apache-2.0
#include "tests/support/reference_collection.h"

#include <algorithm>
#include <cmath>

#include "engine/distance/distance_kernels.h"
#include "tests/support/reference_filter.h"

namespace perigee::tests {

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
