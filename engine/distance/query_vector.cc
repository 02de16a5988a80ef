// SPDX-License-Identifier: Apache-2.0
#include "engine/distance/query_vector.h"

#include "absl/strings/str_cat.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::engine {
namespace {

DistanceKernel KernelOf(DistanceMetric metric, VectorElement element) {
  const DistanceKernels& kernels = ActiveKernels();
  if (metric == DistanceMetric::kL2) {
    return element == VectorElement::kFloat16 ? kernels.l2_squared_f16 : kernels.l2_squared_f32;
  }
  return element == VectorElement::kFloat16 ? kernels.dot_f16 : kernels.dot_f32;
}

}  // namespace

absl::StatusOr<QueryVector> QueryVector::Create(const VectorSchema& schema,
                                                std::span<const float> values) {
  if (values.size() != schema.dimension) {
    return absl::InvalidArgumentError(absl::StrCat("the query vector has ", values.size(),
                                                   " dimensions; vector '", Absl(schema.name),
                                                   "' has ", schema.dimension));
  }
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      return absl::InvalidArgumentError(
          absl::StrCat("element ", i, " of the query vector is not a finite number"));
    }
  }
  const double norm = VectorNorm(values.data(), values.size());
  if (schema.metric == DistanceMetric::kCosine && !std::isnormal(norm)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the query vector has norm ", norm,
                     ", which gives no direction; under cosine a vector needs a norm above 0"));
  }
  QueryVector query;
  query.values_.assign(values.begin(), values.end());
  query.norm_ = norm;
  query.metric_ = schema.metric;
  query.element_ = schema.element;
  query.kernel_ = KernelOf(schema.metric, schema.element);
  return query;
}

}  // namespace perigee::engine
