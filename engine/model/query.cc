// SPDX-License-Identifier: Apache-2.0
#include "perigee/model/query.h"

#include <cmath>

#include "engine/model/payload_path.h"
#include "engine/model/schema_names.h"
#include "engine/model/utf8.h"
#include "engine/model/validation_error.h"
#include "perigee/model/limits.h"
#include "storage/foundation/status_macros.h"

namespace perigee {
namespace {

// A selector with more paths than a filter may have nodes is a mistake.
constexpr size_t kSelectorPathsMax = limits::kFilterNodesMax;

absl::Status ValidateSelector(const PayloadSelector& selector) {
  if (selector.kind != PayloadSelector::Kind::kPaths) return absl::OkStatus();
  if (selector.paths.size() > kSelectorPathsMax) {
    return LimitError("with_payload has ", selector.paths.size(), " paths; the limit is ",
                      kSelectorPathsMax);
  }
  for (size_t i = 0; i < selector.paths.size(); ++i) {
    if (absl::Status status = PayloadPath::Parse(selector.paths[i]).status(); !status.ok()) {
      return WithContext(status, absl::StrCat("with_payload[", i, "]"));
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateSelector(const VectorSelector& selector, const CollectionSchema& schema) {
  if (selector.kind != VectorSelector::Kind::kNames) return absl::OkStatus();
  for (const std::string& name : selector.names) {
    if (schema.Find(name) == nullptr) return UnknownVectorError("with_vectors", name, schema);
  }
  return absl::OkStatus();
}

absl::Status ValidateFilter(const std::optional<Filter>& filter) {
  return filter.has_value() ? Validate(*filter) : absl::OkStatus();
}

absl::Status ValidateLimits(const Query& query) {
  if (query.limit < 1 || query.limit > limits::kResultsMax) {
    return LimitError("limit is ", query.limit, "; 1 to ", limits::kResultsMax, " is allowed");
  }
  if (uint64_t{query.limit} + query.offset > limits::kResultsMax) {
    return LimitError("offset ", query.offset, " + limit ", query.limit, " is ",
                      uint64_t{query.limit} + query.offset, "; the limit is ", limits::kResultsMax,
                      "; use scroll to go through everything");
  }
  if (!(query.recall > 0 && query.recall <= 1)) {
    return InvalidError("recall is ", query.recall, "; above 0 and at most 1 is allowed");
  }
  if (query.ef.has_value() && (*query.ef < 1 || *query.ef > limits::kEfMax)) {
    return LimitError("ef is ", *query.ef, "; 1 to ", limits::kEfMax,
                      " is allowed; beyond that use exact");
  }
  if (query.timeout_ms < 1 || query.timeout_ms > limits::kTimeoutMsMax) {
    return LimitError("timeout_ms is ", query.timeout_ms, "; 1 to ", limits::kTimeoutMsMax,
                      " is allowed");
  }
  if (query.score_threshold.has_value() && std::isnan(*query.score_threshold)) {
    return InvalidError("score_threshold is not a number");
  }
  return absl::OkStatus();
}

absl::Status ValidateTarget(const Query& query, const VectorSchema& vector) {
  if (const auto* id = std::get_if<PointId>(&query.target)) return Validate(*id);
  // The query's vector is never stored, so f16's range does not bind it.
  VectorSchema unrounded = vector;
  unrounded.element = VectorElement::kFloat32;
  return ValidateVector("query vector", std::get<std::vector<float>>(query.target), unrounded);
}

}  // namespace

absl::Status Validate(const Query& query, const CollectionSchema& schema) {
  PERIGEE_RETURN_IF_ERROR(ValidateLimits(query));
  PERIGEE_ASSIGN_OR_RETURN(const VectorSchema* vector, ResolveUsing(query.using_vector, schema));
  PERIGEE_RETURN_IF_ERROR(ValidateTarget(query, *vector));
  PERIGEE_RETURN_IF_ERROR(ValidateFilter(query.filter));
  PERIGEE_RETURN_IF_ERROR(ValidateSelector(query.with_payload));
  return ValidateSelector(query.with_vectors, schema);
}

absl::Status Validate(const GetRequest& request, const CollectionSchema& schema) {
  if (request.ids.size() > limits::kWriteBatchPointsMax) {
    return LimitError("get has ", request.ids.size(), " ids; the limit is ",
                      limits::kWriteBatchPointsMax, "; split it");
  }
  for (const PointId& id : request.ids) PERIGEE_RETURN_IF_ERROR(Validate(id));
  PERIGEE_RETURN_IF_ERROR(ValidateSelector(request.with_payload));
  return ValidateSelector(request.with_vectors, schema);
}

absl::Status Validate(const ScrollRequest& request, const CollectionSchema& schema) {
  if (request.limit < 1 || request.limit > limits::kScrollLimitMax) {
    return LimitError("limit is ", request.limit, "; 1 to ", limits::kScrollLimitMax,
                      " is allowed");
  }
  PERIGEE_RETURN_IF_ERROR(ValidateFilter(request.filter));
  PERIGEE_RETURN_IF_ERROR(ValidateSelector(request.with_payload));
  return ValidateSelector(request.with_vectors, schema);
}

absl::Status Validate(const CountRequest& request) { return ValidateFilter(request.filter); }

absl::StatusOr<const VectorSchema*> ResolveUsing(const std::optional<std::string>& name,
                                                 const CollectionSchema& schema) {
  if (const VectorSchema* vector = schema.Find(name.value_or(""))) return vector;
  if (name.has_value()) return UnknownVectorError("using", *name, schema);
  return InvalidError("using is not given, and the collection has no unnamed vector; vectors are: ",
                      JoinNames(VectorNames(schema)));
}

}  // namespace perigee
