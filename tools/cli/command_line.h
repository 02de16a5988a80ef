// SPDX-License-Identifier: Apache-2.0
//
// The command `perigee`: options and verbs read with CLI11, run against a DatabaseTarget.
//
// Invariants: standard output carries data only, messages go to `streams.error`; a verb that fails
// leaves nothing half done and answers the exit code of docs/errors.md.
// Thread-safety: one call at a time.
#pragma once

#include <istream>
#include <ostream>
#include <string>
#include <vector>

namespace perigee::tools {

struct CommandStreams {
  std::istream& input;
  std::ostream& output;
  std::ostream& error;
};

/// Runs `perigee` with `arguments` (without the program's name) and returns its exit code.
int RunPerigee(const std::vector<std::string>& arguments, const CommandStreams& streams);

}  // namespace perigee::tools
