// SPDX-License-Identifier: Apache-2.0
//
// ReferenceCollection: what a collection must answer, written from the documentation of the calls:
// a map of points, a scan, a sort. Random operations are compared with it.
//
// Invariants: shares with the engine only the value types and the scalar distance kernels (N13 says
// that all kernels agree); filters are reference_filter.h's, over decoded payloads.
// Thread-safety: one thread at a time.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "perigee/model/query.h"
#include "perigee/model/write.h"

namespace perigee::tests {

/// One hit of a reference query.
struct ReferenceHit {
  PointId id = {};
  float distance = 0;
};

class ReferenceCollection {
 public:
  explicit ReferenceCollection(CollectionSchema schema) : schema_(std::move(schema)) {}

  /// The code the engine must answer; kOk also applies the batch. Requires: the request is valid.
  absl::StatusCode Upsert(const UpsertRequest& request);
  /// Points that existed.
  uint64_t Delete(const DeleteRequest& request);

  const Point* Find(const PointId& id) const;
  std::vector<Point> Get(const std::vector<PointId>& ids) const;
  uint64_t Count(const std::optional<Filter>& filter) const;
  /// All matching points in the order of encoded ids.
  std::vector<Point> Scroll(const std::optional<Filter>& filter) const;
  /// Every matching point with the vector, nearest first; ties by encoded id. Empty optional: the
  /// id asked by is not there or lacks the vector.
  std::optional<std::vector<ReferenceHit>> Rank(const Query& query) const;

  size_t size() const { return points_.size(); }
  const CollectionSchema& schema() const { return schema_; }
  /// Encoded id to point.
  const std::map<std::string, Point>& points() const { return points_; }

 private:
  CollectionSchema schema_;
  std::map<std::string, Point> points_;
};

/// Distance of two vectors of `schema` by the scalar kernels.
float ReferenceDistance(const VectorSchema& schema, const std::vector<float>& query,
                        const std::vector<float>& row);

}  // namespace perigee::tests
