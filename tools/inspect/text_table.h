// SPDX-License-Identifier: Apache-2.0
//
// TextTable: rows of words in columns that are as wide as they need to be.
//
// Invariants: the last column is not padded; columns of numbers are aligned to the right.
// Thread-safety: one thread at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace perigee::tools::inspect {

class TextTable {
 public:
  explicit TextTable(std::vector<std::string> header) { rows_.push_back(std::move(header)); }

  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  size_t rows() const { return rows_.size() - 1; }

  void Print(std::ostream& out) const {
    std::vector<size_t> widths(rows_[0].size(), 0);
    for (const auto& row : rows_) {
      for (size_t i = 0; i < row.size() && i < widths.size(); ++i) {
        widths[i] = std::max(widths[i], row[i].size());
      }
    }
    for (const auto& row : rows_) {
      std::string line;
      for (size_t i = 0; i < row.size() && i < widths.size(); ++i) {
        line += i == 0 ? "" : "  ";
        const std::string padding(widths[i] - row[i].size(), ' ');
        const bool number = !rows_.back()[i].empty() &&
                            rows_.back()[i].find_first_not_of("0123456789,") == std::string::npos;
        line += number ? padding + row[i] : i + 1 == row.size() ? row[i] : row[i] + padding;
      }
      line.erase(line.find_last_not_of(' ') + 1);
      out << line << "\n";
    }
  }

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace perigee::tools::inspect
