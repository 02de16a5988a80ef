// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/output.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

namespace perigee::tools {
namespace {

using Json = nlohmann::json;

QueryResult SampleResult() {
  QueryResult result;
  result.hits.push_back({.id = PointId("a"),
                         .score = 0.1F,
                         .distance = 0.9F,
                         .version = 4,
                         .payload = Payload{{"t", "x\ny"}}});
  result.hits.push_back({.id = PointId(7), .score = 0.05F, .distance = 0.95F, .version = 5});
  result.exact = true;
  result.recall_estimate = 1.0;
  result.plan = "exact_scan(1)";
  result.seq = 9;
  return result;
}

TEST_CASE("numbers and cells for people") {
  CHECK(Thousands(0) == "0");
  CHECK(Thousands(999) == "999");
  CHECK(Thousands(1234567) == "1,234,567");
  CHECK(HumanBytes(512) == "512 B");
  CHECK(HumanBytes(1536) == "1.5 KiB");
  CHECK(Cell("a\nb", 10) == "a.b");
  CHECK(Cell("äöü", 3) == "äöü");
  CHECK(Cell("äöüx", 3) == "äöü…");
}

TEST_CASE("a table is as wide as its widest cells and counts characters") {
  std::ostringstream out;
  PrintTable(out, {{"A", "B"}, {"äää", "x"}, {"y", "z"}});
  CHECK(out.str() == "A    B\näää  x\ny    z\n");
}

TEST_CASE("query results as JSON keep ids and scores exact") {
  std::ostringstream out;
  PrintQuery(out, OutputFormat::kJson, SampleResult());
  const Json json = Json::parse(out.str());
  CHECK(json["hits"][0]["id"] == "a");
  CHECK(json["hits"][1]["id"] == 7);
  CHECK(json["hits"][0]["score"].dump() == "0.1");
  CHECK(json["hits"][0]["payload"]["t"] == "x\ny");
  CHECK_FALSE(json["hits"][1].contains("payload"));
  CHECK(json["seq"] == 9);
  CHECK(json["exact"] == true);
}

TEST_CASE("query results as a table stay on their lines") {
  std::ostringstream out;
  PrintQuery(out, OutputFormat::kTable, SampleResult());
  CHECK(out.str().find("0.1000") != std::string::npos);
  CHECK(out.str().find("2 hits, exact") != std::string::npos);
  const std::string text = out.str();
  CHECK(std::count(text.begin(), text.end(), '\n') == 4);
}

TEST_CASE("every printer writes valid JSON") {
  const auto valid = [](auto print) {
    std::ostringstream out;
    print(out);
    return !Json::parse(out.str(), nullptr, false).is_discarded();
  };
  DatabaseStatus status;
  status.warnings = {"w"};
  status.collections.resize(1);
  status.collections[0].schema.vectors = {{.name = "", .dimension = 3}};
  ExplainResult explain;
  explain.segments.push_back(
      {.segment = "growing", .rows = 3, .strategy = "exact_scan", .reason = "few rows"});
  CHECK(valid([&](std::ostream& out) { PrintStatus(out, OutputFormat::kJson, status); }));
  CHECK(valid(
      [&](std::ostream& out) { PrintCollections(out, OutputFormat::kJson, status.collections); }));
  CHECK(valid([&](std::ostream& out) {
    PrintDescription(out, OutputFormat::kJson, status.collections[0]);
  }));
  CHECK(valid([&](std::ostream& out) { PrintWrite(out, OutputFormat::kJson, "wrote", {}); }));
  CHECK(valid([&](std::ostream& out) { PrintCount(out, OutputFormat::kJson, {.count = 3}); }));
  CHECK(valid([&](std::ostream& out) { PrintExplain(out, OutputFormat::kJson, explain); }));
  CHECK(valid([&](std::ostream& out) {
    PrintPoints(out, OutputFormat::kJson,
                {{.id = "a", .vectors = {{"", {1, 2}}}, .payload = {{"k", 1}}}}, "cursor");
  }));
}

}  // namespace
}  // namespace perigee::tools
