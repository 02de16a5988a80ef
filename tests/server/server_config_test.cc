// SPDX-License-Identifier: Apache-2.0
#include "server/server_config.h"

#include <doctest/doctest.h>

namespace perigee::server {
namespace {

absl::StatusOr<std::variant<ServerConfig, PrintedText>> Parse(std::vector<std::string> arguments) {
  return ParseServerConfig(arguments);
}

TEST_CASE("defaults of the server") {
  const auto parsed = Parse({"--data", "db"});
  REQUIRE(parsed.ok());
  const auto& config = std::get<ServerConfig>(*parsed);
  CHECK(config.data_directory == "db");
  REQUIRE(config.listen.size() == 1);
  CHECK(config.listen[0].host == "127.0.0.1");
  CHECK(config.listen[0].port == 7474);
  CHECK(!config.insecure);
  CHECK(config.io_backend == IoBackend::kAuto);
  CHECK(config.threads == 0);
  CHECK(config.log_level == LogLevel::kInfo);
  CHECK(config.on_storage_failure == StorageFailurePolicy::kExit);
  CHECK(config.scrub_bytes_per_second == 8U << 20U);
  CHECK(config.disk_free_bytes_min == 0);
  CHECK(config.reserve_bytes == 256U << 20U);
  CHECK(config.recovery_mode);
}

TEST_CASE("limits of the disk and the recovery mode") {
  const auto parsed =
      Parse({"--data=db", "--disk-free-min", "3", "--reserve=0", "--recovery-mode=off"});
  REQUIRE(parsed.ok());
  const auto& config = std::get<ServerConfig>(*parsed);
  CHECK(config.disk_free_bytes_min == 3U << 20U);
  CHECK(config.reserve_bytes == 0);
  CHECK_FALSE(config.recovery_mode);
  CHECK_FALSE(Parse({"--data=db", "--reserve", "1048577"}).ok());
  CHECK_FALSE(Parse({"--data=db", "--disk-free-min", "-1"}).ok());
  CHECK_FALSE(Parse({"--data=db", "--recovery-mode", "on"}).ok());
}

TEST_CASE("every option of the server") {
  const auto parsed = Parse({"--data=db", "--listen", "[::1]:1", "--listen=unix:s", "--insecure",
                             "--io-backend", "posix", "--threads", "3", "--log-level", "debug",
                             "--on-storage-failure", "read_only", "--scrub-rate", "3"});
  REQUIRE(parsed.ok());
  const auto& config = std::get<ServerConfig>(*parsed);
  REQUIRE(config.listen.size() == 2);
  CHECK(config.listen[1].unix_path == "s");
  CHECK(config.insecure);
  CHECK(config.io_backend == IoBackend::kPosix);
  CHECK(config.threads == 3);
  CHECK(config.log_level == LogLevel::kDebug);
  CHECK(config.on_storage_failure == StorageFailurePolicy::kReadOnly);
  CHECK(config.scrub_bytes_per_second == 3U << 20U);
  CHECK(std::get<ServerConfig>(*Parse({"--data=db", "--scrub-rate=0"})).scrub_bytes_per_second ==
        0);
}

TEST_CASE("help and version need no data") {
  CHECK(std::get<PrintedText>(*Parse({"--help"})).text.find("--listen") != std::string::npos);
  CHECK(std::get<PrintedText>(*Parse({"--version"})).text.find("perigeed") != std::string::npos);
}

TEST_CASE("command lines that are refused") {
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{},
                                             {"--data"},
                                             {"--data", "db", "--listen", "nowhere"},
                                             {"--data", "db", "--io-backend", "magic"},
                                             {"--data", "db", "--log-level", "loud"},
                                             {"--data", "db", "--threads", "many"},
                                             {"--data", "db", "--threads", "1025"},
                                             {"--data", "db", "--on-storage-failure", "panic"},
                                             {"--data", "db", "--scrub-rate", "-1"},
                                             {"--data", "db", "--scrub-rate", "65537"},
                                             {"--data", "db", "--unknown"},
                                             {"--data", "db", "extra"}}) {
    CHECK(Parse(arguments).status().code() == absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace perigee::server
