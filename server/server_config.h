// SPDX-License-Identifier: Apache-2.0
//
// ServerConfig: what perigeed was told on its command line, checked.
//
// Invariants: a config that ParseServerConfig returned names a data directory and at least one
// address; nothing was opened or created to find out.
// Thread-safety: a value type.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "perigee/options.h"
#include "server/listen_address.h"
#include "storage/foundation/log.h"

namespace perigee::server {

/// What the server does when its storage fails (storage.md 3): a write or flush of the log or the
/// manifest went wrong, so that no write can be taken before the directory is opened again.
enum class StorageFailurePolicy {
  kExit,      ///< ends with 74 after a second, for a supervisor to start it again
  kReadOnly,  ///< goes on answering reads; writes get storage_failed
};

struct ServerConfig {
  std::string data_directory = {};
  std::vector<ListenAddress> listen = {};
  bool insecure = false;
  IoBackend io_backend = IoBackend::kAuto;
  /// Threads that search; 0: one per processor.
  size_t threads = 0;
  LogLevel log_level = LogLevel::kInfo;
  /// Where snapshots that clients ask for go; empty: they may not.
  std::string snapshot_directory = {};
  StorageFailurePolicy on_storage_failure = StorageFailurePolicy::kExit;
  /// OpenOptions of the same names; the reserve is that of a database which is made now.
  uint64_t disk_free_bytes_min = 0;
  uint64_t reserve_bytes = 256ULL << 20U;
  bool recovery_mode = true;
  /// How fast segments are read again in the background; 0: not at all.
  uint64_t scrub_bytes_per_second = kScrubBytesPerSecond;
};

/// What the command line asks for instead of a server.
struct PrintedText {
  std::string text = {};
};

/// kInvalidArgument naming the option, its value and what is accepted.
absl::StatusOr<std::variant<ServerConfig, PrintedText>> ParseServerConfig(
    const std::vector<std::string>& arguments);

}  // namespace perigee::server
