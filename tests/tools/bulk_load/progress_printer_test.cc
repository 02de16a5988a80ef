// SPDX-License-Identifier: Apache-2.0
#include "tools/bulk_load/progress_printer.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace perigee::tools {
namespace {

struct Fixture {
  std::chrono::steady_clock::time_point now = {};
  std::ostringstream out;
  ProgressPrinter Printer(ProgressStyle style) {
    return {out, style, [this] { return now; }};
  }
  void Pass(int milliseconds) { now += std::chrono::milliseconds(milliseconds); }
};

TEST_CASE_FIXTURE(Fixture, "a log gets a line every ten seconds") {
  ProgressPrinter printer = Printer(ProgressStyle::kLines);
  Pass(9'000);
  printer.Update({.rows_added = 10, .rows_total = 100});
  CHECK(out.str().empty());
  Pass(1'000);
  printer.Update({.rows_added = 20, .rows_total = 100});
  CHECK(out.str() == "perigee-load: reading 20 of 100 rows, 2 rows/s, 40 s left\n");
}

TEST_CASE_FIXTURE(Fixture, "a terminal's line is rewritten and cleared at the end") {
  ProgressPrinter printer = Printer(ProgressStyle::kTerminal);
  Pass(500);
  printer.Update({.rows_added = 100});
  CHECK(out.str() == "\rreading 100 rows, 200 rows/s");
  Pass(100);
  printer.Update({.rows_added = 150});
  CHECK(out.str().find("150") == std::string::npos);
  printer.Update(
      {.stage = BulkLoadStage::kBuilding, .rows_added = 150, .rows_indexed = 0, .rows_total = 150});
  CHECK(out.str().find("building 0 of 150 rows") != std::string::npos);
  printer.Finish();
  CHECK(out.str().back() == '\r');
}

TEST_CASE_FIXTURE(Fixture, "JSON progress is one object a line") {
  ProgressPrinter printer = Printer(ProgressStyle::kJson);
  Pass(1'000);
  printer.Update({.rows_added = 5});
  printer.Update(
      {.stage = BulkLoadStage::kDone, .rows_added = 5, .rows_indexed = 5, .rows_total = 5});
  std::istringstream lines(out.str());
  std::string line;
  int count = 0;
  while (std::getline(lines, line)) {
    CHECK(nlohmann::json::parse(line)["rows_added"] == 5);
    ++count;
  }
  CHECK(count == 2);
}

TEST_CASE_FIXTURE(Fixture, "no progress when none is asked for") {
  ProgressPrinter printer = Printer(ProgressStyle::kNone);
  Pass(60'000);
  printer.Update({.rows_added = 5});
  printer.Finish();
  CHECK(out.str().empty());
}

}  // namespace
}  // namespace perigee::tools
