// SPDX-License-Identifier: Apache-2.0
#include "tests/durability/injection_sites.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::engine {
namespace {

using storage::CallKind;

constexpr std::array<std::string_view, 18> kCalls = {
    "Read",     "ReadBatch",  "Write",           "Sync",          "Size",
    "Truncate", "Open",       "CreateDirectory", "SyncDirectory", "Rename",
    "Link",     "RemoveFile", "RemoveDirectory", "Stat",          "List",
    "Lock",     "Space",      "Allocate"};

std::string_view CallOf(CallKind kind) {
  switch (kind) {
    case CallKind::kOpen:
    case CallKind::kCreate:
      return "Open";
    case CallKind::kRead:
      return "Read";
    case CallKind::kWrite:
      return "Write";
    case CallKind::kSync:
      return "Sync";
    case CallKind::kSize:
      return "Size";
    case CallKind::kTruncate:
      return "Truncate";
    case CallKind::kAllocate:
      return "Allocate";
    case CallKind::kCreateDirectory:
      return "CreateDirectory";
    case CallKind::kSyncDirectory:
      return "SyncDirectory";
    case CallKind::kRename:
      return "Rename";
    case CallKind::kLink:
      return "Link";
    case CallKind::kRemoveFile:
      return "RemoveFile";
    case CallKind::kRemoveDirectory:
      return "RemoveDirectory";
    case CallKind::kStat:
      return "Stat";
    case CallKind::kList:
      return "List";
    case CallKind::kLock:
      return "Lock";
    case CallKind::kSpace:
      return "Space";
  }
  return "";
}

bool IsWordCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string WithoutComments(std::string_view text) {
  std::string code(text);
  for (size_t at = code.find("//"); at != std::string::npos; at = code.find("//", at)) {
    while (at < code.size() && code[at] != '\n') {
      code[at++] = ' ';
    }
  }
  return code;
}

// The name in front of `end`: "file_" of "file_", "file_system" of "x.file_system()", "file" of
// "(*file)"; `begin` is where it starts.
std::string_view ReceiverBefore(std::string_view code, size_t end, size_t& begin) {
  size_t stop = end;
  if (absl::EndsWith(Absl(code.substr(0, stop)), "()")) {
    stop -= 2;
  } else if (stop > 0 && code[stop - 1] == ')') {
    stop -= 1;
  }
  begin = stop;
  while (begin > 0 && IsWordCharacter(code[begin - 1])) {
    --begin;
  }
  return code.substr(begin, stop - begin);
}

bool IsFileOrFileSystem(std::string_view receiver) {
  constexpr std::array<std::string_view, 6> kReceivers = {"file",        "file_",        "handle",
                                                          "file_system", "file_system_", "target"};
  return std::find(kReceivers.begin(), kReceivers.end(), receiver) != kReceivers.end();
}

size_t ClosingParenthesis(std::string_view code, size_t open) {
  int depth = 0;
  for (size_t at = open; at < code.size(); ++at) {
    depth += code[at] == '(' ? 1 : code[at] == ')' ? -1 : 0;
    if (depth == 0) {
      return at;
    }
  }
  return code.size() - 1;
}

// Whether the block that begins at `brace` is a deliberate bug.
bool IsCanary(std::string_view code, size_t brace) {
  const size_t line = code.rfind('\n', brace);
  return line != std::string_view::npos && code[brace] == '{' &&
         code.substr(line, brace - line).find("if (CanaryActive(") != std::string_view::npos;
}

uint32_t LineAt(std::string_view code, size_t position) {
  return 1 + static_cast<uint32_t>(std::count(
                 code.begin(), code.begin() + static_cast<std::ptrdiff_t>(position), '\n'));
}

}  // namespace

std::string InjectionSite::Name() const { return absl::StrCat(file, ":", last_line, " ", call); }

std::vector<InjectionSite> FindInjectionSites(const std::string& file, std::string_view text) {
  std::vector<InjectionSite> sites;
  const std::string code = WithoutComments(text);
  for (size_t at = code.find_first_of(".>"); at != std::string::npos;
       at = code.find_first_of(".>", at + 1)) {
    size_t word_end = at + 1;
    while (word_end < code.size() && IsWordCharacter(code[word_end])) {
      ++word_end;
    }
    const std::string_view word = std::string_view(code).substr(at + 1, word_end - at - 1);
    if (word_end == code.size() || code[word_end] != '(' ||
        std::find(kCalls.begin(), kCalls.end(), word) == kCalls.end()) {
      continue;
    }
    size_t begin = 0;
    const bool arrow = code[at] == '>' && at > 0 && code[at - 1] == '-';
    if (!IsFileOrFileSystem(ReceiverBefore(code, arrow ? at - 1 : at, begin))) {
      continue;
    }
    // From the end of the statement before to the end of the call.
    size_t start = code.find_last_of(";{}", begin);
    if (start != std::string::npos && IsCanary(code, start)) {
      continue;
    }
    start = code.find_first_not_of(" \n", start == std::string::npos ? 0 : start + 1);
    sites.push_back({.file = file,
                     .first_line = LineAt(code, start),
                     .last_line = LineAt(code, ClosingParenthesis(code, word_end)),
                     .call = std::string(word)});
  }
  return sites;
}

std::vector<InjectionSite> AllInjectionSites() {
  namespace fs = std::filesystem;
  const fs::path root = PERIGEE_SOURCE_DIR;
  std::vector<InjectionSite> sites;
  for (const char* layer : {"storage", "engine"}) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / layer)) {
      const std::string name = fs::relative(entry.path(), root).generic_string();
      const bool is_source = absl::EndsWith(name, ".cc") || absl::EndsWith(name, ".h");
      if (!is_source || absl::StartsWith(name, "storage/io/")) {
        continue;
      }
      std::ifstream stream(entry.path(), std::ios::binary);
      const std::string text{std::istreambuf_iterator<char>(stream), {}};
      REQUIRE_FALSE(text.empty());
      const std::vector<InjectionSite> found = FindInjectionSites(name, text);
      sites.insert(sites.end(), found.begin(), found.end());
    }
  }
  return sites;
}

size_t SiteOf(const std::vector<InjectionSite>& sites, const storage::CallRecord& call) {
  const std::string_view file = call.site.file;
  for (size_t i = 0; i < sites.size(); ++i) {
    const std::string_view name = CallOf(call.kind);
    const bool same_call =
        sites[i].call == name || (sites[i].call == "ReadBatch" && name == "Read");
    if (same_call && absl::EndsWith(Absl(file), sites[i].file) &&
        call.site.line >= sites[i].first_line && call.site.line <= sites[i].last_line) {
      return i;
    }
  }
  return sites.size();
}

}  // namespace perigee::engine
