// SPDX-License-Identifier: Apache-2.0
//
// Goal: every code that a decoder can report has a meaning and a remedy, and stands in the page.
// Method: read the sources and docs/inspect.md.
#include "tools/inspect/finding_meaning.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <set>
#include <string>

#include "tests/storage/hex_example.h"

namespace perigee::tools::inspect {
namespace {

TEST_CASE("rows are sorted and complete") {
  const auto& rows = AllMeanings();
  CHECK(std::is_sorted(rows.begin(), rows.end(),
                       [](const auto& a, const auto& b) { return a.code < b.code; }));
  for (const FindingMeaning& row : rows) {
    CHECK_FALSE(row.meaning.empty());
    CHECK_FALSE(row.remedy.empty());
    CHECK(&MeaningOf(row.code) == &row);
  }
  CHECK(MeaningOf("no.such").code.empty());
}

TEST_CASE("codes of the sources and codes of the table are the same") {
  std::set<std::string> used;
  const std::regex literal(
      R"rx("((?:collection|current|deletion|directory|file|format|identity|log|manifest|segment|snapshot)\.[a-z_]+)")rx");
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(PERIGEE_SOURCE_DIR) + "/tools/inspect")) {
    const std::string name = entry.path().filename().string();
    if (name == "finding_meaning.cc" || !name.ends_with(".cc")) {
      continue;
    }
    const std::string text = tests::ReadSourceFile("tools/inspect/" + name);
    for (std::sregex_iterator it(text.begin(), text.end(), literal), end; it != end; ++it) {
      used.insert((*it)[1]);
    }
  }
  std::set<std::string> explained;
  for (const FindingMeaning& row : AllMeanings()) {
    explained.insert(std::string(row.code));
  }
  for (const std::string& code : used) {
    CHECK_MESSAGE(explained.count(code) == 1, code << " has no meaning");
  }
  for (const std::string& code : explained) {
    CHECK_MESSAGE(used.count(code) == 1, code << " is never reported");
  }
}

}  // namespace
}  // namespace perigee::tools::inspect
