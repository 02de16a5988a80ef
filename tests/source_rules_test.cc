// SPDX-License-Identifier: Apache-2.0
//
// Goal: the house rules of style.md hold for every file, without a reviewer. Method: each rule is a
// function in source_rules.h with cases of its own here; the last cases run all rules on the tree.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/source_rules.h"

namespace perigee::tests {
namespace {

namespace fs = std::filesystem;

// Units without a mirrored test, each with the reason.
const std::map<std::string, std::string>& MirrorExceptions() {
  static const std::map<std::string, std::string> exceptions = {
      {"storage/foundation/check.cc", "aborts the process; exercised by every failing check"},
      {"engine/distance/distance_kernels_scalar.cc", "distance_kernels_test compares all levels"},
      {"engine/distance/distance_kernels_avx2.cc", "distance_kernels_test compares all levels"},
      {"engine/distance/distance_kernels_avx512.cc", "distance_kernels_test compares all levels"},
      {"bench/harness/server_under_test.cc", "starts perigeed; without it a benchmark ends"},
  };
  return exceptions;
}

std::string ReadText(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::vector<SourceFile> Tree() {
  const fs::path root = PERIGEE_SOURCE_DIR;
  std::vector<SourceFile> files;
  for (const char* folder :
       {"storage", "engine", "client", "server", "tools", "bench", "tests", "cmake", "docs"}) {
    if (!fs::exists(root / folder)) {
      continue;
    }
    for (auto it = fs::recursive_directory_iterator(root / folder);
         it != fs::recursive_directory_iterator(); ++it) {
      const std::string extension = it->path().extension();
      const std::string name = it->path().filename();
      const bool source = extension == ".h" || extension == ".cc" || extension == ".py" ||
                          extension == ".sh" || extension == ".capnp" || extension == ".cmake" ||
                          name == "CMakeLists.txt";
      if (it->is_regular_file() && source) {
        files.push_back({fs::relative(it->path(), root).generic_string(), ReadText(it->path())});
      }
    }
  }
  return files;
}

std::set<std::string> Paths(const std::vector<SourceFile>& files) {
  std::set<std::string> paths;
  for (const SourceFile& file : files) {
    paths.insert(file.path);
  }
  return paths;
}

void Require(const Findings& findings) {
  for (const std::string& finding : findings) {
    FAIL_CHECK(finding);
  }
}

TEST_CASE("opening line rule") {
  CHECK(CheckOpeningLine({"a.cc", "// SPDX-License-Identifier: Apache-2.0\n"}).empty());
  CHECK(CheckOpeningLine({"a.sh", "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n"}).empty());
  CHECK(CheckOpeningLine({"a.cc", "int x;\n"}).size() == 1);
  CHECK(CheckOpeningLine({"a.cc",
                          "// SPDX-License-Identifier: Apache-2.0\n// see \"/ho"
                          "me/x\"\n"})
            .size() == 1);
}

TEST_CASE("header opening rule") {
  CHECK(CheckHeaderOpening({"a.h", "// SPDX\n//\n// One.\n// Two.\n// Thread-safety: none.\n"})
            .empty());
  CHECK(CheckHeaderOpening({"a.h", "// SPDX\n// One.\n// Two.\n// Three.\n"}).size() == 1);
  CHECK(CheckHeaderOpening({"a.h", "// SPDX\nint x;\n"}).size() == 2);
  CHECK(CheckHeaderOpening({"a.cc", "int x;\n"}).empty());
}

TEST_CASE("file name rule") {
  CHECK(CheckFileName({"engine/utils.h", ""}).size() == 1);
  CHECK(CheckFileName({"engine/common/a.h", ""}).size() == 1);
  CHECK(CheckFileName({"engine/query/top_k.h", ""}).empty());
}

TEST_CASE("include rule") {
  CHECK(CheckIncludes({"storage/io/a.cc", "#include \"engine/query/x.h\"\n"}).size() == 1);
  CHECK(CheckIncludes({"engine/include/perigee/a.h", "#include \"absl/strings/str_cat.h\"\n"})
            .size() == 1);
  CHECK(CheckIncludes({"engine/include/perigee/a.h",
                       "#include <vector>\n#include \"absl/status/status.h\"\n"})
            .empty());
  CHECK(CheckIncludes({"server/rpc/a.cc", "#include \"storage/wal/file_log.h\"\n"}).size() == 1);
  CHECK(CheckIncludes({"client/a.cc", "#include \"perigee/database.h\"\n"}).size() == 2);
}

TEST_CASE("own header first rule") {
  const std::set<std::string> paths = {"engine/a.h", "engine/a.cc", "engine/include/perigee/b.h"};
  CHECK(CheckOwnHeaderFirst({"engine/a.cc", "#include \"engine/a.h\"\n"}, paths).empty());
  CHECK(CheckOwnHeaderFirst({"engine/a.cc", "#include <vector>\n#include \"engine/a.h\"\n"}, paths)
            .size() == 1);
  CHECK(CheckOwnHeaderFirst({"engine/model/b.cc", "#include \"perigee/b.h\"\n"}, paths).empty());
}

TEST_CASE("banned words rule") {
  CHECK(CheckBannedWords({"engine/a.cc", "std::mutex m;\n"}).size() == 1);
  CHECK(CheckBannedWords({"engine/a.cc", "// std::mutex in a comment\n"}).empty());
  CHECK(CheckBannedWords({"engine/a.cc", "f(\"throw\");\n"}).empty());
  CHECK(CheckBannedWords({"engine/a.cc", "throw 1;\n"}).size() == 1);
  CHECK(CheckBannedWords({"storage/wal/a.cc", "fs->Rename(a, b);\n"}).size() == 1);
  CHECK(CheckBannedWords({"storage/layout/durable_directory.cc", "fs->Rename(a, b);\n"}).empty());
  CHECK(CheckBannedWords({"engine/a.cc", "#include <boost/asio.hpp>\n"}).size() == 1);
  CHECK(CheckBannedWords({"engine/a.cc", "// TODO: later\n"}).size() == 1);
  CHECK(CheckBannedWords({"engine/a.cc", "// TODO(12): text fields\n"}).empty());
  CHECK(CheckBannedWords({"server/a.cc", "ParseFilterText(x);\n"}).size() == 1);
}

TEST_CASE("size rule") {
  CHECK(CheckSizes({"a.cc", std::string(101, 'x') + "\n"}).size() == 1);
  CHECK(CheckSizes({"a.cc", std::string(100, 'x') + "\n"}).empty());
  std::string long_file;
  for (int i = 0; i < 801; ++i) {
    long_file += "\n";
  }
  CHECK(CheckSizes({"a.cc", long_file}).size() == 1);
}

TEST_CASE("mirror rule") {
  const std::set<std::string> paths = {"engine/a.cc", "tests/engine/a_test.cc"};
  CHECK(CheckMirror({"engine/a.cc", ""}, paths, {}).empty());
  CHECK(CheckMirror({"engine/b.cc", ""}, paths, {}).size() == 1);
  CHECK(CheckMirror({"engine/b.cc", ""}, paths, {{"engine/b.cc", "why"}}).empty());
  CHECK(CheckMirror({"server/perigeed_main.cc", ""}, paths, {}).empty());
}

TEST_CASE("rule code rule") {
  const std::set<std::string> explained = ExplainedCodes("| code | rule |\n| D7 | torn tail |\n");
  CHECK(explained.size() == 1);
  CHECK(CheckRuleCodes({"a.cc", "// torn (D7)\n"}, explained).empty());
  CHECK(CheckRuleCodes({"a.cc", "// see N99\n"}, explained).size() == 1);
  CHECK(CheckRuleCodes({"a.cc", "int D8;\n"}, explained).empty());
}

TEST_CASE("the tree keeps the rules") {
  const std::vector<SourceFile> files = Tree();
  REQUIRE(files.size() > 20);
  const std::set<std::string> paths = Paths(files);
  const std::set<std::string> explained =
      ExplainedCodes(ReadText(fs::path(PERIGEE_SOURCE_DIR) / "docs/rules.md"));
  for (const SourceFile& file : files) {
    Require(CheckOpeningLine(file));
    Require(CheckHeaderOpening(file));
    Require(CheckFileName(file));
    Require(CheckIncludes(file));
    Require(CheckOwnHeaderFirst(file, paths));
    Require(CheckBannedWords(file));
    Require(CheckSizes(file));
    Require(CheckMirror(file, paths, MirrorExceptions()));
    Require(CheckRuleCodes(file, explained));
  }
  for (const auto& excused : MirrorExceptions()) {
    CHECK_MESSAGE(paths.count(excused.first) == 1, excused.first,
                  " is excused from the mirror rule but does not exist");
    CHECK(excused.second.size() > 10);
  }
}

TEST_CASE("every source is in a build file") {
  const std::vector<SourceFile> files = Tree();
  std::string build_files;
  for (const SourceFile& file : files) {
    if (file.path.find("CMakeLists.txt") != std::string::npos) {
      build_files += file.text;
    }
  }
  for (const SourceFile& file : files) {
    if (file.path.size() > 3 && file.path.substr(file.path.size() - 3) == ".cc" &&
        file.path.find("tests/consumer/") == std::string::npos) {
      const std::string name = file.path.substr(file.path.rfind('/') + 1);
      CHECK_MESSAGE(build_files.find(name) != std::string::npos, file.path,
                    " is in no CMakeLists.txt");
    }
  }
}

}  // namespace
}  // namespace perigee::tests
