// SPDX-License-Identifier: Apache-2.0
//
// CollectionSchema: what a collection is made of, given at creation and fixed since.
//
// Invariants: 1 to 8 vectors, names unique; dimension 1 to 65,535; a name is "" (the unnamed
// vector) or matches [A-Za-z0-9_][A-Za-z0-9_.-]{0,127}. Thread-safety: value types.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "perigee/model/distance_metric.h"

namespace perigee {

/// How the originals of a vector are stored; values stand in files.
enum class VectorElement : uint8_t { kFloat32 = 1, kFloat16 = 2 };

/// "f32" or "f16".
std::string_view VectorElementName(VectorElement element);
std::optional<VectorElement> ParseVectorElement(std::string_view name);

/// Parameters of the HNSW graph (Malkov and Yashunin, 2016).
struct HnswOptions {
  uint32_t m = 16;                 ///< links per node above level 0; 2m on level 0. 2 to 128.
  uint32_t ef_construction = 200;  ///< candidates kept while building. m to 4,096.

  friend bool operator==(const HnswOptions&, const HnswOptions&) = default;
};

struct VectorSchema {
  std::string name = {};  ///< "" is the unnamed vector
  uint32_t dimension = 0;
  DistanceMetric metric = DistanceMetric::kCosine;
  VectorElement element = VectorElement::kFloat32;
  HnswOptions hnsw = {};

  friend bool operator==(const VectorSchema&, const VectorSchema&) = default;
};

struct CollectionSchema {
  std::vector<VectorSchema> vectors = {};

  /// The vector of that name, or nullptr.
  const VectorSchema* Find(std::string_view name) const;

  friend bool operator==(const CollectionSchema&, const CollectionSchema&) = default;
};

/// kInvalidArgument naming the field, its value and what is allowed.
absl::Status Validate(const CollectionSchema& schema);
/// [A-Za-z0-9_][A-Za-z0-9_.-]{0,127}
absl::Status ValidateCollectionName(std::string_view name);

/// {"vectors": {"": {"dimension": 384, "metric": "cosine", ...}}}; stable key order.
std::string ToJson(const CollectionSchema& schema);

}  // namespace perigee
