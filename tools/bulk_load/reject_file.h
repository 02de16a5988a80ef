// SPDX-License-Identifier: Apache-2.0
//
// RejectFile: the rows that a bulk load refused, one JSON object a line: row, byte offset, code,
// reason and the raw line, so that they can be mended and loaded again.
//
// Invariants: the file is made at the first refused row and not before; without a path the first
// ten are shown on the error stream instead. Thread-safety: one thread at a time.
#pragma once

#include <cstdint>
#include <fstream>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "tools/bulk_load/row_input.h"

namespace perigee::tools {

class RejectFile {
 public:
  RejectFile(std::string path, std::ostream& error) : path_(std::move(path)), error_(error) {}

  /// kPermissionDenied or kUnavailable when the file cannot be written.
  absl::Status Add(const InputRow& row);
  /// Flushes; an error means that the file is not complete.
  absl::Status Close();
  uint64_t count() const { return count_; }

 private:
  std::string path_;
  std::ostream& error_;
  std::ofstream file_;
  uint64_t count_ = 0;
};

}  // namespace perigee::tools
