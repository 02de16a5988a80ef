// SPDX-License-Identifier: Apache-2.0
//
// What makes one condition of a filter valid, wherever it came from: JSON, text, the wire, or a
// program. The parsers call it with the place they are at; Validate(Filter) with the place in the
// tree.
//
// Invariants: an error begins with `where`.
// Thread-safety: functions without state.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "perigee/model/filter.h"

namespace perigee {

/// Requires: `node` is a condition, not one of the nodes with children.
absl::Status ValidateCondition(const Filter::Node& node, const std::string& where);

/// Bytes of the condition's paths, names and literals, which kFilterBytesMax limits.
size_t ConditionBytes(const Filter::Node& node);

}  // namespace perigee
