// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "tools/bulk_load/load_command.h"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe must not end a load
  return perigee::tools::RunPerigeeLoad(
      std::vector<std::string>(argv + 1, argv + argc),
      {.output = std::cout, .error = std::cerr, .error_is_terminal = isatty(STDERR_FILENO) == 1});
}
