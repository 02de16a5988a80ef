// SPDX-License-Identifier: Apache-2.0
//
// The command `perigee-load`: reads rows from files and publishes them as finished segments, all of
// them or none.
//
// Invariants: nothing is visible unless every accepted row is; rows refused beyond --max-rejects
// end the load with exit code 65, the rejects file written and nothing published. Thread-safety:
// one call at a time.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace perigee::tools {

struct LoadStreams {
  std::ostream& output;
  std::ostream& error;
  bool error_is_terminal = false;
};

/// Runs `perigee-load` with `arguments` (without the program's name) and returns its exit code.
int RunPerigeeLoad(const std::vector<std::string>& arguments, const LoadStreams& streams);

}  // namespace perigee::tools
