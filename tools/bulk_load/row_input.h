// SPDX-License-Identifier: Apache-2.0
//
// RowInput: the rows of a bulk load, put together from a vector file and a JSONL file of ids and
// payloads, or from JSONL that carries the vectors itself.
//
// Invariants:
//  1. Row n of the vector file belongs to line n of the JSONL file (empty lines do not count); a
//     different number of rows is an error of the load, not of a row.
//  2. A row that cannot be read as a point is given out as a rejected row with its place and its
//  raw text;
//     the rows after it are not disturbed.
// Thread-safety: one thread at a time.
#pragma once

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "perigee/model/point.h"
#include "tools/vector_files/vector_file.h"

namespace perigee::tools {

struct RowInputOptions {
  std::string vectors_path = {};  ///< .npy or .fvecs; empty: vectors are in the JSONL
  std::string payload_path = {};  ///< JSONL; empty: no payload, ids are row numbers
  std::string vector_name = {};   ///< which vector of the schema the vector file fills
  bool ids_are_row_numbers = false;
};

/// One row, good or not.
struct InputRow {
  uint64_t row = 0;          ///< counts from 0
  uint64_t byte_offset = 0;  ///< of its line in the JSONL file
  Point point = {};
  absl::Status status = {};  ///< why it is refused
  std::string raw = {};      ///< its JSONL line
};

class RowInput {
 public:
  /// kNotFound, kInvalidArgument naming the file and what is accepted.
  static absl::StatusOr<std::unique_ptr<RowInput>> Open(const RowInputOptions& options);

  /// Fills `row`; false at the end. An error is one of the whole load (counts differ, a file ends
  /// early).
  absl::StatusOr<bool> Next(InputRow& row);
  /// Rows of the vector file; 0 if there is none and the number is not known.
  uint64_t rows_expected() const { return vectors_ == nullptr ? 0 : vectors_->rows(); }
  /// Dimension of the vector file; 0 if there is none.
  uint32_t dimension() const { return vectors_ == nullptr ? 0 : vectors_->dimension(); }

 private:
  explicit RowInput(RowInputOptions options) : options_(std::move(options)) {}
  absl::StatusOr<bool> NextLine(InputRow& row);
  absl::Status ParseLine(InputRow& row) const;

  RowInputOptions options_;
  std::unique_ptr<VectorFile> vectors_;
  std::ifstream lines_;
  uint64_t next_row_ = 0;
  uint64_t next_offset_ = 0;
};

}  // namespace perigee::tools
