// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <string>
#include <variant>
#include <vector>

#include "perigee/model/exit_code.h"
#include "server/server_config.h"
#include "server/server_process.h"

int main(int argc, char** argv) {
  const auto parsed =
      perigee::server::ParseServerConfig(std::vector<std::string>(argv + 1, argv + argc));
  if (!parsed.ok()) {
    std::cerr << "perigeed: " << std::string(parsed.status().message()) << "\n";
    return static_cast<int>(perigee::ExitCode::kUsage);
  }
  if (const auto* printed = std::get_if<perigee::server::PrintedText>(&*parsed)) {
    std::cout << printed->text;
    return 0;
  }
  return perigee::server::RunServer(std::get<perigee::server::ServerConfig>(*parsed));
}
