// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/verify_report.h"

#include <doctest/doctest.h>

#include <sstream>

namespace perigee::tools::inspect {
namespace {

TEST_CASE("the exit code is that of the worst finding") {
  FindingList list;
  CHECK(VerifyExitCode(list) == 0);
  list.Add({.severity = Severity::kNotice});
  CHECK(VerifyExitCode(list) == 0);
  list.Add({.severity = Severity::kUnsupported});
  CHECK(VerifyExitCode(list) == 4);
  list.Add({.severity = Severity::kUnreadable});
  CHECK(VerifyExitCode(list) == 3);
  list.Add({.severity = Severity::kDamage});
  CHECK(VerifyExitCode(list) == 2);
}

TEST_CASE("numbers for people") {
  CHECK(Grouped(0) == "0");
  CHECK(Grouped(999) == "999");
  CHECK(Grouped(1234567) == "1,234,567");
  CHECK(BytesText(1023) == "1023 bytes");
  CHECK(BytesText(1536) == "1.5 KiB");
  CHECK(BytesText(uint64_t{3} << 40U) == "3.0 TiB");
}

TEST_CASE("both forms name place, expectation and remedy") {
  VerifyReport report;
  report.findings.Add({.code = "segment.page",
                       .file = "seg/x",
                       .offset = 4096,
                       .section = "ids",
                       .expected = "page 0",
                       .found = "1234"});
  std::ostringstream text;
  PrintReport(report, text);
  CHECK(text.str().find("damage: seg/x at offset 4096, ids (segment.page)") != std::string::npos);
  CHECK(text.str().find("    do:       Copy this very file") != std::string::npos);
  const nlohmann::ordered_json json = ReportJson(report);
  CHECK(json["schema_version"] == 1);
  CHECK(json["verdict"] == "damaged");
  CHECK(json["exit_code"] == 2);
  CHECK(json["findings"][0]["offset"] == 4096);
  CHECK(json["findings"][0]["remedy"].get<std::string>().starts_with("Copy"));
}

TEST_CASE("names that are not UTF-8 do not break the document") {
  VerifyReport report;
  report.findings.Add({.code = "directory.unknown", .file = "\xff\xfe"});
  const std::string text =
      ReportJson(report).dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
  CHECK(nlohmann::json::parse(text)["findings"].size() == 1);
}

}  // namespace
}  // namespace perigee::tools::inspect
