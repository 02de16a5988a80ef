// SPDX-License-Identifier: Apache-2.0
//
// The list of a snapshot's files, after docs/formats/snapshot_format.md: whether SNAPSHOT is valid,
// and whether the directory holds exactly what it names, with the sizes and checksums it names.
// That the files are a database is database_verifier.h's.
//
// Invariants: at most one list and one piece of a file are in memory.
// Thread-safety: functions without state.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/inspect/finding.h"
#include "tools/inspect/uuid.h"

namespace perigee::tools::inspect {

struct ListedFile {
  std::string name = {};
  uint64_t bytes = 0;
  std::string sha256 = {};  ///< 64 hexadecimal digits
};

struct SnapshotList {
  Uuid database = {};
  uint64_t epoch = 0;
  uint64_t seq = 0;
  std::vector<ListedFile> files = {};
};

inline constexpr std::string_view kSnapshotListName = "SNAPSHOT";

/// Nothing, with a finding that says which line is wrong, when the text is no valid list.
std::optional<SnapshotList> DecodeSnapshotList(std::string_view text, FileFindings& findings);

/// Reads `directory`/SNAPSHOT and every file that it names; `on_bytes` is told of bytes read.
/// `database` is what IDENTITY says, when that is known.
void VerifySnapshot(const std::string& directory, const std::optional<Uuid>& database,
                    const std::function<void(uint64_t)>& on_bytes, FindingList& findings);

}  // namespace perigee::tools::inspect
