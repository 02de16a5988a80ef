// SPDX-License-Identifier: Apache-2.0
//
// Point: id, named vectors and payload; usually one chunk of a document.
//
// Invariants: a stored point has at least one vector; each belongs to the schema, has its dimension
// and only finite values; under cosine its norm is neither zero nor subnormal.
// Thread-safety: value types.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "perigee/model/collection_schema.h"
#include "perigee/model/payload_value.h"
#include "perigee/model/point_id.h"

namespace perigee {

/// Vector name to values; the unnamed vector is "".
using NamedVectors = std::map<std::string, std::vector<float>, std::less<>>;

struct Point {
  PointId id = {};
  NamedVectors vectors = {};
  Payload payload = {};

  friend bool operator==(const Point&, const Point&) = default;
};

/// kInvalidArgument naming the point, the vector, the value and what is expected.
absl::Status Validate(const Point& point, const CollectionSchema& schema);
/// Checks one vector (dimension, finite, norm under cosine, f16 range); `what` begins the message.
absl::Status ValidateVector(std::string_view what, const std::vector<float>& values,
                            const VectorSchema& schema);

}  // namespace perigee
