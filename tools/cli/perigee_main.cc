// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "tools/cli/command_line.h"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe ends the output, not the database's clean close
  std::ios::sync_with_stdio(false);
  return perigee::tools::RunPerigee(std::vector<std::string>(argv + 1, argv + argc),
                                    {.input = std::cin, .output = std::cout, .error = std::cerr});
}
