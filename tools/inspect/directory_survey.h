// SPDX-License-Identifier: Apache-2.0
//
// What lies in a data directory by name, after docs/formats/layout.md.
//
// Invariants: nothing is opened; a name counts only in its one spelling, and every other name is
// among the unknown ones. quarantine/ is not looked into.
// Thread-safety: a function without state.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tools/inspect/finding.h"
#include "tools/inspect/manifest_edit_decoder.h"

namespace perigee::tools::inspect {

struct DirectorySurvey {
  bool has_identity = false;
  bool has_current = false;
  bool has_marker = false;               ///< tmp/INITIALISING
  std::vector<uint64_t> manifests = {};  ///< numbers, ascending
  std::vector<uint64_t> logs = {};
  std::set<NamedFile> files = {};  ///< in seg/, del/ and book/
  std::vector<std::string> temporaries = {};
  std::vector<std::string> unknown = {};
  uint64_t quarantined = 0;

  bool is_database() const { return has_identity && has_current; }
  bool has_objects() const { return !logs.empty() || !files.empty(); }
};

/// Adds a finding for a folder that is not one. kNotFound when there is no such directory.
absl::Status SurveyDirectory(const std::string& directory, DirectorySurvey& survey,
                             FindingList& findings);

}  // namespace perigee::tools::inspect
