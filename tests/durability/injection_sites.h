// SPDX-License-Identifier: Apache-2.0
//
// The I/O sites of the sources: every place in storage/ and engine/ that calls a File or a
// FileSystem. They are found in the text of the sources, so that a site which no test meets is
// known by name.
//
// Invariants: callers name their files `file`, `file_` or `handle` and their file systems
// `file_system` or `file_system_`, or `target` for a copy's file, which the search relies on; a
// call at run time that is not in the list shows that somebody does not, and fails the test.
// Thread-safety: functions without state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/io/io_site.h"
#include "tests/support/simulated_disk.h"

namespace perigee::engine {

struct InjectionSite {
  std::string file = {};    ///< relative to the repository
  uint32_t first_line = 0;  ///< of the statement; compilers differ in which of its lines they name
  uint32_t last_line = 0;
  std::string call = {};  ///< "Open", "ReadBatch", ...

  std::string Name() const;
};

/// The sites in one source text.
std::vector<InjectionSite> FindInjectionSites(const std::string& file, std::string_view text);
/// The sites of all sources of the engine and the storage layer, without storage/io itself.
std::vector<InjectionSite> AllInjectionSites();

/// Index of the site where a recorded call was made, or sites.size().
size_t SiteOf(const std::vector<InjectionSite>& sites, const storage::CallRecord& call);

}  // namespace perigee::engine
