// SPDX-License-Identifier: Apache-2.0
//
// Decodes a deletion file after docs/formats/segment_format.md.
//
// Invariants: rows are strictly ascending and below the segment's row count (I5); every LSN is from
// 1 to the complete LSN.
// Thread-safety: functions without state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/inspect/checksum.h"
#include "tools/inspect/finding.h"
#include "tools/inspect/manifest_edit_decoder.h"
#include "tools/inspect/uuid.h"

namespace perigee::tools::inspect {

struct DeletionContent {
  Uuid database = {};
  Uuid segment = {};
  Uuid deletion = {};
  uint64_t generation = 0;
  uint64_t complete_lsn = 0;
  uint64_t segment_rows = 0;
  Hash header_hash = {};  ///< of the first 192 bytes, as the manifest has it
  uint64_t file_bytes = 0;
  std::vector<uint32_t> rows = {};
  std::vector<uint64_t> lsns = {};
};

std::optional<DeletionContent> ReadDeletions(const std::string& path, FileFindings& findings);

/// Whether the file is the one that the manifest means.
bool CheckDeletions(const DeletionContent& content, const DeletionEntry& expected,
                    const SegmentEntry& segment, const Uuid& database, FileFindings& findings);

}  // namespace perigee::tools::inspect
