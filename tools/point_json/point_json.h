// SPDX-License-Identifier: Apache-2.0
//
// Points, ids and vectors as JSON text, for JSONL files and for output.
//
// Invariants: what PointLine writes ParsePointLine reads back bit for bit; every error names what
// was found and what is accepted. Thread-safety: functions without state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "perigee/model/payload_value.h"
#include "perigee/model/point.h"

namespace perigee::tools {

/// One line of JSONL: {"id": …, "payload": {…}, "vector": […] or {"name": […]}}.
struct PointLineFields {
  Point point = {};
  bool has_id = false;
  bool has_vector = false;
};

/// All keys optional; unknown keys are refused.
absl::StatusOr<PointLineFields> ParsePointLineFields(std::string_view line);
/// The same for a whole point: "id" is required.
absl::StatusOr<Point> ParsePointLine(std::string_view line);
/// {"id":…,"vector":…,"payload":{…}}: vectors only if there are any.
std::string PointLine(const Point& point);

/// A JSON array of numbers as f32; out of range is refused.
absl::StatusOr<std::vector<float>> VectorOfJson(const PayloadValue& value);
/// A JSON string or an integer from 0 to 2^64 - 1.
absl::StatusOr<PointId> PointIdOfJson(const PayloadValue& value);

/// An id as JSON: 7 or "a".
std::string IdJson(const PointId& id);
/// A float as the shortest JSON number that reads back to the same f32.
std::string FloatJson(float value);
/// [0.1,0.2]
std::string VectorJson(const std::vector<float>& values);

}  // namespace perigee::tools
