// SPDX-License-Identifier: Apache-2.0
//
// How values are spelled on the command line and in JSONL: vectors, ids, vector declarations,
// points.
//
// Invariants: every error names the argument, what was found and what is accepted.
// Thread-safety: functions without state, except that a vector spelled "-" reads from `input`.
#pragma once

#include <istream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "perigee/model/collection_schema.h"
#include "perigee/model/point.h"

namespace perigee::tools {

/// `@file.npy[3]` (row 3; row 0 without brackets), `[0.1, 0.2]`, or `-`: a JSON array on `input`.
absl::StatusOr<std::vector<float>> ParseVector(const std::string& text, std::istream& input);

/// 7 is an integer id, "7" in quotes and everything else a string id.
absl::StatusOr<PointId> ParsePointId(const std::string& text);

/// NAME:DIMENSION[:METRIC[:ELEMENT]], e.g. title:384:cosine:f16; an empty NAME is the unnamed
/// vector.
absl::StatusOr<VectorSchema> ParseVectorSchema(const std::string& text);

}  // namespace perigee::tools
