// SPDX-License-Identifier: Apache-2.0
//
// SNAPSHOT: the list of a snapshot's files with their sizes and SHA-256, and of which database and
// write it is (docs/formats/snapshot_format.md). A text that ends with its own SHA-256.
//
// Invariants:
//  1. DecodeSnapshotList accepts exactly what EncodeSnapshotList writes.
//  2. Names are names of file_names.h of files that a snapshot may hold, ascending, each once; so
//     nothing in the list leads out of a directory (S6).
//
// Thread-safety: plain values and functions without state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/encoding/sha256.h"
#include "storage/encoding/uuid.h"

namespace perigee::storage {

struct SnapshotFile {
  std::string name = {};
  uint64_t bytes = 0;
  Sha256Digest sha256 = {};

  friend bool operator==(const SnapshotFile&, const SnapshotFile&) = default;
};

struct SnapshotList {
  Uuid database_uuid = {};
  uint64_t epoch = 0;  ///< of the writer that made the snapshot
  uint64_t seq = 0;    ///< every write up to this one is in the snapshot, none after it
  std::vector<SnapshotFile> files = {};

  uint64_t total_bytes() const;
  friend bool operator==(const SnapshotList&, const SnapshotList&) = default;
};

/// A list has at most this many files and bytes: more than 20,000 segments with deletions need.
inline constexpr size_t kSnapshotFilesMax = 100'000;
inline constexpr size_t kSnapshotListBytesMax = size_t{32} << 20U;

/// Whether a snapshot may hold a file of this name.
bool IsSnapshotFileName(std::string_view name);

/// Sorts the files. kInvalidArgument for a name that does not belong or comes twice.
absl::StatusOr<std::string> EncodeSnapshotList(SnapshotList list);
/// kDataLoss naming the line when the text is not exactly that of an encoder; kUnimplemented for a
/// later version.
absl::StatusOr<SnapshotList> DecodeSnapshotList(std::string_view text);

}  // namespace perigee::storage
