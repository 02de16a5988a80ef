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
  status.scrub.segments = {{.collection = "docs", .segment = "s", .damage = "page 3"}};
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

TEST_CASE("status tells how far the disk was verified, oldest segments first") {
  DatabaseStatus status;
  status.scrub.state = "off";
  const auto text = [&status] {
    std::ostringstream out;
    PrintStatus(out, OutputFormat::kTable, status);
    return out.str();
  };
  CHECK(text().find("scrub       off\n") != std::string::npos);
  CHECK(text().find("SEGMENT") == std::string::npos);
  status.scrub = {.state = "waiting",
                  .bytes_per_second = 8U << 20U,
                  .bytes_total = 30U << 20U,
                  .bytes_verified = 20U << 20U,
                  .last_full_pass_ms = 1'760'000'000'000,
                  .damages_found = 1};
  for (int64_t i = 0; i < 25; ++i) {
    status.scrub.segments.push_back({.collection = "docs",
                                     .segment = "s" + std::to_string(i),
                                     .bytes = 1U << 20U,
                                     .verified_at_ms = (25 - i) * 86'400'000});
  }
  status.scrub.segments[24].damage = "page 3";
  status.scrub.segments[23].verified_at_ms = 0;
  const std::string printed = text();
  CHECK(printed.find("waiting; 20.0 MiB of 30.0 MiB verified, at 8.0 MiB/s; last full pass: "
                     "2025-10-09 08:53:20 UTC; damaged segments found so far: 1") !=
        std::string::npos);
  const size_t never = printed.find("s23      docs        1.0 MiB  not yet\n");
  const size_t damaged = printed.find("DAMAGED; before: 1970-01-02 00:00:00 UTC\n");
  CHECK(never < damaged);
  CHECK(damaged < printed.find("1970-01-04"));
  CHECK(printed.find("and 5 more; --json lists all") != std::string::npos);
}

}  // namespace
}  // namespace perigee::tools
