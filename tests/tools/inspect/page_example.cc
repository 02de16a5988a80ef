// SPDX-License-Identifier: Apache-2.0
#include "tests/tools/inspect/page_example.h"

#include <cctype>
#include <sstream>

#include "tests/storage/hex_example.h"

namespace perigee::tests {

std::string PageExample(const std::string& page, std::string_view name) {
  return DecodeHexExample(ReadSourceFile("docs/formats/" + page), name);
}

std::string PlainExample(const std::string& page, std::string_view fence) {
  const std::string text = ReadSourceFile("docs/formats/" + page);
  const size_t begin = text.find(fence);
  if (begin == std::string::npos) {
    return "";
  }
  const size_t first = text.find('\n', begin) + 1;
  std::istringstream lines(text.substr(first, text.find("\n```", first) - first));
  std::string bytes;
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(':');
    const bool offset =
        colon != std::string::npos && line.find_first_not_of(" 0123456789") == colon;
    std::istringstream words(line.substr(offset ? colon + 1 : 0));
    for (std::string word; words >> word;) {
      if (word.size() != 2 || std::isxdigit(static_cast<unsigned char>(word[0])) == 0 ||
          std::isxdigit(static_cast<unsigned char>(word[1])) == 0) {
        break;
      }
      bytes.push_back(static_cast<char>(std::stoi(word, nullptr, 16)));
    }
  }
  return bytes;
}

}  // namespace perigee::tests
