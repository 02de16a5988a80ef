// SPDX-License-Identifier: Apache-2.0
//
// OpenOptions: how a database directory is opened. Only `access` has no default.
//
// Invariants: creation options (log_file_bytes, section_alignment_bytes, checksum pages, hash seed)
// are recorded in IDENTITY at creation and read from there ever after.
// Thread-safety: a value type.
#pragma once

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "perigee/access.h"

namespace perigee {

enum class IoBackend { kAuto, kPosix, kUring };

/// Used only when the directory is initialised; small values keep test directories small.
struct CreationOptions {
  uint64_t log_file_bytes = 64ULL << 20U;         ///< 64 KiB to 1 GiB
  uint32_t section_alignment_bytes = 64U << 10U;  ///< 4 KiB or 64 KiB
  /// Blocks of the disk kept in a file, so that deletes, rewriting and opening go on when others
  /// have filled the disk; a multiple of 4 KiB.
  uint64_t reserve_bytes = 0;
};

/// Reads 700 GB a day and leaves a disk nine tenths of its time and more.
inline constexpr uint64_t kScrubBytesPerSecond = 8ULL << 20U;

struct OpenOptions {
  /// On whose behalf calls on the returned handle run.
  Access access;
  bool create_if_missing = true;
  /// Takes no lock, replays nothing, writes nothing; shows the last published state (N9).
  bool read_only = false;
  IoBackend io_backend = IoBackend::kAuto;
  CreationOptions creation = {};
  /// A growing segment is sealed when its rows take this much.
  uint64_t growing_segment_bytes_max = 64ULL << 20U;
  /// Log size at which collections are sealed so that old log files can go. At twice this size
  /// writes wait, and are refused with kResourceExhausted when that does not help: a database never
  /// has more to replay than that.
  uint64_t log_bytes_max = 512ULL << 20U;
  /// Threads that seal and compact; 0 leaves sealing to Flush and Optimize. With any, Open returns
  /// once every file was found and looked at, and threads of its own bring segments into memory
  /// behind it: calls wait for what they need, and the state of a collection says "loading: ...".
  /// With 0, everything is in memory before Open returns.
  uint32_t maintenance_threads = 1;
  /// The scrub reads segments again and verifies them at this rate in the background, each every
  /// three days, faster where not all could be read within seven days otherwise. What is damaged on
  /// the disk is told in status and written anew from memory. 0, no maintenance thread, or a
  /// read-only handle: never.
  uint64_t scrub_bytes_per_second = kScrubBytesPerSecond;
  bool allow_network_filesystem = false;
  /// When the last three opens failed within ten minutes, or opening finds no room at all on the
  /// disk, the database is opened read-only instead, and status and every refused write say why
  /// (D13). False: that is an error, or one more attempt.
  bool recovery_mode = true;
  /// Below this much free space upserts answer kResourceExhausted. 0: min(5% of the disk, 2 GiB).
  uint64_t disk_free_bytes_min = 0;
  /// Called once when storage fails and the handle turns read-only; must not call back into it.
  std::function<void(const absl::Status&)> on_storage_failed = {};
};

}  // namespace perigee
