// SPDX-License-Identifier: Apache-2.0
#include "server/server_config.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "perigee/version.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::server {
namespace {

constexpr const char* kDefaultListen = "127.0.0.1:7474";
constexpr size_t kThreadsMax = 1'024;
constexpr uint64_t kMebibytesMax = 1'048'576;
constexpr uint64_t kScrubRateMax = 65'536;

constexpr const char* kFooter =
    "Clients connect with perigee://HOST:PORT or unix:PATH.\n"
    "SIGTERM and SIGINT end the server when the requests in progress are done, 30 s at most;\n"
    "a second signal ends it at once.\n"
    "Exit: 0 ended as told, 64 usage, 70 internal, 73 cannot listen there, 74 storage failed,\n"
    "75 the directory is locked, or the disk had no room for opening and has some now, 78 not a "
    "database, or an address that is not allowed.";

absl::StatusOr<IoBackend> ParseIoBackend(const std::string& name) {
  if (name == "auto") return IoBackend::kAuto;
  if (name == "posix") return IoBackend::kPosix;
  if (name == "uring") return IoBackend::kUring;
  return absl::InvalidArgumentError(
      absl::StrCat("--io-backend is '", name, "'; it is auto, posix or uring"));
}

absl::StatusOr<LogLevel> ParseLogLevel(const std::string& name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  return absl::InvalidArgumentError(
      absl::StrCat("--log-level is '", name, "'; it is debug, info, warning or error"));
}

absl::StatusOr<StorageFailurePolicy> ParseStorageFailurePolicy(const std::string& name) {
  if (name == "exit") return StorageFailurePolicy::kExit;
  if (name == "read_only") return StorageFailurePolicy::kReadOnly;
  return absl::InvalidArgumentError(
      absl::StrCat("--on-storage-failure is '", name, "'; it is exit or read_only"));
}

absl::StatusOr<uint64_t> ParseMebibytes(std::string_view option, uint64_t mebibytes) {
  if (mebibytes > kMebibytesMax) {
    return absl::InvalidArgumentError(absl::StrCat(Absl(option), " is ", mebibytes, "; at most ",
                                                   kMebibytesMax, " MiB are allowed"));
  }
  return mebibytes << 20U;
}

struct RawOptions {
  ServerConfig config;
  std::vector<std::string> listen;
  std::string io_backend = "auto";
  std::string log_level = "info";
  std::string on_storage_failure = "exit";
  std::string recovery_mode = "auto";
  uint64_t disk_free_min_mib = 0;
  uint64_t reserve_mib = 256;
  uint64_t scrub_mib_per_second = kScrubBytesPerSecond >> 20U;
  bool version = false;
};

void Declare(CLI::App& app, RawOptions& raw) {
  app.add_option("--data", raw.config.data_directory,
                 "Directory of the database; made if it is missing or empty");
  app.add_option("--listen", raw.listen,
                 absl::StrCat("HOST:PORT or unix:PATH; repeatable; port 0 takes a free one "
                              "(default ",
                              kDefaultListen, ")"));
  app.add_flag("--insecure", raw.config.insecure,
               "Allow addresses beyond loopback: without encryption, and everybody may do "
               "everything");
  app.add_option("--io-backend", raw.io_backend, "auto, posix or uring")->capture_default_str();
  app.add_option("--threads", raw.config.threads, "Threads that search; 0: one per processor")
      ->capture_default_str();
  app.add_option("--log-level", raw.log_level, "debug, info, warning or error")
      ->capture_default_str();
  app.add_option("--on-storage-failure", raw.on_storage_failure,
                 "exit: end with 74, so that a supervisor starts the server again; read_only: go "
                 "on answering reads")
      ->capture_default_str();
  app.add_option("--disk-free-min", raw.disk_free_min_mib,
                 "MiB of the disk below which upserts are refused, while deletes go on; 0: 5% of "
                 "the disk, 2 GiB at most")
      ->capture_default_str();
  app.add_option(
         "--reserve", raw.reserve_mib,
         "MiB of the disk that a new database keeps for itself, so that deletes and opening "
         "go on when others have filled the disk; 0: none")
      ->capture_default_str();
  app.add_option("--recovery-mode", raw.recovery_mode,
                 "auto: after three failed opens within ten minutes, and on a disk without any "
                 "room, serve reads only and say why; off: try to open for writing again")
      ->capture_default_str();
  app.add_option("--snapshot-dir", raw.config.snapshot_directory,
                 "Directory below which clients may take snapshots, each under a name; without it "
                 "they may not");
  app.add_option("--scrub-rate", raw.scrub_mib_per_second,
                 "MiB a second at which the disk is read again in the background and verified; "
                 "faster where seven days would not do; 0: never")
      ->capture_default_str();
  app.add_flag("--version", raw.version, "Version, build, instruction set and formats");
  app.footer(kFooter);
}

absl::StatusOr<ServerConfig> Check(RawOptions raw) {
  ServerConfig config = std::move(raw.config);
  if (config.data_directory.empty()) {
    return absl::InvalidArgumentError("--data DIR is missing: the directory of the database");
  }
  if (config.threads > kThreadsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("--threads is ", config.threads, "; at most ", kThreadsMax, " are allowed"));
  }
  if (raw.scrub_mib_per_second > kScrubRateMax) {
    return absl::InvalidArgumentError(absl::StrCat("--scrub-rate is ", raw.scrub_mib_per_second,
                                                   "; at most ", kScrubRateMax,
                                                   " MiB a second are allowed"));
  }
  config.scrub_bytes_per_second = raw.scrub_mib_per_second << 20U;
  PERIGEE_ASSIGN_OR_RETURN(config.io_backend, ParseIoBackend(raw.io_backend));
  PERIGEE_ASSIGN_OR_RETURN(config.log_level, ParseLogLevel(raw.log_level));
  PERIGEE_ASSIGN_OR_RETURN(config.on_storage_failure,
                           ParseStorageFailurePolicy(raw.on_storage_failure));
  if (raw.recovery_mode != "auto" && raw.recovery_mode != "off") {
    return absl::InvalidArgumentError(
        absl::StrCat("--recovery-mode is '", raw.recovery_mode, "'; it is auto or off"));
  }
  config.recovery_mode = raw.recovery_mode == "auto";
  PERIGEE_ASSIGN_OR_RETURN(config.disk_free_bytes_min,
                           ParseMebibytes("--disk-free-min", raw.disk_free_min_mib));
  PERIGEE_ASSIGN_OR_RETURN(config.reserve_bytes, ParseMebibytes("--reserve", raw.reserve_mib));
  if (raw.listen.empty()) {
    raw.listen.emplace_back(kDefaultListen);
  }
  for (const std::string& text : raw.listen) {
    PERIGEE_ASSIGN_OR_RETURN(ListenAddress address, ParseListenAddress(text));
    config.listen.push_back(std::move(address));
  }
  return config;
}

}  // namespace

absl::StatusOr<std::variant<ServerConfig, PrintedText>> ParseServerConfig(
    const std::vector<std::string>& arguments) {
  CLI::App app("perigeed serves a Perigee database over Cap'n Proto RPC.", "perigeed");
  RawOptions raw;
  Declare(app, raw);
  // CLI11 wants the arguments in reverse order and reports with exceptions, which stop here.
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    return PrintedText{.text = app.help()};
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(absl::StrCat(error.what(), "; see perigeed --help"));
  }
  if (raw.version) {
    return PrintedText{.text = VersionLine("perigeed") + "\n"};
  }
  PERIGEE_ASSIGN_OR_RETURN(ServerConfig config, Check(std::move(raw)));
  return config;
}

}  // namespace perigee::server
