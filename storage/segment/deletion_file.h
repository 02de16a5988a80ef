// SPDX-License-Identifier: Apache-2.0
//
// del/<uuid>: the dead rows of one segment, each with the LSN of its death, complete up to one LSN
// (docs/formats/segment_format.md, "Deletion file"). A file is one generation; a newer one is a new
// file that the manifest entry of the segment names (F9, N11).
//
// Invariants:
//  1. Rows ascend strictly and are smaller than the segment's row count (I5).
//  2. 0 < death LSN <= complete_lsn for every row.
//  3. The file's checksum stands in the manifest entry, so a stale generation is recognised (F1).
//
// Thread-safety: functions without state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/encoding/uuid.h"
#include "storage/io/file_system.h"
#include "storage/segment/segment_format.h"

namespace perigee::storage {

struct DeadRow {
  uint32_t row = 0;
  uint64_t lsn = 0;  ///< of the write that ended this row version

  friend bool operator==(const DeadRow&, const DeadRow&) = default;
};

struct DeletionFile {
  Uuid database_uuid = {};
  Uuid segment_uuid = {};
  Uuid deletion_uuid = {};  ///< the file's own name
  uint64_t generation = 1;
  uint64_t complete_lsn = 0;  ///< every death up to here is listed
  uint64_t segment_rows = 0;
  std::vector<DeadRow> dead_rows = {};
  /// Read with ro_compat features that this version does not know: the segment may be searched,
  /// and nothing may replace this generation. Never written.
  bool read_only = false;

  friend bool operator==(const DeletionFile&, const DeletionFile&) = default;
};

/// What a deletion file is known by in the manifest.
struct DeletionReference {
  Uuid uuid = {};
  uint64_t generation = 0;
  uint64_t complete_lsn = 0;
  uint64_t dead_rows = 0;
  uint64_t file_bytes = 0;
  ContentHash checksum{};

  friend bool operator==(const DeletionReference&, const DeletionReference&) = default;
};

/// kInvalidArgument when `file` breaks an invariant.
absl::StatusOr<std::string> EncodeDeletionFile(const DeletionFile& file);
/// kDataLoss when damaged, kUnknownFormat when from a newer version.
absl::StatusOr<DeletionFile> DecodeDeletionFile(std::span<const std::byte> bytes);

/// Creates `path` (in tmp/), writes, syncs and reads it back; the caller publishes it.
absl::StatusOr<DeletionReference> WriteDeletionFile(FileSystem& file_system,
                                                    const std::string& path,
                                                    const DeletionFile& file);

/// What ReadDeletionFile compares the file with.
struct DeletionExpectation {
  Uuid database_uuid = {};
  Uuid segment_uuid = {};
  uint64_t segment_rows = 0;
  DeletionReference reference = {};
};

/// kDataLoss naming the file when it is damaged, stale or of another segment.
absl::StatusOr<DeletionFile> ReadDeletionFile(FileSystem& file_system, const std::string& path,
                                              const DeletionExpectation& expected);

}  // namespace perigee::storage
