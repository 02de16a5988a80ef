// SPDX-License-Identifier: Apache-2.0
//
// Goal: `perigee-load` publishes all rows or none and says why. Method: RunPerigeeLoad on the
// committed sample and on small files with faults, then a look through the public API.
#include "tools/bulk_load/load_command.h"

#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "perigee/database.h"
#include "tests/support/temporary_directory.h"

namespace perigee::tools {
namespace {

struct Fixture {
  int Load(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--data", database, "--collection", "docs"});
    std::ostringstream output;
    std::ostringstream error;
    const int code = RunPerigeeLoad(arguments, {.output = output, .error = error});
    out = output.str();
    err = error.str();
    return code;
  }
  std::string Write(const std::string& name, const std::string& bytes) const {
    const std::string path = directory.PathOf(name);
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  std::string Vectors(int rows) const {
    std::string bytes;
    for (int i = 0; i < rows; ++i) {
      const float values[2] = {static_cast<float>(i + 1), 1};
      bytes.append("\x02\0\0\0", 4);
      bytes.append(reinterpret_cast<const char*>(values), sizeof(values));
    }
    return Write("rows.fvecs", bytes);
  }
  // Points in the collection, or -1 when there is no such collection.
  int64_t Points() const {
    auto opened = Database::Open(database, {.access = Access::Unrestricted()});
    REQUIRE(opened.ok());
    const auto collection = (*opened)->OpenCollection("docs");
    return collection.ok() ? static_cast<int64_t>(collection->Count({})->count) : -1;
  }

  storage::TemporaryDirectory directory;
  std::string database = directory.PathOf("db");
  std::string out;
  std::string err;
};

TEST_CASE_FIXTURE(Fixture, "rows become points with their payload") {
  const std::string lines =
      Write("rows.jsonl", "{\"id\":\"a\",\"payload\":{\"k\":1}}\n{\"id\":2}\n");
  REQUIRE_MESSAGE(Load({"--vectors", Vectors(2), "--payload", lines, "--metric", "l2"}) == 0, err);
  CHECK(out.find("2 rows") != std::string::npos);
  CHECK(Points() == 2);
}

TEST_CASE_FIXTURE(Fixture, "a second load replaces points of the same id") {
  REQUIRE(Load({"--vectors", Vectors(3), "--ids", "rownum"}) == 0);
  REQUIRE(Load({"--vectors", Vectors(5), "--ids", "rownum"}) == 0);
  CHECK(Points() == 5);
}

TEST_CASE_FIXTURE(Fixture, "one refused row publishes nothing and names the row") {
  const std::string lines = Write("rows.jsonl", "{\"id\":1}\n{broken\n{\"id\":1}\n");
  const std::string rejects = directory.PathOf("rejects.ndjson");
  CHECK(Load({"--vectors", Vectors(3), "--payload", lines, "--rejects", rejects}) == 65);
  CHECK(Points() == -1);
  std::ifstream file(rejects);
  std::string line;
  int count = 0;
  while (std::getline(file, line)) {
    ++count;
  }
  CHECK(count == 2);  // the broken line and the id given twice
  CHECK(Load({"--vectors", Vectors(3), "--payload", lines, "--max-rejects", "2"}) == 0);
  CHECK(Points() == 1);
}

TEST_CASE_FIXTURE(Fixture, "bad input has the exit code of its kind") {
  const std::string lines = Write("rows.jsonl", "{\"id\":1}\n");
  CHECK(Load({"--vectors", directory.PathOf("absent.npy"), "--ids", "rownum"}) == 66);
  CHECK(Load({"--vectors", Write("short.npy", "\x93NUMPY"), "--ids", "rownum"}) == 65);
  CHECK(Load({"--vectors", Vectors(2), "--payload", lines}) == 65);
  CHECK(Load({"--vectors", Vectors(2)}) == 65);
  CHECK(Load({"--no-such-option"}) == 64);
  CHECK(Load({"--vectors", Vectors(2), "--ids", "rownum", "--metric", "manhattan"}) == 65);
  CHECK(Load({"--payload", lines}) == 66);
  CHECK(Points() == -1);
  database = Write("file", "x");
  CHECK(Load({"--vectors", Vectors(2), "--ids", "rownum"}) != 0);
}

TEST_CASE_FIXTURE(Fixture, "a locked directory asks to try later") {
  auto opened = Database::Open(database, {.access = Access::Unrestricted()});
  REQUIRE(opened.ok());
  CHECK(Load({"--vectors", Vectors(2), "--ids", "rownum"}) == 75);
}

TEST_CASE_FIXTURE(Fixture, "the committed sample loads whole") {
  const std::string sample = std::string(PERIGEE_SOURCE_DIR) + "/tests/data/sample";
  REQUIRE_MESSAGE(Load({"--vectors", sample + "/vectors.npy", "--payload",
                        sample + "/payload.jsonl", "--element", "f16"}) == 0,
                  err);
  CHECK(Points() == 5'000);
}

}  // namespace
}  // namespace perigee::tools
