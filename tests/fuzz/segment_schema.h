// SPDX-License-Identifier: Apache-2.0
//
// The schema of the segments that the segment target and its seeds hold: two vectors, one of each
// element type, of few dimensions so that many rows fit an input.
//
// Invariants: both functions say the same; a row of either vector has at most 64 bytes.
// Thread-safety: the schema is built once and constant.
#pragma once

#include <memory>

#include "perigee/model/collection_schema.h"
#include "tools/inspect/record_decoder.h"

namespace perigee::tests {

inline std::shared_ptr<const CollectionSchema> SegmentFuzzSchema() {
  static const auto schema = std::make_shared<const CollectionSchema>(
      CollectionSchema{.vectors = {{.name = "", .dimension = 2, .metric = DistanceMetric::kL2},
                                   {.name = "t",
                                    .dimension = 3,
                                    .metric = DistanceMetric::kCosine,
                                    .element = VectorElement::kFloat16}}});
  return schema;
}

inline tools::inspect::Schema SegmentFuzzSchemaForInspect() {
  using tools::inspect::Element;
  using tools::inspect::Metric;
  return {{.name = "", .dimension = 2, .metric = Metric::kL2, .element = Element::kF32},
          {.name = "t", .dimension = 3, .metric = Metric::kCosine, .element = Element::kF16}};
}

}  // namespace perigee::tests
