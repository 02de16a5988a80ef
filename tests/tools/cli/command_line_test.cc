// SPDX-License-Identifier: Apache-2.0
//
// Goal: `perigee` does for a person what its help says. Method: RunPerigee on a directory, as the
// program calls it; what it prints and its exit codes are checked, not its wording.
#include "tools/cli/command_line.h"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/temporary_directory.h"

namespace perigee::tools {
namespace {

using Json = nlohmann::json;

struct Fixture {
  int Run(std::vector<std::string> arguments, const std::string& stdin_text = "") {
    arguments.insert(arguments.begin(), {"--uri", database});
    return RunBare(arguments, stdin_text);
  }
  int RunBare(const std::vector<std::string>& arguments, const std::string& stdin_text = "") {
    std::istringstream input(stdin_text);
    std::ostringstream output;
    std::ostringstream error;
    const int code = RunPerigee(arguments, {.input = input, .output = output, .error = error});
    out = output.str();
    err = error.str();
    return code;
  }
  Json RunJson(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "--json");
    REQUIRE(Run(arguments) == 0);
    return Json::parse(out);
  }
  void Fill() {
    REQUIRE(Run({"create", "docs", "--dimension", "2", "--metric", "l2"}) == 0);
    REQUIRE(Run({"upsert", "docs"},
                "{\"id\":1,\"vector\":[0,0],\"payload\":{\"lang\":\"en\",\"year\":2020}}\n"
                "{\"id\":\"a\",\"vector\":[3,4],\"payload\":{\"lang\":\"de\",\"year\":2021}}\n"
                "\n"
                "{\"id\":\"b\",\"vector\":[6,8],\"payload\":{\"lang\":\"en\",\"year\":2022}}\n") ==
            0);
  }

  storage::TemporaryDirectory directory;
  std::string database = directory.PathOf("db");
  std::string out;
  std::string err;
};

TEST_CASE_FIXTURE(Fixture, "create - upsert - get - query - count - scroll - delete - drop") {
  Fill();
  CHECK(RunJson({"count", "docs"})["count"] == 3);
  CHECK(RunJson({"count", "docs", "--filter", "lang = 'en'"})["count"] == 2);
  const Json query = RunJson({"query", "docs", "--vector", "[0,0]", "--limit", "2"});
  CHECK(query["hits"][0]["id"] == 1);
  CHECK(query["hits"][1]["id"] == "a");
  CHECK(query["hits"][1]["distance"] == 5);
  CHECK(query["hits"][1]["score"] == -5);
  const Json filtered =
      RunJson({"query", "docs", "--vector", "[0,0]", "--filter", "lang = 'en' AND year >= 2021"});
  REQUIRE(filtered["hits"].size() == 1);
  CHECK(filtered["hits"][0]["id"] == "b");
  const Json json_filter = RunJson({"query", "docs", "--vector", "[0,0]", "--filter",
                                    R"({"must":[{"key":"lang","match":{"value":"de"}}]})"});
  CHECK(json_filter["hits"].size() == 1);
  const Json like = RunJson({"query", "docs", "--like", "1"});
  CHECK(like["hits"].size() == 2);
  const Json got = RunJson({"get", "docs", "a", "1", "--with-vectors", "--with-payload", "year"});
  CHECK(got["points"].size() == 2);
  CHECK(got["points"][0]["id"] == "a");
  CHECK(got["points"][0]["payload"] == Json({{"year", 2021}}));
  CHECK(got["points"][0]["vectors"][""] == Json({3.0, 4.0}));
  const Json page = RunJson({"scroll", "docs", "--limit", "2"});
  CHECK(page["points"].size() == 2);
  const Json rest = RunJson(
      {"scroll", "docs", "--limit", "2", "--cursor", page["next_cursor"].get<std::string>()});
  CHECK(rest["points"].size() == 1);
  CHECK(rest["next_cursor"].is_null());
  CHECK(RunJson({"explain", "docs", "--vector", "[0,0]"})["segments"].size() >= 1);
  CHECK(RunJson({"delete", "docs", "a", "absent"})["affected"] == 1);
  CHECK(RunJson({"list"})[0]["points"] == 2);
  CHECK(RunJson({"describe", "docs"})["schema"]["vectors"][""]["dimension"] == 2);
  CHECK(RunJson({"status"})["collections"].size() == 1);
  CHECK(Run({"drop", "docs"}) == 64);
  CHECK(Run({"drop", "docs", "--yes"}) == 0);
  CHECK(RunJson({"list"}).empty());
}

TEST_CASE_FIXTURE(Fixture, "tables for people") {
  Fill();
  REQUIRE(Run({"query", "docs", "--vector", "[0,0]"}) == 0);
  CHECK(out.find("SCORE") != std::string::npos);
  CHECK(out.find("3 hits") != std::string::npos);
  for (const char* verb : {"list", "status"}) {
    REQUIRE(Run({verb}) == 0);
    CHECK(out.find("docs") != std::string::npos);
  }
  REQUIRE(Run({"describe", "docs"}) == 0);
  REQUIRE(Run({"explain", "docs", "--vector", "[0,0]", "--filter", "lang = 'en'"}) == 0);
  CHECK(out.find("exact_scan") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "scroll --all writes what upsert reads") {
  Fill();
  REQUIRE(Run({"scroll", "docs", "--all", "--with-vectors"}) == 0);
  const std::string lines = out;
  REQUIRE(Run({"create", "copy", "--dimension", "2", "--metric", "l2"}) == 0);
  REQUIRE(Run({"upsert", "copy"}, lines) == 0);
  REQUIRE(Run({"scroll", "copy", "--all", "--with-vectors"}) == 0);
  CHECK(out == lines);
}

TEST_CASE_FIXTURE(Fixture, "a snapshot is taken and restored") {
  Fill();
  const std::string snapshot = directory.PathOf("monday");
  const std::string restored = directory.PathOf("restored");
  const Json taken = RunJson({"snapshot", snapshot});
  CHECK(taken["snapshot"] == snapshot);
  CHECK(taken["seq"] == 2);
  CHECK(Run({"snapshot", snapshot}) != 0);  // exists already
  REQUIRE(Run({"delete", "docs", "1"}) == 0);

  REQUIRE(RunBare({"--json", "restore", snapshot, restored}) == 0);
  CHECK(Json::parse(out)["restored"] == restored);
  CHECK(RunBare({"restore", snapshot, restored}) != 0);  // exists now
  CHECK(RunBare({"restore", directory.PathOf("nothing"), restored}) == 66);
  CHECK(RunJson({"count", "docs"})["count"] == 2);
  database = restored;
  CHECK(RunJson({"count", "docs"})["count"] == 3);
  database = snapshot;
  CHECK(Run({"--read-only", "list"}) == 0);
  CHECK(Run({"list"}) == 78);
  std::ofstream(snapshot + "/CURRENT", std::ios::app) << "x";
  CHECK(RunBare({"restore", snapshot, directory.PathOf("again")}) == 74);
}

TEST_CASE_FIXTURE(Fixture, "upsert of one point and its modes") {
  REQUIRE(Run({"create", "docs", "--dimension", "2"}) == 0);
  CHECK(Run({"upsert", "docs", "--id", "x", "--vector", "[1,0]", "--payload", "{\"k\":1}"}) == 0);
  CHECK(Run({"upsert", "docs", "--mode", "insert", "--id", "x", "--vector", "[1,0]"}) == 65);
  CHECK(err.find("x") != std::string::npos);
  CHECK(Run({"upsert", "docs", "--mode", "update", "--id", "y", "--vector", "[1,0]"}) == 66);
  CHECK(Run({"upsert", "docs", "--mode", "replace", "--id", "y", "--vector", "[1,0]"}) == 65);
  CHECK(RunJson({"count", "docs"})["count"] == 1);
}

TEST_CASE_FIXTURE(Fixture, "bad input has the exit code of its kind and a message") {
  Fill();
  const auto refuses = [&](int code, const std::vector<std::string>& arguments,
                           const std::string& text = "") {
    CHECK_MESSAGE(Run(arguments, text) == code, err);
    CHECK_FALSE(err.empty());
    CHECK(out.empty());
  };
  refuses(64, {"query", "docs", "--no-such-option"});
  refuses(64, {"frobnicate"});
  refuses(64, {});
  refuses(66, {"query", "dcos", "--vector", "[0,0]"});
  CHECK(err.find("docs") != std::string::npos);
  refuses(65, {"query", "docs", "--vector", "[0,0,0]"});
  refuses(65, {"query", "docs", "--vector", "[0,nan]"});
  refuses(65, {"query", "docs", "--vector", "[0,0]", "--using", "title"});
  refuses(65, {"query", "docs", "--vector", "[0,0]", "--filter", "lang ="});
  refuses(65, {"query", "docs", "--vector", "[0,0]", "--filter",
               R"({"must":[{"key":"lang","match":{"valeu":"de"}}]})"});
  CHECK(err.find("valeu") != std::string::npos);
  refuses(65, {"query", "docs", "--vector", "[0,0]", "--limit", "20000"});
  refuses(65, {"query", "docs"});
  refuses(66, {"query", "docs", "--like", "absent"});
  refuses(65, {"upsert", "docs"}, "{\"id\":9,\"vector\":[1]}\n");
  refuses(65, {"upsert", "docs"}, "{\"id\":9,\"vector\":[1,2]}\n{broken\n");
  CHECK(err.find("line 2") != std::string::npos);
  refuses(66, {"upsert", "docs", directory.PathOf("absent.jsonl")});
  refuses(65, {"create", "docs", "--dimension", "2"});
  refuses(65, {"create", "bad/name", "--dimension", "2"});
  refuses(65, {"create", "other"});
  refuses(65, {"create", "other", "--dimension", "70000"});
  refuses(65, {"get", "docs", std::string(300, 'x')});
  CHECK(RunJson({"count", "docs"})["count"] == 3);
}

TEST_CASE_FIXTURE(Fixture, "where the database is not") {
  CHECK(RunBare({"--uri", directory.PathOf("absent"), "list"}) == 66);
  const std::string file = directory.PathOf("file");
  std::ofstream(file) << "x";
  CHECK(RunBare({"--uri", file, "list"}) != 0);
  const storage::TemporaryDirectory other;
  std::ofstream(other.PathOf("notes.txt")) << "x";
  CHECK(RunBare({"--uri", other.path(), "list"}) == 78);
  CHECK(RunBare({"--uri", other.path(), "create", "docs", "--dimension", "2"}) == 78);
  CHECK(RunBare({"--uri", "perigee://127.0.0.1:1", "list"}) == 69);
  CHECK(RunBare({"--uri", "unix:" + directory.PathOf("no.sock"), "list"}) == 69);
  CHECK(RunBare({"--uri", "http://localhost", "list"}) == 65);
  CHECK(RunBare({"list"}) == 64);
}

TEST_CASE_FIXTURE(Fixture, "help and version") {
  CHECK(RunBare({"--help"}) == 0);
  for (const char* verb : {"create", "describe", "list", "drop", "upsert", "delete", "get", "query",
                           "count", "scroll", "explain", "status"}) {
    CHECK(out.find(verb) != std::string::npos);
    std::string saved = out;
    CHECK(RunBare({verb, "--help"}) == 0);
    out = saved;
  }
  CHECK(RunBare({"--version"}) == 0);
  CHECK(out.find("perigee") == 0);
}

}  // namespace
}  // namespace perigee::tools
