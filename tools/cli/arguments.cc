// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/arguments.h"

#include <cstdint>
#include <iterator>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "perigee/model/payload_value.h"
#include "storage/foundation/status_macros.h"
#include "tools/point_json/point_json.h"
#include "tools/vector_files/vector_file.h"

namespace perigee::tools {
namespace {

absl::StatusOr<std::vector<float>> VectorFromFile(const std::string& text) {
  std::string path = text.substr(1);
  uint64_t row = 0;
  if (!path.empty() && path.back() == ']') {
    const size_t bracket = path.rfind('[');
    if (bracket == std::string::npos ||
        !absl::SimpleAtoi(path.substr(bracket + 1, path.size() - bracket - 2), &row)) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", text, "' is not @FILE[ROW]; rows count from 0"));
    }
    path.resize(bracket);
  }
  PERIGEE_ASSIGN_OR_RETURN(const auto file, VectorFile::Open(path));
  if (row >= file->rows()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", path, "' has ", file->rows(), " rows; row ", row, " is not there"));
  }
  std::vector<float> values(file->dimension());
  PERIGEE_RETURN_IF_ERROR(file->Read(row, values));
  return values;
}

}  // namespace

absl::StatusOr<std::vector<float>> ParseVector(const std::string& text, std::istream& input) {
  if (!text.empty() && text[0] == '@') {
    return VectorFromFile(text);
  }
  std::string json = text;
  if (text == "-") {
    json.assign(std::istreambuf_iterator<char>(input), std::istreambuf_iterator<char>());
  }
  const absl::StatusOr<PayloadValue> value = ParsePayloadValueJson(json);
  if (!value.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a vector is @FILE.npy[ROW], [0.1, …] or - for standard input: ",
                     value.status().message()));
  }
  return VectorOfJson(*value);
}

absl::StatusOr<PointId> ParsePointId(const std::string& text) {
  PointId id;
  uint64_t number = 0;
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  if (digits && absl::SimpleAtoi(text, &number)) {
    id = PointId(number);
  } else if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    PERIGEE_ASSIGN_OR_RETURN(const PayloadValue value, ParsePayloadValueJson(text));
    PERIGEE_ASSIGN_OR_RETURN(id, PointIdOfJson(value));
  } else {
    id = PointId(text);
  }
  PERIGEE_RETURN_IF_ERROR(Validate(id));
  return id;
}

absl::StatusOr<VectorSchema> ParseVectorSchema(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  VectorSchema schema;
  if (parts.size() < 2 || parts.size() > 4 || !absl::SimpleAtoi(parts[1], &schema.dimension)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", text, "' is not NAME:DIMENSION[:METRIC[:ELEMENT]], e.g. title:384:cosine:f16"));
  }
  schema.name = parts[0];
  if (parts.size() > 2) {
    const std::optional<DistanceMetric> metric = ParseDistanceMetric(parts[2]);
    if (!metric.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown metric '", parts[2], "'; it is cosine, l2 or dot"));
    }
    schema.metric = *metric;
  }
  if (parts.size() > 3) {
    const std::optional<VectorElement> element = ParseVectorElement(parts[3]);
    if (!element.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown element '", parts[3], "'; it is f32 or f16"));
    }
    schema.element = *element;
  }
  return schema;
}

}  // namespace perigee::tools
