// SPDX-License-Identifier: Apache-2.0
#include "tests/source_rules.h"

#include <algorithm>
#include <array>
#include <regex>
#include <sstream>

namespace perigee::tests {
namespace {

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
  }
  return lines;
}

bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

bool EndsWith(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

std::string At(const SourceFile& file, size_t line) {
  return file.path + ":" + std::to_string(line) + ": ";
}

bool IsCode(const SourceFile& file) {
  return EndsWith(file.path, ".h") || EndsWith(file.path, ".cc");
}

bool IsTest(const SourceFile& file) { return StartsWith(file.path, "tests/"); }

// Which include prefixes each folder may use, beyond the standard library.
struct FolderRule {
  std::string_view folder;
  std::vector<std::string_view> allowed;
};

const std::vector<FolderRule>& FolderRules() {
  static const std::vector<FolderRule> rules = {
      {"storage/foundation/", {"storage/foundation/", "absl/"}},
      {"storage/", {"storage/", "absl/", "liburing.h", "openssl/", "linux/", "sys/", "sanitizer/"}},
      {"engine/include/", {"perigee/", "absl/status/"}},
      {"engine/model/",
       {"perigee/model/", "perigee/", "engine/model/", "storage/foundation/", "absl/",
        "nlohmann/"}},
      {"engine/distance/",
       {"perigee/model/", "engine/distance/", "engine/vectors/", "storage/foundation/", "absl/"}},
      {"engine/execution/", {"engine/execution/", "storage/foundation/", "absl/", "boost/"}},
      {"engine/payload/",
       {"perigee/model/", "engine/model/", "engine/payload/", "storage/", "absl/"}},
      {"engine/vectors/",
       {"perigee/model/", "engine/vectors/", "engine/distance/", "storage/", "absl/"}},
      {"engine/index/",
       {"perigee/model/", "engine/index/", "engine/vectors/", "engine/distance/",
        "engine/execution/", "storage/", "absl/", "hnswlib/"}},
      {"engine/query/",
       {"perigee/model/", "engine/model/", "engine/query/", "engine/index/", "engine/vectors/",
        "engine/distance/", "engine/execution/", "engine/payload/", "storage/", "absl/"}},
      {"engine/collection/", {"perigee/", "engine/", "storage/", "absl/"}},
      {"engine/database/", {"perigee/", "engine/", "storage/", "absl/"}},
      {"client/wire/",
       {"perigee/model/", "client/wire/", "storage/foundation/", "absl/", "capnp/", "kj/",
        "perigee.capnp.h"}},
      {"client/include/", {"perigee/model/", "perigee/client/", "absl/status/"}},
      {"client/",
       {"perigee/model/", "perigee/client/", "client/", "storage/foundation/", "absl/", "capnp/",
        "kj/"}},
      {"server/",
       {"perigee/", "server/", "engine/execution/", "client/wire/", "storage/foundation/", "absl/",
        "capnp/", "kj/", "CLI/", "nlohmann/", "sys/"}},
      // The second decoder shares nothing with the engine's reader, not even checksums.
      {"tools/inspect/",
       {"perigee/version.h", "perigee/model/exit_code.h", "tools/inspect/", "absl/", "CLI/",
        "nlohmann/", "openssl/", "storage/foundation/"}},
      {"tools/",
       {"perigee/", "tools/", "storage/foundation/", "absl/", "CLI/", "nlohmann/", "sys/"}},
  };
  return rules;
}

struct BannedWord {
  std::string pattern;
  std::string remedy;
  std::vector<std::string_view> allowed_in;  // path prefixes
};

const std::vector<BannedWord>& BannedWords() {
  static const std::vector<BannedWord> words = {
      {R"(std::(mutex|lock_guard|unique_lock|condition_variable|shared_mutex)\b)",
       "use absl::Mutex with ABSL_GUARDED_BY",
       {}},
      {R"(\busing namespace\b)", "name what you use", {}},
      {R"(\bthrow\b)", "return an absl::Status", {}},
      {R"(\b(saveIndex|loadIndex)\b)", "copy links out through HnswGraph's validator (F8)", {}},
      {R"((\.|->|::|\b)(rename|renameat|renameat2|link|linkat|unlink|unlinkat)\()",
       "go through storage::DurableDirectory (D10)",
       {"storage/io/", "tests/", "bench/", "tools/", "server/"}},
      {R"(->(Rename|Link|RemoveFile)\(|\.(Rename|Link|RemoveFile)\()",
       "go through storage::DurableDirectory (D10)",
       {"storage/io/", "storage/layout/", "tests/"}},
      {R"(\bmmap\()", "read through FileSystem; data files are never mapped (F1)", {}},
      {R"(\bstd::(cout|cerr|clog)\b|\b(printf|puts)\()",
       "libraries print nothing: use storage/foundation/log.h",
       {"tools/", "server/", "tests/", "bench/", "storage/foundation/check.cc"}},
      {R"(\bassert\()", "use PERIGEE_CHECK, which stays on in release builds", {}},
      {R"(\b(std::abort|abort|exit|_exit|quick_exit)\()",
       "return an absl::Status",
       {"storage/foundation/check.cc", "tools/", "server/", "tests/", "bench/"}},
      {R"(\b(system|popen|strcpy|sprintf|strcat|gets)\()", "use a bounded call", {"tests/"}},
      {R"(TODO(?!\([0-9]+\): ))", "write TODO(issue-number): text", {}},
      {R"(#include [<"]liburing)",
       "only storage/io/kernel_uring_queue sees liburing",
       {"storage/io/kernel_uring_queue"}},
      {R"(#include [<"]hnswlib)",
       "only the builder sees hnswlib",
       {"engine/index/hnsw/hnswlib_builder", "bench/"}},
      {R"(#include [<"]boost)",
       "Boost stays in engine/execution and server/http",
       {"engine/execution/", "server/http/", "bench/"}},
      {R"(\bParseFilterText\b|\bParseFilter\()",
       "servers take filter trees only (S8)",
       {"engine/", "tools/", "tests/", "bench/", "client/"}},
      {R"(doctest::skip\((?!true\)|false\)))", "skip takes a literal", {}},
  };
  return words;
}

}  // namespace

Findings CheckOpeningLine(const SourceFile& file) {
  Findings findings;
  const std::vector<std::string> lines = Lines(file.text);
  size_t first = 0;
  if (!lines.empty() && StartsWith(lines[0], "#!")) {
    first = 1;
  }
  if (lines.size() <= first ||
      lines[first].find("SPDX-License-Identifier: Apache-2.0") == std::string::npos) {
    findings.push_back(file.path +
                       ": begins without the line 'SPDX-License-Identifier: Apache-2.0'");
  }
  static const std::regex machine_path(R"((^|[ "'=(:])/(work|root|home)/)");
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!EndsWith(file.path, "source_rules.cc") && std::regex_search(lines[i], machine_path)) {
      findings.push_back(At(file, i + 1) +
                         "a path of one machine; use a relative path or an option");
    }
  }
  return findings;
}

Findings CheckHeaderOpening(const SourceFile& file) {
  if (!EndsWith(file.path, ".h")) {
    return {};
  }
  size_t comment_lines = 0;
  bool thread_safety = false;
  const std::vector<std::string> lines = Lines(file.text);
  for (size_t i = 1; i < lines.size() && StartsWith(lines[i], "//"); ++i) {
    comment_lines += lines[i].size() > 2 ? 1 : 0;
    thread_safety = thread_safety || lines[i].find("Thread-safety:") != std::string::npos;
  }
  Findings findings;
  if (comment_lines < 3) {
    findings.push_back(
        file.path +
        ": opens with fewer than three comment lines; say what it is and its invariants");
  }
  if (!thread_safety) {
    findings.push_back(file.path + ": the opening has no sentence that begins 'Thread-safety:'");
  }
  return findings;
}

Findings CheckFileName(const SourceFile& file) {
  static const std::regex empty_name(
      R"((^|/)(utils?|common|misc|helpers?|base|core|types)(/|\.|_test\.))");
  if (std::regex_search(file.path, empty_name)) {
    return {file.path + ": a name that says nothing; name the one thing that it defines"};
  }
  return {};
}

Findings CheckIncludes(const SourceFile& file) {
  if (!IsCode(file) || IsTest(file)) {
    return {};
  }
  const FolderRule* rule = nullptr;
  for (const FolderRule& candidate : FolderRules()) {
    if (StartsWith(file.path, candidate.folder) &&
        (rule == nullptr || candidate.folder.size() > rule->folder.size())) {
      rule = &candidate;
    }
  }
  if (rule == nullptr) {
    return {};
  }
  Findings findings;
  static const std::regex include(R"rx(^\s*#\s*include\s*[<"]([^">]+)[">])rx");
  const std::vector<std::string> lines = Lines(file.text);
  for (size_t i = 0; i < lines.size(); ++i) {
    std::smatch match;
    if (!std::regex_search(lines[i], match, include)) {
      continue;
    }
    const std::string target = match[1];
    const bool project_or_package = target.find('/') != std::string::npos || target == "liburing.h";
    const bool allowed =
        std::any_of(rule->allowed.begin(), rule->allowed.end(),
                    [&target](std::string_view prefix) { return StartsWith(target, prefix); });
    if (project_or_package && !allowed && !StartsWith(target, "sys/") &&
        !StartsWith(target, "linux/") && !StartsWith(target, "netinet/") &&
        !StartsWith(target, "arpa/")) {
      findings.push_back(At(file, i + 1) + "'" + target + "' may not be included from " +
                         std::string(rule->folder) + "; docs/ARCHITECTURE.md has the arrows");
    }
    if (StartsWith(file.path, "client/") && target == "perigee/database.h") {
      findings.push_back(At(file, i + 1) + "the client sees value types only");
    }
  }
  return findings;
}

Findings CheckOwnHeaderFirst(const SourceFile& file, const std::set<std::string>& all_paths) {
  if (!EndsWith(file.path, ".cc") || IsTest(file)) {
    return {};
  }
  const std::string stem = file.path.substr(0, file.path.size() - 3);
  std::string header = stem + ".h";
  if (all_paths.count(header) == 0) {
    // Public headers live under an include root.
    const std::string name = stem.substr(stem.rfind('/') + 1);
    header.clear();
    for (const std::string& path : all_paths) {
      const size_t root = path.find("/include/");
      if (root != std::string::npos && EndsWith(path, "/" + name + ".h") &&
          path.substr(0, root) == stem.substr(0, stem.find('/'))) {
        header = path.substr(root + 9);
      }
    }
    if (header.empty()) {
      return {};
    }
  }
  static const std::regex include(R"rx(#\s*include\s*[<"]([^">]+)[">])rx");
  std::smatch match;
  if (std::regex_search(file.text, match, include) && match[1] != header) {
    return {file.path + ": includes '" + std::string(match[1]) + "' before its own header '" +
            header + "'"};
  }
  return {};
}

Findings CheckBannedWords(const SourceFile& file) {
  if (!IsCode(file) || StartsWith(file.path, "tests/source_rules")) {
    return {};
  }
  Findings findings;
  const std::vector<std::string> lines = Lines(file.text);
  static const std::regex comment(R"(//.*$)");
  static const std::regex quoted(R"rx("([^"\\]|\\.)*")rx");
  for (const BannedWord& word : BannedWords()) {
    if (std::any_of(word.allowed_in.begin(), word.allowed_in.end(),
                    [&file](std::string_view prefix) { return StartsWith(file.path, prefix); })) {
      continue;
    }
    const std::regex pattern(word.pattern);
    const bool about_comments = StartsWith(word.pattern, "TODO");
    const bool about_includes = StartsWith(word.pattern, "#include");
    for (size_t i = 0; i < lines.size(); ++i) {
      std::string line = lines[i];
      if (!about_comments && !about_includes) {
        line = std::regex_replace(std::regex_replace(line, quoted, "\"\""), comment, "");
      }
      if (std::regex_search(line, pattern)) {
        findings.push_back(At(file, i + 1) + "banned: " + word.remedy);
      }
    }
  }
  return findings;
}

Findings CheckSizes(const SourceFile& file) {
  if (!IsCode(file)) {
    return {};
  }
  constexpr size_t kLinesMax = 800;
  constexpr size_t kColumnsMax = 100;
  Findings findings;
  const std::vector<std::string> lines = Lines(file.text);
  if (lines.size() > kLinesMax) {
    findings.push_back(file.path + ": " + std::to_string(lines.size()) +
                       " lines; split it (800 is the limit)");
  }
  for (size_t i = 0; i < lines.size(); ++i) {
    const auto columns =
        static_cast<size_t>(std::count_if(lines[i].begin(), lines[i].end(), [](char c) {
          return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
        }));
    const bool raw =
        lines[i].find("R\"") != std::string::npos || lines[i].find("http") != std::string::npos;
    if (columns > kColumnsMax && !raw) {
      findings.push_back(At(file, i + 1) + std::to_string(columns) + " columns; 100 is the limit");
    }
  }
  return findings;
}

Findings CheckMirror(const SourceFile& file, const std::set<std::string>& all_paths,
                     const std::map<std::string, std::string>& exceptions) {
  if (!EndsWith(file.path, ".cc") || IsTest(file) || EndsWith(file.path, "_main.cc") ||
      EndsWith(file.path, "_bench.cc") || exceptions.count(file.path) > 0) {
    return {};
  }
  const std::string expected = "tests/" + file.path.substr(0, file.path.size() - 3) + "_test.cc";
  if (all_paths.count(expected) == 0) {
    return {file.path + ": has no test; write " + expected};
  }
  return {};
}

Findings CheckRuleCodes(const SourceFile& file, const std::set<std::string>& explained) {
  if (!IsCode(file) || StartsWith(file.path, "tests/source_rules")) {
    return {};
  }
  Findings findings;
  static const std::regex code(R"(\b([DFUKNSIM][0-9]{1,2})\b)");
  const std::vector<std::string> lines = Lines(file.text);
  for (size_t i = 0; i < lines.size(); ++i) {
    const size_t comment = lines[i].find("//");
    if (comment == std::string::npos) {
      continue;
    }
    const std::string text = lines[i].substr(comment);
    for (std::sregex_iterator it(text.begin(), text.end(), code), end; it != end; ++it) {
      if (explained.count((*it)[1]) == 0) {
        findings.push_back(At(file, i + 1) + "rule " + std::string((*it)[1]) +
                           " is not explained in docs/rules.md");
      }
    }
  }
  return findings;
}

std::set<std::string> ExplainedCodes(std::string_view rules_page) {
  std::set<std::string> codes;
  static const std::regex row(R"(^\| ([DFUKNSIM][0-9]{1,2}) \|)");
  for (const std::string& line : Lines(std::string(rules_page))) {
    std::smatch match;
    if (std::regex_search(line, match, row)) {
      codes.insert(match[1]);
    }
  }
  return codes;
}

}  // namespace perigee::tests
