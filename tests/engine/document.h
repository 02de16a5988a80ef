// SPDX-License-Identifier: Apache-2.0
//
// What tests read from the pages of docs/, so that examples there cannot become wrong: the rows of
// tables whose cells are code, and bytes in hexadecimal.
//
// Invariants: paths are relative to the repository.
// Thread-safety: functions without state.
#pragma once

#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace perigee::tests {

inline std::string ReadDocument(const std::string& path) {
  std::ifstream stream(std::string(PERIGEE_SOURCE_DIR "/") + path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

/// The rows "| `a` | `b` | ..." whose first `cells` cells are code; the code without its ticks.
inline std::vector<std::vector<std::string>> TableRows(const std::string& path, size_t cells) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(ReadDocument(path));
  for (std::string line; std::getline(lines, line);) {
    std::vector<std::string> row;
    size_t at = 0;
    while (row.size() < cells && line.compare(at, 3, "| `") == 0) {
      const size_t end = line.find("` |", at + 3);
      if (end == std::string::npos) break;
      row.push_back(line.substr(at + 3, end - at - 3));
      at = end + 2;
    }
    if (row.size() == cells && line.compare(at, 3, "| `") != 0) rows.push_back(std::move(row));
  }
  return rows;
}

/// Pairs of hexadecimal digits, white space between them ignored.
inline std::string FromHex(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c != ' ' && c != '\n') digits += c;
  }
  std::string bytes;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

}  // namespace perigee::tests
