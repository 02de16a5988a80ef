// SPDX-License-Identifier: Apache-2.0
#include "perigee/model/point.h"

#include <bit>
#include <cmath>
#include <limits>

#include "engine/model/schema_names.h"
#include "engine/model/utf8.h"
#include "engine/model/validation_error.h"
#include "perigee/model/limits.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee {
namespace {

/// The value an f16 collection stores for `value`: nearest, ties to even. Requires: in f16's range.
double RoundToFloat16(float value) {
  constexpr double kNormalMin = 0x1p-14;
  constexpr double kSubnormalStep = 0x1p-24;
  constexpr int kFractionBits = 10;
  const double exact = value;
  double step = kSubnormalStep;
  if (std::fabs(exact) >= kNormalMin) step = std::ldexp(1.0, std::ilogb(exact) - kFractionBits);
  return std::nearbyint(exact / step) * step;  // all exact in double but the rounding
}

absl::Status CheckNorm(std::string_view what, double norm) {
  // Both bounds are f32's: the kernels work in f32, and below or above them cos is noise.
  if (norm >= std::numeric_limits<float>::min() && norm <= std::numeric_limits<float>::max()) {
    return absl::OkStatus();
  }
  if (norm == 0) {
    return InvalidError(Absl(what),
                        " is a zero vector, which has no direction; cosine cannot compare it; "
                        "leave the vector out or use metric dot or l2");
  }
  return InvalidError(Absl(what), " has norm ", norm,
                      ", outside the normal range of f32; cosine cannot compare it; scale it");
}

}  // namespace

absl::Status ValidateVector(std::string_view what, const std::vector<float>& values,
                            const VectorSchema& schema) {
  if (values.size() != schema.dimension) {
    return InvalidError(Absl(what), " has ", values.size(), " values; vector ",
                        QuoteForMessage(schema.name), " has dimension ", schema.dimension);
  }
  const bool is_f16 = schema.element == VectorElement::kFloat16;
  double squares = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const float value = values[i];
    if (!std::isfinite(value)) {
      return InvalidError(Absl(what), " has ", value, " at position ", i,
                          "; all values have to be finite");
    }
    if (is_f16 && std::fabs(value) > limits::kFloat16Max) {
      return InvalidError(Absl(what), " has ", value, " at position ", i,
                          "; an f16 vector holds values from -65504 to 65504; scale it or use f32");
    }
    const double stored = is_f16 ? RoundToFloat16(value) : double{value};
    squares += stored * stored;
  }
  return schema.metric == DistanceMetric::kCosine ? CheckNorm(what, std::sqrt(squares))
                                                  : absl::OkStatus();
}

absl::Status Validate(const Point& point, const CollectionSchema& schema) {
  PERIGEE_RETURN_IF_ERROR(Validate(point.id));
  const std::string what = absl::StrCat("point ", QuoteForMessage(point.id.ToString()));
  if (point.vectors.empty()) {
    return InvalidError(what,
                        " has no vector; give at least one of: ", JoinNames(VectorNames(schema)));
  }
  for (const auto& [name, values] : point.vectors) {
    const VectorSchema* vector = schema.Find(name);
    if (vector == nullptr) return UnknownVectorError(what, name, schema);
    PERIGEE_RETURN_IF_ERROR(
        ValidateVector(absl::StrCat(what, ", vector ", QuoteForMessage(name)), values, *vector));
  }
  if (absl::Status status = Validate(point.payload); !status.ok()) {
    return WithContext(status, what);
  }
  return absl::OkStatus();
}

}  // namespace perigee
