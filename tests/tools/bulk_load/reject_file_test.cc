// SPDX-License-Identifier: Apache-2.0
#include "tools/bulk_load/reject_file.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/temporary_directory.h"

namespace perigee::tools {
namespace {

InputRow Refused(uint64_t row) {
  InputRow refused;
  refused.row = row;
  refused.byte_offset = row * 10;
  refused.status = absl::InvalidArgumentError("bad \"value\"");
  refused.raw = "{\"id\":\xff}";
  return refused;
}

TEST_CASE("refused rows are kept with place, code, reason and raw line") {
  const storage::TemporaryDirectory directory;
  const std::string path = directory.PathOf("rejects.ndjson");
  std::ostringstream error;
  RejectFile rejects(path, error);
  CHECK(rejects.Close().ok());
  CHECK_FALSE(std::filesystem::exists(path));
  REQUIRE(rejects.Add(Refused(3)).ok());
  REQUIRE(rejects.Add(Refused(4)).ok());
  REQUIRE(rejects.Close().ok());
  CHECK(rejects.count() == 2);
  CHECK(error.str().empty());
  std::ifstream file(path);
  std::string line;
  REQUIRE(std::getline(file, line));
  const auto json = nlohmann::json::parse(line);
  CHECK(json["row"] == 3);
  CHECK(json["byte_offset"] == 30);
  CHECK(json["code"] == "INVALID_ARGUMENT");
  CHECK(json["reason"] == "bad \"value\"");
}

TEST_CASE("without a file the first ten are shown") {
  std::ostringstream error;
  RejectFile rejects("", error);
  for (uint64_t row = 0; row < 100; ++row) {
    REQUIRE(rejects.Add(Refused(row)).ok());
  }
  const std::string text = error.str();
  CHECK(std::count(text.begin(), text.end(), '\n') == 11);
}

TEST_CASE("a rejects file that cannot be made is an error") {
  std::ostringstream error;
  RejectFile rejects("/proc/none/rejects", error);
  CHECK(rejects.Add(Refused(0)).code() == absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace perigee::tools
