// SPDX-License-Identifier: Apache-2.0
#include "tests/storage/hex_example.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace perigee::tests {

std::string ReadSourceFile(const std::string& path) {
  std::ifstream stream(std::string(PERIGEE_SOURCE_DIR) + "/" + path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::string HexExample(std::string_view page, std::string_view name) {
  const std::string opening = "```hex " + std::string(name) + "\n";
  const size_t begin = page.find(opening);
  if (begin == std::string_view::npos) {
    return "";
  }
  const std::string_view rest = page.substr(begin + opening.size());
  return std::string(rest.substr(0, rest.find("```")));
}

std::string DecodeHexExample(std::string_view page, std::string_view name) {
  std::istringstream lines(HexExample(page, name));
  std::string bytes;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string offset;
    words >> offset;
    bytes.resize(std::strtoull(offset.c_str(), nullptr, 16), '\0');
    for (std::string word; words >> word && word != "end";) {
      bytes.push_back(static_cast<char>(std::strtoul(word.c_str(), nullptr, 16)));
    }
  }
  return bytes;
}

std::string EncodeHexExample(std::string_view bytes) {
  std::string text;
  char word[32];
  for (size_t at = 0; at < bytes.size(); at += 16) {
    const std::string_view row = bytes.substr(at, 16);
    if (std::all_of(row.begin(), row.end(), [](char c) { return c == '\0'; })) {
      continue;
    }
    std::snprintf(word, sizeof(word), "%06zx:", at);
    text += word;
    for (const char c : row) {
      std::snprintf(word, sizeof(word), " %02x", static_cast<unsigned char>(c));
      text += word;
    }
    text += '\n';
  }
  std::snprintf(word, sizeof(word), "%06zx:", bytes.size());
  return text + word + " end\n";
}

}  // namespace perigee::tests
