// SPDX-License-Identifier: Apache-2.0
//
// Goal: every exit code, and documents that parse. Method: RunPerigeeInspect on databases of the
// public API, whole and damaged.
#include "tools/inspect/inspect_command.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/temporary_directory.h"
#include "tests/tools/inspect/database_kinds.h"
#include "tests/tools/inspect/resealed_segment.h"
#include "tools/inspect/checksum.h"

namespace perigee::tools::inspect {
namespace {

struct Fixture {
  int Run(const std::vector<std::string>& arguments) {
    std::ostringstream output;
    std::ostringstream error;
    const int code = RunPerigeeInspect(arguments, {.output = output, .error = error},
                                       [] { return std::string("perigee-inspect 0"); });
    out = output.str();
    err = error.str();
    return code;
  }
  storage::TemporaryDirectory directory;
  std::string path = directory.PathOf("db");
  std::string out;
  std::string err;
};

TEST_CASE_FIXTURE(Fixture, "verify: sound, damaged, of a later version") {
  tests::MakeDatabase("clean", path);
  CHECK(Run({"verify", path}) == 0);
  CHECK(out.find("\nok: ") != std::string::npos);
  CHECK(err.empty());
  std::string identity = tests::ReadBytes(path + "/IDENTITY");
  identity[8] = 9;
  tests::WriteBytes(path + "/IDENTITY", identity);
  CHECK(Run({"verify", path}) == 2);
  CHECK(out.find("identity.checksum") != std::string::npos);
  tests::PutLittle(identity, 124, Crc32c(std::string_view(identity).substr(0, 124)), 4);
  tests::WriteBytes(path + "/IDENTITY", identity);
  CHECK(Run({"verify", path}) == 4);
  CHECK(out.find("unsupported: IDENTITY") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "verify: a file that cannot be read") {
  tests::MakeDatabase("clean", path);
  std::filesystem::remove(path + "/IDENTITY");
  // Permissions do not stop an administrator; a name that is too deep to resolve stops everybody.
  std::filesystem::create_symlink("IDENTITY", path + "/IDENTITY");
  CHECK(Run({"verify", path}) == 2);
  if (geteuid() != 0) {
    std::filesystem::remove(path + "/IDENTITY");
    tests::WriteBytes(path + "/IDENTITY", "x");
    REQUIRE(chmod((path + "/IDENTITY").c_str(), 0) == 0);
    CHECK(Run({"verify", path}) == 3);
  }
}

TEST_CASE_FIXTURE(Fixture, "usage and missing input") {
  CHECK(Run({}) == 64);
  CHECK(Run({"verify"}) == 64);
  CHECK(Run({"verify", path, "--nonsense"}) == 64);
  CHECK(Run({"verify", path}) == 66);
  std::filesystem::create_directory(path);
  CHECK(Run({"verify", path}) == 78);
  CHECK(Run({"--version"}) == 0);
  CHECK(Run({"--help"}) == 0);
  CHECK(out.find("verify") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "one document with a version, whatever was found") {
  tests::MakeDatabase("sealed", path);
  REQUIRE(Run({"verify", path, "--json", "--deep"}) == 0);
  nlohmann::json json = nlohmann::json::parse(out);
  CHECK(json["schema"] == "perigee-inspect.verify");
  CHECK(json["schema_version"] == 1);
  CHECK(json["verdict"] == "ok");
  CHECK(json["as_of"]["epoch"] == 1);
  CHECK(json["collections"][0]["rows"] == 1550);
  CHECK(json["deep"].size() == 4);
  CHECK(json["log"]["files"].size() >= 1);
  for (const std::string& name : tests::FilesOf(path)) {
    std::filesystem::resize_file(path + "/" + name, 100);
  }
  REQUIRE(Run({"verify", path, "--json"}) == 2);
  json = nlohmann::json::parse(out);
  CHECK(json["verdict"] == "damaged");
  CHECK(json["as_of"].is_null());
  CHECK(json["findings"].size() >= 2);
}

}  // namespace
}  // namespace perigee::tools::inspect
