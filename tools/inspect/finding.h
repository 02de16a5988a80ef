// SPDX-License-Identifier: Apache-2.0
//
// What the second decoder has to say about a file: findings, each with a stable code, a place, what
// was expected and what was found. What a code means for the user is in finding_meaning.h.
//
// Invariants: codes are stable and documented in docs/inspect.md; a list keeps at most
// kFindingsMax findings and counts the rest, so that a hostile file cannot fill the memory.
// Thread-safety: a list belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace perigee::tools::inspect {

enum class Severity {
  kNotice,       ///< worth knowing, nothing is wrong
  kUnsupported,  ///< of a later version
  kUnreadable,   ///< the operating system could not read it
  kDamage,       ///< bytes are not what they were, or files are missing
};

struct Finding {
  Severity severity = Severity::kDamage;
  std::string code = {};  ///< "segment.page"
  std::string file = {};  ///< relative to the directory
  std::optional<uint64_t> offset = std::nullopt;
  std::string section = {};
  std::string expected = {};
  std::string found = {};

  friend bool operator==(const Finding&, const Finding&) = default;
};

/// "damage", "unreadable", "unsupported", "notice".
std::string_view SeverityName(Severity severity);

class FindingList {
 public:
  static constexpr size_t kFindingsMax = 1000;

  void Add(Finding finding);
  const std::vector<Finding>& findings() const { return findings_; }
  /// Findings beyond kFindingsMax, which are counted and not kept.
  uint64_t left_out() const { return left_out_; }
  /// Whether nothing worse than notices was found.
  bool clean() const { return worst_ == Severity::kNotice; }
  bool Has(Severity severity) const;
  size_t CountOf(Severity severity) const;

 private:
  std::vector<Finding> findings_;
  uint64_t left_out_ = 0;
  Severity worst_ = Severity::kNotice;
};

/// A list seen from one file: fills in the file's name.
class FileFindings {
 public:
  FileFindings(FindingList& list, std::string file) : list_(&list), file_(std::move(file)) {}

  /// Adds and returns false, so that a check can end with `return findings.Add(...)`.
  bool Add(Finding finding);
  const std::string& file() const { return file_; }
  /// Whether anything worse than a notice was added through this object.
  bool clean() const { return clean_; }
  FindingList& list() { return *list_; }

 private:
  FindingList* list_;
  std::string file_;
  bool clean_ = true;
};

}  // namespace perigee::tools::inspect
