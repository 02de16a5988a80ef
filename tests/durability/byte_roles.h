// SPDX-License-Identifier: Apache-2.0
//
// ByteRoles: what each byte of a database at rest is for, by the pages in docs/formats. A damaged
// byte that nobody notices must be found here under a rule; everything that no rule names is
// covered: its damage must be detected.
//
// Invariants: spans of a file do not overlap and ascend; the rule of each names the page it is
// from. Thread-safety: value types and functions without state.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/support/simulated_file_system.h"

namespace perigee::engine {

enum class ByteRole {
  kCovered,    ///< damage must be detected
  kPadding,    ///< means nothing by its format
  kUnread,     ///< of a file, or the part of one, that is not part of the database any more
  kRedundant,  ///< says only what other bytes prove as well
  kDerived,    ///< rebuilt from other sections: answers stay, the state says so
  kLastGroup,  ///< the last group of the log, which nothing proves to have been flushed (D7)
};

struct RoleSpan {
  uint64_t begin = 0;
  uint64_t end = 0;
  ByteRole role = ByteRole::kCovered;
  std::string rule = {};
};

struct FileRoles {
  std::vector<RoleSpan> spans;
  /// The whole file means nothing to the database, not even that it is there.
  bool unread = false;

  ByteRole At(uint64_t offset) const;
  const RoleSpan* SpanAt(uint64_t offset) const;
};

struct ByteRoles {
  /// By path from the root, without the leading '/', as SimulatedFileSystem::Files lists them.
  std::map<std::string, FileRoles> files;
  /// Numbers of the newest log file and of the manifest in use, as paths.
  std::string newest_log;
  std::string manifest;
  /// Where the manifest's records begin and its last mark ends: a shorter file that ends at or
  /// behind the first of these may be taken for an older manifest.
  uint64_t manifest_checkpoint_end = 0;
};

/// The roles of the files of the database at /db. Requires: an undamaged database at rest.
ByteRoles RolesOf(const storage::SimulatedFileSystem& disk);

/// The roles for a read-only open, which does not look at the log.
ByteRoles ReadOnlyRolesOf(const ByteRoles& roles);

}  // namespace perigee::engine
