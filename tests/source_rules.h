// SPDX-License-Identifier: Apache-2.0
//
// The house rules as pure functions over one source file's path and text, so that the rules have
// tests of their own; tests/source_rules_test.cc runs them on the whole tree.
//
// Invariants: a finding names the file, the line where there is one, and the remedy.
// Thread-safety: functions without state.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace perigee::tests {

struct SourceFile {
  std::string path;  // relative to the repository
  std::string text;
};

using Findings = std::vector<std::string>;

/// Licence line first; no path of one machine.
Findings CheckOpeningLine(const SourceFile& file);
/// A header opens with a paragraph of at least three lines that has a "Thread-safety:" sentence.
Findings CheckHeaderOpening(const SourceFile& file);
/// Names that say nothing: util, common, helpers, ...
Findings CheckFileName(const SourceFile& file);
/// Included prefixes are those that architecture.md 3 allows for the folder.
Findings CheckIncludes(const SourceFile& file);
/// A .cc includes its own header first, which proves that the header compiles alone.
Findings CheckOwnHeaderFirst(const SourceFile& file, const std::set<std::string>& all_paths);
/// Calls and words with a better replacement, named in the finding.
Findings CheckBannedWords(const SourceFile& file);
/// At most 800 lines a file; at most 100 columns a line.
Findings CheckSizes(const SourceFile& file);
/// engine/x/y.cc has tests/engine/x/y_test.cc, or a reason in `exceptions`.
Findings CheckMirror(const SourceFile& file, const std::set<std::string>& all_paths,
                     const std::map<std::string, std::string>& exceptions);
/// Rule codes (D7, K1, N13, ...) in comments are explained in docs/rules.md.
Findings CheckRuleCodes(const SourceFile& file, const std::set<std::string>& explained);
/// The codes that docs/rules.md explains: lines that begin "| CODE |".
std::set<std::string> ExplainedCodes(std::string_view rules_page);

}  // namespace perigee::tests
