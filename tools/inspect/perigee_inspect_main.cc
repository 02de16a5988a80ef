// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "perigee/version.h"
#include "tools/inspect/inspect_command.h"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe must not end a repair half way
  return perigee::tools::inspect::RunPerigeeInspect(
      std::vector<std::string>(argv + 1, argv + argc),
      {.output = std::cout, .error = std::cerr, .error_is_terminal = isatty(STDERR_FILENO) == 1},
      [] { return perigee::VersionLine("perigee-inspect"); });
}
