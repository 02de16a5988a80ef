// SPDX-License-Identifier: Apache-2.0
//
// The command `perigee-inspect`: verifies a database with a decoder of its own, shows what its
// files hold, and cuts a damaged log on an operator's word.
//
// Invariants: verify, wal, manifest and segment change nothing and take no lock; wal repair asks
// for what it may give up. Thread-safety: one call at a time.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

namespace perigee::tools::inspect {

struct InspectStreams {
  std::ostream& output;
  std::ostream& error;
  bool error_is_terminal = false;
};

/// Runs `perigee-inspect` with `arguments` (without the program's name) and returns its exit code.
/// `version_line` is what --version prints.
int RunPerigeeInspect(const std::vector<std::string>& arguments, const InspectStreams& streams,
                      const std::function<std::string()>& version_line);

}  // namespace perigee::tools::inspect
