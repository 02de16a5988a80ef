// SPDX-License-Identifier: Apache-2.0
#include "tools/bulk_load/row_input.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/foundation/status_macros.h"
#include "tools/point_json/point_json.h"

namespace perigee::tools {
namespace {

constexpr size_t kLineBytesMax = 1U << 20U;

}  // namespace

absl::StatusOr<std::unique_ptr<RowInput>> RowInput::Open(const RowInputOptions& options) {
  if (options.vectors_path.empty() && options.payload_path.empty()) {
    return absl::InvalidArgumentError("give --vectors FILE, --payload FILE.jsonl, or both");
  }
  if (options.payload_path.empty() && !options.ids_are_row_numbers) {
    return absl::InvalidArgumentError(
        "without --payload the rows have no ids; give --payload FILE.jsonl or --ids rownum");
  }
  std::unique_ptr<RowInput> input(new RowInput(options));
  if (!options.vectors_path.empty()) {
    PERIGEE_ASSIGN_OR_RETURN(input->vectors_, VectorFile::Open(options.vectors_path));
  }
  if (!options.payload_path.empty()) {
    input->lines_.open(options.payload_path, std::ios::binary);
    if (!input->lines_) {
      return absl::NotFoundError(absl::StrCat("cannot open '", options.payload_path, "'"));
    }
  }
  return input;
}

absl::StatusOr<bool> RowInput::NextLine(InputRow& row) {
  while (true) {
    row.byte_offset = next_offset_;
    if (!std::getline(lines_, row.raw)) {
      if (lines_.bad()) {
        return absl::DataLossError(
            absl::StrCat("'", options_.payload_path, "': reading failed at byte ", next_offset_));
      }
      return false;
    }
    next_offset_ += row.raw.size() + 1;
    if (row.raw.find_first_not_of(" \t\r") != std::string::npos) {
      return true;
    }
  }
}

absl::Status RowInput::ParseLine(InputRow& row) const {
  if (row.raw.size() > kLineBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("the line has ", row.raw.size(), " bytes; ", kLineBytesMax, " is the limit"));
  }
  PERIGEE_ASSIGN_OR_RETURN(PointLineFields fields, ParsePointLineFields(row.raw));
  if (fields.has_vector && vectors_ != nullptr) {
    return absl::InvalidArgumentError("the line has a \"vector\" and --vectors gives one too");
  }
  if (!fields.has_id && !options_.ids_are_row_numbers) {
    return absl::InvalidArgumentError("the key \"id\" is missing (or use --ids rownum)");
  }
  row.point = std::move(fields.point);
  return absl::OkStatus();
}

absl::StatusOr<bool> RowInput::Next(InputRow& row) {
  row = {};
  row.row = next_row_;
  bool has_line = false;
  if (!options_.payload_path.empty()) {
    PERIGEE_ASSIGN_OR_RETURN(has_line, NextLine(row));
  }
  const bool has_vector = vectors_ != nullptr && next_row_ < vectors_->rows();
  if (!has_line && !has_vector) {
    return false;
  }
  if (vectors_ != nullptr && !options_.payload_path.empty() && has_line != has_vector) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", options_.payload_path, "' has ", has_line ? "more" : "fewer",
                     " rows than '", options_.vectors_path, "' (", vectors_->rows(),
                     has_line ? "" : absl::StrCat("; it ends after ", next_row_),
                     "); each line belongs to one vector"));
  }
  ++next_row_;
  if (has_line) {
    row.status = ParseLine(row);
  }
  if (options_.ids_are_row_numbers) {
    row.point.id = PointId(row.row);
  }
  if (has_vector) {
    std::vector<float> values(vectors_->dimension());
    const absl::Status read = vectors_->Read(row.row, values);
    if (row.status.ok()) {
      row.status = read;
    }
    row.point.vectors[options_.vector_name] = std::move(values);
  }
  return true;
}

}  // namespace perigee::tools
