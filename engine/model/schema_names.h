// SPDX-License-Identifier: Apache-2.0
//
// The vector names of a schema as a list, for messages that say what there is.
//
// Invariants: the order is the schema's; views point into it.
// Thread-safety: a function without state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "engine/model/name_hint.h"
#include "engine/model/utf8.h"
#include "engine/model/validation_error.h"
#include "perigee/model/collection_schema.h"

namespace perigee {

inline std::vector<std::string_view> VectorNames(const CollectionSchema& schema) {
  std::vector<std::string_view> names;
  names.reserve(schema.vectors.size());
  for (const VectorSchema& vector : schema.vectors) names.emplace_back(vector.name);
  return names;
}

/// "<what>: no vector is called 'x'; vectors are: a, b; did you mean 'a'?"
inline absl::Status UnknownVectorError(const std::string& what, std::string_view name,
                                       const CollectionSchema& schema) {
  const std::vector<std::string_view> names = VectorNames(schema);
  return InvalidError(what, ": no vector is called ", QuoteForMessage(name),
                      "; vectors are: ", JoinNames(names), DidYouMean(name, names));
}

}  // namespace perigee
